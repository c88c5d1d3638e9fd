//! What a language model is told of an incident: numbered lines without secrets. There is one way to make a [`Brief`], and it
//! goes through the redactor; who wants to ask a model needs one.
//!
//! Names of workloads, pods, namespaces and people are not added to it: a cause does not need them, and one mistake in two
//! places is then one question.

use crate::{
    bounds::Text,
    diagnose::{Diagnosis, FailureKind, Missing, Onset},
    incident::{Incident, short_hash},
    logs::fingerprint,
    observation::{
        ContainerSeen, ContainerState, LogCause, Manager, Observation, PodSeen, RolloutState,
        Terminated,
    },
    redact::Redactor,
};
use jiff::Timestamp;

/// The most lines of one kind: what a failing cluster writes has no end.
const MAX_OF_A_KIND: usize = 12;

/// What a line tells; in the order of what matters for the cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LineKind {
    /// What fails, since when, and what our own rules make of it.
    Diagnosis,
    /// A line of the log, repeats collapsed.
    Log,
    /// An Event, a probe's or a state's message.
    Event,
    /// A fact of the spec.
    Spec,
    /// What changed lately.
    Change,
}

impl LineKind {
    /// As the prompt names it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Diagnosis => "diagnosis",
            Self::Log => "log",
            Self::Event => "event",
            Self::Spec => "spec",
            Self::Change => "change",
        }
    }
}

/// One line: on one line, without control characters and without secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    kind: LineKind,
    text: Text<512>,
}

impl Line {
    /// What it tells.
    #[must_use]
    pub fn kind(&self) -> LineKind {
        self.kind
    }

    /// What it says.
    #[must_use]
    pub fn text(&self) -> &str {
        self.text.as_str()
    }
}

/// Everything that a model may be told of one incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Brief {
    failure: FailureKind,
    lines: Vec<Line>,
    fingerprint: Text<16>,
}

impl Brief {
    /// Puts together what is known, and takes every secret out of it.
    #[must_use]
    pub fn of(incident: &Incident, seen: &Observation, now: Timestamp) -> Self {
        let mut brief = Draft::default();
        let diagnosis = &incident.status.diagnosis;
        let pod = seen.suspects.iter().find(|p| p.uid == diagnosis.pod_uid);
        let container = pod.and_then(|p| {
            let named = |c: &&ContainerSeen| Some(&c.name) == diagnosis.container.as_ref();
            p.containers.iter().find(named)
        });
        brief.diagnosis(incident);
        for line in &incident.status.evidence.lines {
            brief.add(LineKind::Log, line.as_str());
        }
        brief.events(incident, pod, container);
        brief.spec(incident, pod, container);
        brief.changes(seen, now);
        Self {
            failure: diagnosis.failure,
            lines: brief.lines,
            fingerprint: mark(incident),
        }
    }

    /// What fails.
    #[must_use]
    pub fn failure(&self) -> FailureKind {
        self.failure
    }

    /// The lines: those of one kind stand together, the weightiest kind first.
    #[must_use]
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// The same for failures that look the same but for numbers, times and names: one answer does for all of them.
    #[must_use]
    pub fn fingerprint(&self) -> &Text<16> {
        &self.fingerprint
    }
}

/// The fingerprint of an incident's evidence.
fn mark(incident: &Incident) -> Text<16> {
    let (d, e) = (&incident.status.diagnosis, &incident.status.evidence);
    let mut parts = vec![
        format!("{:?}{:?}{:?}", d.failure, d.role, d.onset),
        format!("{:?}{:?}{:?}", d.container, d.exit_code, d.missing),
        format!("{:?}{}", e.cause, e.image),
        fingerprint(e.message.as_str()).to_string(),
    ];
    let event = e.event.as_ref().map(|e| e.message.as_str());
    let said = e.lines.iter().map(|l| l.as_str()).chain(event);
    parts.extend(said.map(|text| fingerprint(text).to_string()));
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    Text::from(short_hash(&parts))
}

/// A brief in the making. The one place that knows raw text: everything goes through `add`.
#[derive(Default)]
struct Draft {
    redactor: Redactor,
    lines: Vec<Line>,
}

impl Draft {
    fn add(&mut self, kind: LineKind, raw: &str) {
        let text = Text::new(&self.redactor.apply(raw));
        let same = |l: &&Line| l.kind == kind;
        let known = self.lines.iter().any(|l| l.text == text);
        if !text.is_empty() && !known && self.lines.iter().filter(same).count() < MAX_OF_A_KIND {
            self.lines.push(Line { kind, text });
        }
    }

    fn diagnosis(&mut self, incident: &Incident) {
        let (d, e) = (&incident.status.diagnosis, &incident.status.evidence);
        let replicas = incident.status.replicas;
        self.add(LineKind::Diagnosis, &failing(d));
        self.add(
            LineKind::Diagnosis,
            &format!(
                "{} pods fail; {} of {} are ready; {} restarts; it began {}",
                d.pods_failing,
                replicas.ready,
                replicas.desired,
                d.restarts,
                onset(d.onset)
            ),
        );
        if let Some(missing) = &d.missing {
            self.add(LineKind::Diagnosis, &lacking(missing));
        }
        if e.cause != LogCause::Unknown || !e.sentence.is_empty() {
            self.add(
                LineKind::Diagnosis,
                &format!("by rule: {} ({} % sure)", e.sentence, e.confidence.min(100)),
            );
        }
    }

