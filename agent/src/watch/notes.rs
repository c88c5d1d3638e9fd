//! Events that matter, kept per pod or owner: one note for each Event object, so that the same Event three times, or an older
//! state of it after a newer one, changes nothing (fault 19).

use super::{record::version, seen, slim::event::Event};
use jiff::{SignedDuration, Timestamp};
use podmender_policy::{
    bounds::{Message, Name, Text},
    observation::{EventSeen, PodSeen, Probe, ProbeFailure},
};

/// Events kept per pod for the policy.
const MOST_EVENTS: usize = 8;
/// Event objects kept per pod; a new message makes a new object.
const MOST_NOTES: usize = 16;
/// A failing probe keeps an otherwise healthy pod suspect for this long after it was last heard of.
const PROBE_COUNTS_FOR: SignedDuration = SignedDuration::from_mins(10);

/// What one Event object says.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Note {
    name: Box<str>,
    version: u64,
    pub(super) said: Said,
    message: Message,
    first: Timestamp,
    pub(super) last: Timestamp,
    count: u32,
}

/// What kind of thing it says.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Said {
    /// A probe failed, or the kubelet killed a container for it.
    Probe {
        container: Name,
        probe: Probe,
        killed: bool,
    },
    /// Another Warning.
    Warning(Text<128>),
}

impl Note {
    /// Reads an Event; `None` if it does not matter.
    pub(super) fn read(event: &Event) -> Option<Self> {
        let raw = event.message.as_deref().unwrap_or_default();
        let message = raw
            .strip_prefix("(combined from similar events): ")
            .unwrap_or(raw);
        let said = match event.reason.as_deref()? {
            "Unhealthy" => Said::Probe {
                container: container(event)?,
                probe: failed_probe(message)?,
                killed: false,
            },
            "Killing" => Said::Probe {
                container: container(event)?,
                probe: killed_for(message)?,
                killed: true,
            },
            reason if event.kind.as_deref() == Some("Warning") => Said::Warning(Text::new(reason)),
            _ => return None,
        };
        let last = event.last()?;
        Some(Self {
            name: event.metadata.name.as_deref().unwrap_or_default().into(),
            version: version(event.metadata.resource_version.as_deref()),
            said,
            message: seen::message(Some(message)),
            first: event.first().unwrap_or(last).min(last),
            last,
            count: event.times(),
        })
    }

    pub(super) fn is_probe(&self) -> bool {
        matches!(self.said, Said::Probe { .. })
    }
}

/// `spec.containers{web}` or `spec.initContainers{web}` (pkg/kubelet/container/ref.go).
fn container(event: &Event) -> Option<Name> {
    let path = event.involved_object.field_path.as_deref()?;
    let (_, rest) = path.split_once('{')?;
    Some(Name::new(rest.strip_suffix('}')?))
}

/// `Liveness probe failed: ...`, `Readiness probe errored ...` (pkg/kubelet/prober/prober.go).
fn failed_probe(message: &str) -> Option<Probe> {
    let (which, rest) = message.split_once(" probe ")?;
    if !rest.starts_with("failed") && !rest.starts_with("errored") {
        return None;
    }
    match which {
        "Liveness" => Some(Probe::Liveness),
        "Readiness" => Some(Probe::Readiness),
        "Startup" => Some(Probe::Startup),
        _ => None,
    }
}

/// `Container web failed liveness probe, will be restarted` (pkg/kubelet/kuberuntime/kuberuntime_manager.go).
fn killed_for(message: &str) -> Option<Probe> {
    if message.contains(" failed liveness probe") {
        Some(Probe::Liveness)
    } else if message.contains(" failed startup probe") {
        Some(Probe::Startup)
    } else {
        None
    }
}

/// The notes on one pod or owner, oldest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Notes(Vec<Note>);

