//! One pod's clearest sign of failure: which container, why, since when. Pods that go away on purpose give none.

use super::{
    FailureFamily, FailureKind, Missing, Standing, command, config, crash, image, memory, probe,
    schedule, volume,
};
use crate::observation::{
    ContainerSeen, EventSeen, Leaving, PodPhase, PodSeen, ProbeFailure, Ready, Terminated,
};
use jiff::Timestamp;

/// What is wrong with one pod. Borrowed from the observation: nothing is copied for signs that are not chosen.
#[derive(Clone, Debug)]
pub(super) struct Sign<'a> {
    pub(super) kind: FailureKind,
    pub(super) pod: &'a PodSeen,
    pub(super) container: Option<&'a ContainerSeen>,
    /// How the failing run ended.
    pub(super) ended: Option<&'a Terminated>,
    pub(super) probe: Option<&'a ProbeFailure>,
    pub(super) occurrences: u32,
    pub(super) since: Timestamp,
    pub(super) last: Timestamp,
    pub(super) missing: Option<Missing>,
    pub(super) standing: Standing,
    /// In the words of the kubelet, the runtime or the scheduler.
    pub(super) message: &'a str,
    pub(super) event: Option<&'a EventSeen>,
}

impl<'a> Sign<'a> {
    /// A sign of `kind` that was there from the moment on that the pod was last not Ready (or was made).
    pub(super) fn new(kind: FailureKind, pod: &'a PodSeen) -> Self {
        let since = unready_since(pod);
        Self {
            kind,
            pod,
            container: None,
            ended: None,
            probe: None,
            occurrences: 1,
            since,
            last: since,
            missing: None,
            standing: Standing::Confirmed,
            message: "",
            event: None,
        }
    }

    pub(super) fn of(mut self, container: &'a ContainerSeen) -> Self {
        self.container = Some(container);
        self
    }

    pub(super) fn saying(mut self, message: &'a str) -> Self {
        self.message = message;
        self
    }

    /// Adds the newest Event with one of `reasons`, and counts and dates from it.
    pub(super) fn shown_by(mut self, reasons: &[&str]) -> Self {
        self.event = newest_event(self.pod, reasons);
        if let Some(e) = self.event {
            self.occurrences = self.occurrences.max(e.count);
            self.last = self.last.max(e.last);
        }
        self
    }

    /// What sorts signs: what fails before what only threatens to, the most telling family, then the oldest, then by name. Total, so that pod order never matters.
    pub(super) fn order(&self) -> (bool, FailureFamily, Timestamp, &str, &str) {
        let container = self.container.map_or("", |c| c.name.as_str());
        (
            self.standing == Standing::Suspected,
            self.kind.family(),
            self.since,
            self.pod.name.as_str(),
            container,
        )
    }
}

/// Since when the pod has not been Ready; for want of that, since it was made.
pub(super) fn unready_since(pod: &PodSeen) -> Timestamp {
    match pod.ready {
        Ready::No(t) | Ready::NodeLost(t) => t.max(pod.created),
        Ready::Yes(_) | Ready::Unknown => pod.created,
    }
}

/// The newest Event with one of `reasons`.
pub(super) fn newest_event<'a>(pod: &'a PodSeen, reasons: &[&str]) -> Option<&'a EventSeen> {
    let fits = |e: &&EventSeen| reasons.contains(&e.reason.as_str());
    pod.events.iter().filter(fits).max_by(|a, b| {
        (a.last, a.message.as_str(), a.count).cmp(&(b.last, b.message.as_str(), b.count))
    })
}

/// Whether whatever happens to the pod is expected: it goes away on purpose, or it is done.
///
/// `Failed` is final too: with restartPolicy Always it means evicted, shut down with its node or not admitted, and its
/// owner replaces it; with Never or OnFailure it is the Job's to count (see `job`).
pub(super) fn expected(pod: &PodSeen) -> bool {
    pod.leaving != Leaving::No || matches!(pod.phase, PodPhase::Succeeded | PodPhase::Failed)
}

/// The clearest sign of one pod. `crashes`: whether an ending container is a failure (a Job counts them itself).
pub(super) fn of_pod(pod: &PodSeen, crashes: bool, now: Timestamp) -> Option<Sign<'_>> {
    if expected(pod) {
        return None;
    }
    // With its node lost, what containers say is what they said long ago.
    if let Some(sign) = schedule::node(pod).or_else(|| schedule::unschedulable(pod, now)) {
        return Some(sign);
    }
    pod.containers
        .iter()
        .filter_map(|c| of_container(pod, c, crashes, now))
        .min_by(|a, b| a.order().cmp(&b.order()))
        .or_else(|| volume::sign(pod, now))
}

/// What one container fails at: the cause before its consequence.
pub(super) fn of_container<'a>(
    pod: &'a PodSeen,
    c: &'a ContainerSeen,
    crashes: bool,
    now: Timestamp,
) -> Option<Sign<'a>> {
    let made = image::sign(pod, c).or_else(|| config::sign(pod, c));
    if made.is_some() || !crashes {
        return made;
    }
    memory::sign(pod, c, now)
        .or_else(|| probe::killed(pod, c, now))
        .or_else(|| command::sign(pod, c, now))
        .or_else(|| probe::liveness(pod, c, now))
        .or_else(|| crash::sign(pod, c, now))
        .or_else(|| probe::readiness(pod, c))
        .or_else(|| probe::unsteady(pod, c, now))
}
