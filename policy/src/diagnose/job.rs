//! Jobs: pods may fail up to the backoffLimit, and that is the Job's to count. It is a failure when the Job gives up.

use super::{FailureKind, sign, sign::Sign};
use crate::{
    observation::{ContainerState, Leaving, Observation, PodSeen, RolloutState, Terminated},
    workload::WorkloadKind,
};

/// Whether the workload counts the failures of its pods itself.
pub(super) fn counts_failures(seen: &Observation) -> bool {
    matches!(
        seen.workload.id.kind,
        WorkloadKind::Job | WorkloadKind::CronJob
    )
}

/// Whether the Job has its `Failed` condition (BackoffLimitExceeded, DeadlineExceeded): observed as a stuck rollout.
pub(super) fn failed(seen: &Observation) -> bool {
    counts_failures(seen) && seen.workload.rollout.state == RolloutState::Stuck
}

/// The newest pod of a failed Job that shows how it failed. A Job whose pods are gone already has none.
pub(super) fn sign(seen: &Observation) -> Option<Sign<'_>> {
    let shows = |pod: &&PodSeen| pod.leaving != Leaving::Disrupted && ended(pod).is_some();
    let pod = seen
        .suspects
        .iter()
        .filter(shows)
        .max_by(|a, b| (a.created, &a.name).cmp(&(b.created, &b.name)))?;
    let (container, end) = ended(pod)?;
    let mut sign = Sign::new(FailureKind::JobFailed, pod)
        .of(container)
        .saying(end.message.as_str());
    sign.ended = Some(end);
    sign.occurrences = container.restarts.saturating_add(1);
    sign.last = end.finished.unwrap_or(sign.since).max(sign.since);
    sign.event = sign::newest_event(pod, &["BackOff"]);
    Some(sign)
}

/// The container that failed, and how.
fn ended(pod: &PodSeen) -> Option<(&crate::observation::ContainerSeen, &Terminated)> {
    pod.containers.iter().find_map(|c| {
        let t = match &c.state {
            ContainerState::Terminated(t) => Some(t),
            _ => c.last.as_ref(),
        };
        t.filter(|t| t.exit_code != 0).map(|t| (c, t))
    })
}