impl Notes {
    /// Takes `note`; gives whether it says anything new.
    pub(super) fn add(&mut self, note: Note) -> bool {
        if let Some(at) = self.0.iter().position(|n| n.name == note.name) {
            let known = &self.0[at];
            let older = note.version != 0 && note.version < known.version;
            if older || (note.last, note.count) <= (known.last, known.count) {
                return false;
            }
            self.0.remove(at);
        }
        let place = self.0.partition_point(|n| n.last <= note.last);
        self.0.insert(place, note);
        if self.0.len() > MOST_NOTES {
            self.0.remove(0);
        }
        true
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Until when they keep an otherwise healthy pod suspect.
    pub(super) fn until(&self) -> Option<Timestamp> {
        let last = self
            .0
            .iter()
            .filter(|n| n.is_probe())
            .map(|n| n.last)
            .max()?;
        last.saturating_add(PROBE_COUNTS_FOR).ok()
    }

    /// Writes them into the pod as the policy sees it.
    pub(super) fn fill(&self, pod: &mut PodSeen) {
        pod.events = self.events();
        pod.probes.clear();
        for note in &self.0 {
            let Said::Probe {
                container,
                probe,
                killed,
            } = &note.said
            else {
                continue;
            };
            let known = pod
                .probes
                .iter_mut()
                .find(|p| p.container == *container && p.probe == *probe);
            match known {
                Some(known) => join(known, note, *killed),
                None => pod.probes.push(ProbeFailure {
                    container: container.clone(),
                    probe: *probe,
                    message: note.message.clone(),
                    first: note.first,
                    last: note.last,
                    count: if *killed { 0 } else { note.count },
                    killed: killed.then_some(note.last),
                }),
            }
        }
    }

    /// The Warnings among them.
    pub(super) fn events(&self) -> Vec<EventSeen> {
        let warnings = self.0.iter().filter_map(|note| match &note.said {
            Said::Warning(reason) => Some(EventSeen {
                reason: reason.clone(),
                message: note.message.clone(),
                last: note.last,
                count: note.count,
            }),
            Said::Probe { .. } => None,
        });
        let mut warnings: Vec<_> = warnings.collect();
        let surplus = warnings.len().saturating_sub(MOST_EVENTS);
        warnings.drain(..surplus);
        warnings
    }
}

/// Adds a later note on the same probe of the same container; what the probe said is worth more than that the kubelet killed for it.
fn join(known: &mut ProbeFailure, note: &Note, killed: bool) {
    known.first = known.first.min(note.first);
    known.last = known.last.max(note.last);
    if killed {
        known.killed = known.killed.max(Some(note.last));
    } else {
        known.count = known.count.saturating_add(note.count);
        known.message = note.message.clone();
    }
}

/// Notes on pods that are plainly healthy, or that the watch has not brought yet: kept for a while in case the pod turns suspect.
#[derive(Default)]
pub(super) struct Pending(std::collections::VecDeque<(super::uid::Uid, Note)>);

impl Pending {
    /// At most this many per namespace (200 kB).
    const MOST: usize = 256;
    /// And for this long after they happened.
    const FOR: SignedDuration = SignedDuration::from_mins(5);

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Keeps `note` on the object `uid`.
    pub(super) fn keep(&mut self, uid: super::uid::Uid, note: Note, now: Timestamp) {
        let old = |(_, n): &(_, Note)| now.duration_since(n.last) > Self::FOR;
        while self.0.len() >= Self::MOST || self.0.front().is_some_and(old) {
            self.0.pop_front();
        }
        self.0.push_back((uid, note));
    }

    /// Takes out what is known of `uid`.
    pub(super) fn take(&mut self, uid: &super::uid::Uid) -> Vec<Note> {
        if self.0.iter().all(|(u, _)| u != uid) {
            return Vec::new();
        }
        let (mine, rest) = std::mem::take(&mut self.0)
            .into_iter()
            .partition::<Vec<_>, _>(|(u, _)| u == uid);
        self.0 = rest.into();
        mine.into_iter().map(|(_, note)| note).collect()
    }
}
