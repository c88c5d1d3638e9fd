//! Crash loops and error exits, and the question behind all of them: has the container recovered since?

use super::{FailureKind, probe, sign::Sign};
use crate::observation::{
    ContainerRole, ContainerSeen, ContainerState, PodSeen, Ready, RestartPolicy, Terminated,
    TerminatedReason, WaitingReason,
};
use jiff::{SignedDuration, Timestamp};

/// A container that is ready again counts as recovered after this long at the earliest. 10 s is the kubelet's first
/// back-off and the default period of a readiness probe; without a probe a container is Ready from its first moment,
/// so in a crash loop every run of a second or two would otherwise look like a recovery.
pub const SETTLES_AFTER: SignedDuration = SignedDuration::from_secs(10);
/// A run that lasted this long was a good one: what ended it came later (onset), and it needs no outliving. The length of `healthyDelay`.
pub const RAN_WELL: SignedDuration = SignedDuration::from_secs(60);
/// A container that died young must outlive its last run by this much before it counts as recovered.
const OUTLIVES_BY: SignedDuration = SignedDuration::from_secs(5);
/// The kubelet forgets its back-off when a run lasted this long (KEP-4603, twice the longest back-off of 300 s):
/// older endings are history and not the same failure.
pub const BACKOFF_FORGOTTEN: SignedDuration = SignedDuration::from_secs(600);
/// From this many restarts on, the kubelet has backed off at least once: the first restart is immediate.
const LOOPS_FROM: u32 = 2;

/// An ending that the container has not recovered from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unrecovered<'a> {
    /// How the last run ended, if that is known.
    pub(super) ended: Option<&'a Terminated>,
    /// How often it has ended since it last ran well.
    pub(super) times: u32,
    /// In the kubelet's words.
    pub(super) message: &'a str,
    /// Without any news it counts as recovered from then on.
    pub(super) until: Option<Timestamp>,
}

/// The ending that `c` has not recovered from. A `last` state alone, with the container ready again, is history.
pub(super) fn unrecovered<'a>(
    pod: &PodSeen,
    c: &'a ContainerSeen,
    now: Timestamp,
) -> Option<Unrecovered<'a>> {
    let last = c.last.as_ref().filter(|t| failed(pod, c, t));
    let found = |ended, running, message, until| Unrecovered {
        ended,
        times: times(c, ended, running),
        message,
        until,
    };
    match &c.state {
        ContainerState::Waiting { reason, message } => match reason {
            WaitingReason::CrashLoopBackOff => {
                Some(found(c.last.as_ref(), false, message.as_str(), None))
            }
            WaitingReason::ContainerCreating | WaitingReason::PodInitializing => {
                last.map(|t| found(Some(t), false, t.message.as_str(), None))
            }
            _ => None,
        },
        ContainerState::Terminated(t) if restarts(pod, c) && failed(pod, c, t) => {
            Some(found(Some(t), false, t.message.as_str(), None))
        }
        ContainerState::Running(since) => {
            let t = last?;
            let settled = since.and_then(|s| s.checked_add(settles_after(t)).ok());
            let recovered = c.ready && settled.is_none_or(|at| now >= at);
            let until = settled.filter(|_| c.ready);
            (!recovered).then(|| found(Some(t), true, t.message.as_str(), until))
        }
        _ => None,
    }
}

/// Whether the kubelet starts the container again when it ends in an error.
fn restarts(pod: &PodSeen, c: &ContainerSeen) -> bool {
    pod.restart_policy != RestartPolicy::Never || c.role == ContainerRole::Sidecar
}

/// Whether an ending is a failure. Exit 0 is one only for what must not end, and only once it loops: a process that
/// ends well now and then and is started again harms nobody.
fn failed(pod: &PodSeen, c: &ContainerSeen, t: &Terminated) -> bool {
    // The kubelet or the runtime lost track (node reboot, kubelet restart): nobody knows how it ended.
    let unknown = t.reason == TerminatedReason::ContainerStatusUnknown
        || (t.reason == TerminatedReason::Other && t.exit_code == 255);
    // It was well, and the kubelet ended it: for another container's exit that restarts all of them (KEP-5532), or to give it
    // other resources (KEP-1287).
    let for_another = t.reason == TerminatedReason::RestartingAllContainers;
    if unknown || for_another || resized(c, t) {
        return false;
    }
    if t.exit_code != 0 || t.reason == TerminatedReason::OOMKilled {
        return true;
    }
    let must_run = c.role == ContainerRole::Sidecar
        || (c.role == ContainerRole::Main && pod.restart_policy == RestartPolicy::Always);
    must_run && c.restarts >= LOOPS_FROM && run(t).is_some_and(|r| r < RAN_WELL)
}

