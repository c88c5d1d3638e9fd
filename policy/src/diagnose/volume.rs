//! Volumes that cannot be mounted: known from Events only, while the containers wait to be created.

use super::{
    FailureKind, config,
    sign::{Sign, newest_event},
};
use crate::observation::{ContainerState, EventSeen, PodPhase, PodSeen, WaitingReason};
use jiff::{SignedDuration, Timestamp};

/// The Events that say so (kubelet and attach-detach controller).
const REASONS: [&str; 3] = ["FailedMount", "FailedAttachVolume", "FailedMapVolume"];
/// Mounts may fail this long after the pod was made: caches of a new pod fill, and the volume of the pod before
/// is still being detached. A missing object needs no such patience.
pub const MOUNTED_WITHIN: SignedDuration = SignedDuration::from_secs(30);

/// When a failing mount becomes a failure of the pod.
pub(super) fn due(pod: &PodSeen) -> Option<Timestamp> {
    waits(pod).then(|| newest_event(pod, &REASONS))??;
    pod.created.checked_add(MOUNTED_WITHIN).ok()
}

/// Whether the pod waits for its containers to be created (or no status has come yet).
fn waits(pod: &PodSeen) -> bool {
    let creating = |s: &ContainerState| {
        matches!(s, ContainerState::Unknown)
            || matches!(s, ContainerState::Waiting { reason, .. } if matches!(reason, WaitingReason::ContainerCreating | WaitingReason::PodInitializing))
    };
    pod.phase == PodPhase::Pending && pod.containers.iter().all(|c| creating(&c.state))
}

/// A pod that cannot start because of a volume.
pub(super) fn sign(pod: &PodSeen, now: Timestamp) -> Option<Sign<'_>> {
    let event: &EventSeen = waits(pod).then(|| newest_event(pod, &REASONS))??;
    let missing = config::missing(event.message.as_str());
    let patient = missing.is_none() && due(pod).is_some_and(|at| now < at);
    if patient {
        return None;
    }
    let mut sign = Sign::new(FailureKind::FailedMount, pod).saying(event.message.as_str());
    sign.missing = missing;
    Some(sign.shown_by(&REASONS))
}

/// The volume that the message names (`for volume "data"`).
pub(super) fn name(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once("for volume \"")?;
    rest.split_once('"').map(|(name, _)| name)
}

/// The message without what precedes the cause: `MountVolume.SetUp failed for volume "x" : cause`.
pub(super) fn why(message: &str) -> &str {
    let cause = message
        .split_once("\" : ")
        .map_or(message, |(_, cause)| cause);
    cause.trim()
}
