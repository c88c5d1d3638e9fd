//! What is kept of one pod: some 200 bytes while it is plainly healthy, all of it otherwise.

use super::{
    notes::Notes,
    seen::{self, Health},
    shape::Shape,
    slim::pod,
    uid::Uid,
};
use jiff::Timestamp;
use podmender_policy::{
    bounds::Name,
    observation::{
        ContainerRole, ContainerSeen, ContainerState, Leaving, PodPhase, PodSeen, Ready,
        Terminated, TerminatedReason,
    },
};
use std::sync::Arc;

/// One pod.
pub(super) struct Pod {
    /// Which owner's pod it is (an entry of `Owners`).
    pub(super) owner: Uid,
    /// Resource version, for telling an older state that arrives late.
    pub(super) version: u64,
    /// The list in which it was seen last.
    pub(super) round: u32,
    /// Its newest state could not be decoded: what is known is out of date.
    pub(super) blind: bool,
    pub(super) ready: bool,
    pub(super) was_ready: bool,
    /// Counts for the storm threshold.
    pub(super) failing: bool,
    succeeded: bool,
    name: Box<str>,
    node: Option<Arc<str>>,
    shape: Arc<Shape>,
    created: Timestamp,
    ready_since: Timestamp,
    running_since: Option<Timestamp>,
    /// Per container, if any is not 0.
    restarts: Box<[u32]>,
    suspect: Option<Box<Suspect>>,
}

/// The rest of a pod that is not plainly healthy.
pub(super) struct Suspect {
    pub(super) seen: PodSeen,
    pub(super) notes: Notes,
    /// By its status it is well, and if nothing happens a compact record will do from this time on.
    well_at: Option<Timestamp>,
}

/// Whether a change of a pod can matter to anybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// It was plainly healthy and is, or nothing changed.
    Routine,
    /// It is or was suspect and changed.
    Matters,
}

impl Pod {
    /// A record of `pod`. `before`: the record of the same pod (same UID), if there was one.
    pub(super) fn new(
        pod: &pod::Pod,
        owner: Uid,
        shape: Arc<Shape>,
        node: Option<Arc<str>>,
        before: Option<Box<Self>>,
        now: Timestamp,
    ) -> (Box<Self>, Change) {
        let was_ready = before.as_ref().is_some_and(|b| b.was_ready);
        let whole = before
            .as_ref()
            .and_then(|b| Some(&b.suspect.as_ref()?.seen));
        let mut seen = seen::seen(pod, &shape, was_ready, whole);
        let health = seen::health(&seen, now);
        let notes = before
            .as_ref()
            .and_then(|b| b.suspect.as_ref())
            .map(|s| s.notes.clone())
            .unwrap_or_default();
        let well_at = match health {
            Health::Well => notes.until(),
            Health::WellAgain(until) => Some(notes.until().map_or(until, |n| n.max(until))),
            Health::Suspect => None,
        }
        .filter(|at| *at > now);
        let keep = health == Health::Suspect || well_at.is_some();
        notes.fill(&mut seen);
        let was_suspect = before.as_ref().and_then(|b| b.suspect.as_ref());
        let change = match (was_suspect, keep) {
            (None, false) => Change::Routine,
            (Some(old), true) if old.seen == seen => Change::Routine,
            _ => Change::Matters,
        };
        let restarts = seen.containers.iter().map(|c| c.restarts);
        let record = Self {
            owner,
            version: version(pod.metadata.resource_version.as_deref()),
            round: 0,
            blind: false,
            ready: matches!(seen.ready, Ready::Yes(_)),
            was_ready: seen.was_ready,
            failing: seen::failing(&seen),
            succeeded: seen.phase == PodPhase::Succeeded,
            name: seen.name.as_str().into(),
            node,
            created: seen.created,
            ready_since: since(seen.ready).unwrap_or(seen.created),
            running_since: seen.containers.iter().filter_map(started).max(),
            restarts: if restarts.clone().any(|r| r > 0) {
                restarts.collect()
            } else {
                Box::default()
            },
            suspect: keep.then(|| {
                Box::new(Suspect {
                    seen,
                    notes,
                    well_at,
                })
            }),
            shape,
        };
        (Box::new(record), change)
    }

