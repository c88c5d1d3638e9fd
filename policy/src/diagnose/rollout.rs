//! Onset: did the failure begin with the newest revision, at start, or after running well?

use super::{FailureKind, Onset, crash, sign::Sign};
use crate::observation::{PodSeen, Rollout, RolloutState};
use jiff::SignedDuration;

/// When the failure began (design, section 5): it tells whether a restart, going back or more memory could help.
pub(super) fn onset(sign: &Sign<'_>, rollout: &Rollout) -> Onset {
    if is_new(sign.pod, rollout) {
        return Onset::NewRevision;
    }
    let ran_well = sign
        .ended
        .and_then(crash::run)
        .is_some_and(|r| r >= crash::RAN_WELL);
    // Without a readiness probe a pod is Ready for the seconds that it takes to crash or to fill its memory, and its rollout
    // is complete: only time tells that it had started well.
    let was_well = match sign.kind {
        FailureKind::OOMKilled => ran_well,
        FailureKind::CrashLoopBackOff | FailureKind::Error => {
            ran_well
                || ((sign.pod.was_ready || rollout.state == RolloutState::Complete)
                    && had_settled(sign, rollout))
        }
        _ => ran_well || sign.pod.was_ready || rollout.state == RolloutState::Complete,
    };
    if was_well {
        Onset::AfterRunning
    } else if fails_at_once(sign, rollout) {
        Onset::NewRevision
    } else {
        Onset::AtStart
    }
}

/// Whether what runs fails as soon as the newest revision is there, with an older one to go back to: where no readiness probe holds
/// it up, or one that was quicker than the crash, its rollout is complete before it has failed for the first time.
fn fails_at_once(sign: &Sign<'_>, rollout: &Rollout) -> bool {
    let ends = matches!(
        sign.kind,
        FailureKind::CrashLoopBackOff | FailureKind::Error | FailureKind::OOMKilled
    );
    ends && rollout.state == RolloutState::Complete
        && rollout.has_previous
        && is_of_newest(sign.pod, rollout)
        && !had_settled(sign, rollout)
}

fn is_of_newest(pod: &PodSeen, rollout: &Rollout) -> bool {
    pod.revision.is_some() && pod.revision == rollout.revision
}

/// A revision that did not fail for this long after it was made has started well: what fails at start fails within seconds, and
/// the kubelet's first back-off (10 s, KEP-4603) lies within it.
const SETTLED_IN: SignedDuration = SignedDuration::from_secs(15);

/// Whether the failure began a while after the revision (or, where none is known, the pod) was made.
fn had_settled(sign: &Sign<'_>, rollout: &Rollout) -> bool {
    let made = rollout
        .since
        .filter(|_| is_of_newest(sign.pod, rollout))
        .unwrap_or(sign.pod.created);
    sign.since.duration_since(made) >= SETTLED_IN
}

/// Whether the pod is of a newest revision that never was fully up, with an older one to go back to.
fn is_new(pod: &PodSeen, rollout: &Rollout) -> bool {
    let under_way = matches!(
        rollout.state,
        RolloutState::Progressing | RolloutState::Stuck | RolloutState::Paused
    );
    under_way && rollout.has_previous && is_of_newest(pod, rollout)
}