/// Whether a run was ended to give the container other resources: the one that was under way when that began. A memory limit
/// that is too small for it ends it all the same.
fn resized(c: &ContainerSeen, t: &Terminated) -> bool {
    let ended_by_it = |since: Timestamp| {
        let before = t.started.is_none_or(|at| at < since);
        before && t.finished.is_none_or(|at| at >= since)
    };
    t.reason != TerminatedReason::OOMKilled && c.resized.is_some_and(ended_by_it)
}

/// How long a run lasted.
pub(super) fn run(t: &Terminated) -> Option<SignedDuration> {
    Some(t.finished?.duration_since(t.started?)).filter(|d| !d.is_negative())
}

/// How long a ready container must have run again to count as recovered from `t`: longer than the run that ended, if
/// that one ended young, so that a loop with a period of 20 s is one failure and not three a minute.
pub(super) fn settles_after(t: &Terminated) -> SignedDuration {
    match run(t) {
        Some(r) if r < RAN_WELL => r.saturating_add(OUTLIVES_BY).max(SETTLES_AFTER),
        _ => SETTLES_AFTER,
    }
}

/// How often it has ended: each restart stands for one ending, and one more if it has not been started since.
fn times(c: &ContainerSeen, ended: Option<&Terminated>, running: bool) -> u32 {
    if ended.and_then(run).is_some_and(|r| r >= BACKOFF_FORGOTTEN) {
        return 1;
    }
    c.restarts.saturating_add(u32::from(!running)).max(1)
}

/// A sign of `kind` for an ending: dated, counted, with the kubelet's words.
pub(super) fn ending<'a>(
    kind: FailureKind,
    pod: &'a PodSeen,
    c: &'a ContainerSeen,
    un: Unrecovered<'a>,
) -> Sign<'a> {
    let mut sign = Sign::new(kind, pod).of(c).saying(un.message);
    sign.ended = un.ended;
    sign.occurrences = un.times;
    let finished = un.ended.and_then(|t| t.finished);
    let earlier = c
        .last
        .as_ref()
        .and_then(|t| t.finished)
        .filter(|_| un.times > 1);
    let unready = matches!(pod.ready, Ready::No(_)).then_some(sign.since);
    // A pod that was never Ready has been "not Ready" since it was made: that is no sign of an ending.
    let unready = unready.filter(|_| pod.was_ready || un.times > 1);
    if let Some(first) = [finished, earlier, unready].into_iter().flatten().min() {
        sign.since = first;
    }
    sign.last = finished.unwrap_or(sign.since).max(sign.since);
    sign.event = super::sign::newest_event(pod, &["BackOff"]);
    sign
}

/// A container that ends with an error, or in a loop.
pub(super) fn sign<'a>(pod: &'a PodSeen, c: &'a ContainerSeen, now: Timestamp) -> Option<Sign<'a>> {
    let un = unrecovered(pod, c, now)?;
    if let ContainerState::Running(Some(since)) = &c.state {
        // It has run well for long; that it is still not ready is its readiness probe's doing now.
        let long = now.duration_since(*since) >= RAN_WELL;
        if long && probe::readiness(pod, c).is_some() {
            return None;
        }
    }
    let backed_off = matches!(&c.state, ContainerState::Waiting { reason, .. } if *reason == WaitingReason::CrashLoopBackOff);
    let forgotten = un
        .ended
        .and_then(run)
        .is_some_and(|r| r >= BACKOFF_FORGOTTEN);
    let loops = backed_off || (c.restarts >= LOOPS_FROM && !forgotten);
    let kind = if loops {
        FailureKind::CrashLoopBackOff
    } else {
        FailureKind::Error
    };
    Some(ending(kind, pod, c, un))
}