    pub(super) fn shape(&self) -> &Shape {
        &self.shape
    }

    pub(super) fn created(&self) -> Timestamp {
        self.created
    }

    pub(super) fn suspect(&self) -> Option<&Suspect> {
        self.suspect.as_deref()
    }

    /// Changes its notes; a healthy pod becomes a suspect if `promote`. Gives whether anything changed.
    pub(super) fn note(
        &mut self,
        uid: &Uid,
        promote: bool,
        change: impl FnOnce(&mut Notes) -> bool,
    ) -> bool {
        if self.suspect.is_none() && !promote {
            return false;
        }
        if self.suspect.is_none() {
            let seen = self.rebuild(uid);
            self.suspect = Some(Box::new(Suspect {
                seen,
                notes: Notes::default(),
                well_at: Some(Timestamp::UNIX_EPOCH),
            }));
        }
        let Some(suspect) = &mut self.suspect else {
            return false;
        };
        let changed = change(&mut suspect.notes);
        if changed {
            suspect.notes.fill(&mut suspect.seen);
            if let Some(at) = suspect.well_at {
                suspect.well_at = Some(suspect.notes.until().map_or(at, |n| n.max(at)));
            }
        }
        changed
    }

    /// Whether by `now` nothing is left that makes it suspect.
    pub(super) fn well_by(&self, now: Timestamp) -> bool {
        self.suspect
            .as_ref()
            .is_some_and(|s| s.well_at.is_some_and(|at| at <= now))
    }

    /// Lets go of everything but the compact record.
    pub(super) fn compact(&mut self) {
        self.suspect = None;
    }

    /// The pod of a compact record: healthy by definition; what a template says comes from the shape, and how containers ended
    /// long ago is forgotten.
    fn rebuild(&self, uid: &Uid) -> PodSeen {
        let shape = &self.shape;
        PodSeen {
            name: Name::new(&self.name),
            uid: uid.name(),
            created: self.created,
            node: self.node.as_deref().map(Name::new),
            revision: shape.revision.clone(),
            phase: if self.succeeded {
                PodPhase::Succeeded
            } else {
                PodPhase::Running
            },
            leaving: Leaving::No,
            ready: if self.succeeded {
                Ready::No(self.ready_since)
            } else {
                Ready::Yes(self.ready_since)
            },
            was_ready: self.was_ready,
            unschedulable: None,
            restart_policy: shape.restart_policy,
            is_static: shape.is_static,
            containers: (0..shape.containers.len())
                .map(|i| self.container(i))
                .collect(),
            probes: Vec::new(),
            events: Vec::new(),
        }
    }

    fn container(&self, index: usize) -> ContainerSeen {
        let part = &self.shape.containers[index];
        let ended = self.succeeded || part.role == ContainerRole::Init;
        ContainerSeen {
            name: part.name.clone(),
            role: part.role,
            image: part.image.clone(),
            restarts: self.restarts.get(index).copied().unwrap_or(0),
            ready: !ended,
            started: !ended,
            state: if ended {
                ContainerState::Terminated(Terminated {
                    reason: TerminatedReason::Completed,
                    exit_code: 0,
                    message: "".into(),
                    started: None,
                    finished: None,
                })
            } else {
                ContainerState::Running(self.running_since)
            },
            last: None,
            resized: None,
            memory_limit: part.memory_limit,
            log: None,
        }
    }
}

/// A resource version as a number, which it is and may be compared as since Kubernetes 1.35 (KEP-5504); 0 if it is not.
pub(super) fn version(raw: Option<&str>) -> u64 {
    raw.and_then(|r| r.parse().ok()).unwrap_or(0)
}

fn since(ready: Ready) -> Option<Timestamp> {
    match ready {
        Ready::Yes(at) | Ready::No(at) | Ready::NodeLost(at) => Some(at),
        Ready::Unknown => None,
    }
}

fn started(container: &ContainerSeen) -> Option<Timestamp> {
    match container.state {
        ContainerState::Running(at) => at,
        _ => None,
    }
}
