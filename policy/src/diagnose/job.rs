//! Jobs: pods may fail up to the backoffLimit, and that is the Job's to count. It is a failure when the Job gives up.

use super::{
    Diagnosis, Evidence, FailureKind, Finding, Onset, Standing, sentence, sign, sign::Sign,
};
use crate::{
    bounds::{Message, Name, Text},
    observation::{
        ContainerState, Leaving, LogCause, Observation, PodSeen, RolloutState, Terminated,
    },
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

/// A failed Job whose pods are gone: the Job controller deletes those that still ran when it gives up, and with
/// `restartPolicy: OnFailure` that is all there was. Then its own condition is what is known (row 89).
pub(super) fn without_pods(seen: &Observation) -> Option<Finding> {
    let gave_up = seen.workload.gave_up.as_ref()?;
    let diagnosis = Diagnosis {
        failure: FailureKind::JobFailed,
        container: None,
        role: None,
        pod: Name::default(),
        pod_uid: Name::default(),
        pod_created: gave_up.at,
        exit_code: None,
        restarts: 0,
        occurrences: 1,
        pods_failing: 1,
        since: gave_up.at,
        last: gave_up.at,
        onset: Onset::AtStart,
        revision: None,
        missing: None,
        standing: Standing::Confirmed,
    };
    let said = format!(
        "the Job has given up ({}): {}; no pod is left that shows why",
        gave_up.reason, gave_up.message
    );
    let evidence = Evidence {
        sentence: Message::new(&said),
        confidence: sentence::NAMED,
        cause: LogCause::Unknown,
        message: gave_up.message.clone(),
        lines: Vec::new(),
        event: None,
        image: Text::default(),
    };
    Some(Finding {
        diagnosis,
        evidence,
    })
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
