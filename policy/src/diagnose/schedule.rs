//! Pods that no node takes, and pods whose node does not answer.

use super::{FailureKind, sign::Sign};
use crate::observation::{PodPhase, PodSeen, Ready};
use jiff::{SignedDuration, Timestamp};

/// A pod may be unschedulable this long: in a busy cluster one often waits for the room that a leaving pod, a
/// preemption or the next node is about to give.
pub const SCHEDULED_WITHIN: SignedDuration = SignedDuration::from_secs(30);

/// When an unschedulable pod becomes a failure.
pub(super) fn due(pod: &PodSeen) -> Option<Timestamp> {
    pod.unschedulable.as_ref()?;
    pod.created.checked_add(SCHEDULED_WITHIN).ok()
}

/// A pod that has waited too long for a node.
pub(super) fn unschedulable(pod: &PodSeen, now: Timestamp) -> Option<Sign<'_>> {
    let message = pod.unschedulable.as_ref()?;
    let waits = pod.phase == PodPhase::Pending && due(pod).is_none_or(|at| now >= at);
    waits.then(|| {
        let sign = Sign::new(FailureKind::Unschedulable, pod).saying(message.as_str());
        sign.shown_by(&["FailedScheduling"])
    })
}

/// A pod whose node is lost.
pub(super) fn node(pod: &PodSeen) -> Option<Sign<'_>> {
    matches!(pod.ready, Ready::NodeLost(_))
        .then(|| Sign::new(FailureKind::NodeNotReady, pod).shown_by(&["NodeNotReady"]))
}

/// The scheduler's message without its arithmetic: `0/3 nodes are available: 3 Insufficient cpu. preemption: ...`.
pub(super) fn meaning(message: &str) -> &str {
    let before = message.split(" preemption:").next().unwrap_or(message);
    before.trim().trim_end_matches('.')
}