    fn events(
        &mut self,
        incident: &Incident,
        pod: Option<&PodSeen>,
        container: Option<&ContainerSeen>,
    ) {
        let e = &incident.status.evidence;
        self.add(LineKind::Event, e.message.as_str());
        if let Some(event) = &e.event {
            self.add(
                LineKind::Event,
                &format!("{}: {}", event.reason, event.message),
            );
        }
        if let Some(ended) = container.and_then(ended).filter(|t| !t.message.is_empty()) {
            let told = format!("termination message: {}", ended.message);
            self.add(LineKind::Event, &told);
        }
        let Some(pod) = pod else { return };
        if let Some(why) = &pod.unschedulable {
            self.add(LineKind::Event, &format!("not scheduled: {why}"));
        }
        for probe in pod.probes.iter().rev() {
            let (which, times) = (probe.probe, probe.count);
            self.add(
                LineKind::Event,
                &format!("{which:?} probe failed {times} times: {}", probe.message),
            );
        }
        for event in pod.events.iter().rev() {
            self.add(
                LineKind::Event,
                &format!("{}: {}", event.reason, event.message),
            );
        }
    }

    fn spec(
        &mut self,
        incident: &Incident,
        pod: Option<&PodSeen>,
        container: Option<&ContainerSeen>,
    ) {
        let kind = incident.spec.workload.kind.as_str();
        let desired = incident.status.replicas.desired;
        self.add(
            LineKind::Spec,
            &format!("it is a {kind} with {desired} replicas"),
        );
        let image = incident.status.evidence.image.as_str();
        if !image.is_empty() {
            self.add(LineKind::Spec, &format!("image: {image}"));
        }
        if let Some(bytes) = container.and_then(|c| c.memory_limit) {
            let mib = bytes / (1024 * 1024);
            self.add(LineKind::Spec, &format!("memory limit: {mib} MiB"));
        }
        if let Some(ran) = container.and_then(ended).and_then(ran_for) {
            self.add(
                LineKind::Spec,
                &format!("its last run ended after {ran} seconds"),
            );
        }
        if let Some(policy) = pod.map(|p| p.restart_policy) {
            self.add(LineKind::Spec, &format!("restartPolicy: {policy:?}"));
        }
    }

    fn changes(&mut self, seen: &Observation, now: Timestamp) {
        let w = &seen.workload;
        if let Some(since) = w.rollout.since {
            let minutes = now.duration_since(since).as_mins().max(0);
            let before = if w.rollout.has_previous {
                "an older one is known"
            } else {
                "no older one is known"
            };
            self.add(
                LineKind::Change,
                &format!("the newest revision is {minutes} minutes old; {before}"),
            );
        }
        if !matches!(
            w.rollout.state,
            RolloutState::Complete | RolloutState::Unknown
        ) {
            let state = w.rollout.state;
            self.add(LineKind::Change, &format!("its rollout: {state:?}"));
        }
        if let Some(at) = w.restarted_at {
            let minutes = now.duration_since(at).as_mins().max(0);
            self.add(
                LineKind::Change,
                &format!("somebody restarted all of it {minutes} minutes ago"),
            );
        }
        if w.manager != Manager::None {
            let manager = w.manager;
            self.add(
                LineKind::Change,
                &format!("its spec is kept by {manager:?}"),
            );
        }
    }
}

fn failing(d: &Diagnosis) -> String {
    let mut text = format!("{:?}", d.failure);
    if let Some(container) = &d.container {
        text.push_str(&format!(" of container {container}"));
    }
    if let Some(role) = d.role {
        text.push_str(&format!(" ({role:?})"));
    }
    if let Some(code) = d.exit_code {
        text.push_str(&format!(", exit code {code}"));
    }
    text
}

fn onset(onset: Onset) -> &'static str {
    match onset {
        Onset::NewRevision => "with the newest revision",
        Onset::AtStart => "at its start: it never ran well",
        Onset::AfterRunning => "after it had run well",
    }
}

fn lacking(missing: &Missing) -> String {
    match &missing.key {
        Some(key) => format!(
            "key {key} is missing in {:?} {}",
            missing.kind, missing.name
        ),
        None => format!("{:?} {} does not exist", missing.kind, missing.name),
    }
}

/// How a container ended last.
fn ended(container: &ContainerSeen) -> Option<&Terminated> {
    match &container.state {
        ContainerState::Terminated(ended) => Some(ended),
        _ => container.last.as_ref(),
    }
}

/// In seconds.
fn ran_for(ended: &Terminated) -> Option<i64> {
    let ran = ended.finished?.duration_since(ended.started?);
    Some(ran.as_secs().max(0))
}
