//! Onset: did the failure begin with the newest revision, at start, or after running well?

use super::{FailureKind, Onset, crash, sign::Sign};
use crate::observation::{PodSeen, Rollout, RolloutState};

/// When the failure began (design, section 5): it tells whether a restart, going back or more memory could help.
pub(super) fn onset(sign: &Sign<'_>, rollout: &Rollout) -> Onset {
    if is_new(sign.pod, rollout) {
        return Onset::NewRevision;
    }
    let ran_well = sign
        .ended
        .and_then(crash::run)
        .is_some_and(|r| r >= crash::RAN_WELL);
    // Without a readiness probe a pod is Ready for the seconds that it takes to fill its memory: the run decides.
    let was_well = match sign.kind {
        FailureKind::OOMKilled => ran_well,
        _ => ran_well || sign.pod.was_ready || rollout.state == RolloutState::Complete,
    };
    if was_well {
        Onset::AfterRunning
    } else {
        Onset::AtStart
    }
}

/// Whether the pod is of a newest revision that never was fully up, with an older one to go back to.
fn is_new(pod: &PodSeen, rollout: &Rollout) -> bool {
    let under_way = matches!(
        rollout.state,
        RolloutState::Progressing | RolloutState::Stuck | RolloutState::Paused
    );
    under_way && rollout.has_previous && pod.revision.is_some() && pod.revision == rollout.revision
}
