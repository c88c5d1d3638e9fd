//! Reads the logs of failing containers aside, so that no decision waits for a kubelet, and wakes the workload when it has them.

use crate::{
    context::Context,
    logs::{self, Run},
    store::LogKey,
};
use futures::{StreamExt, stream::FuturesUnordered};
use podmender_policy::{
    bounds::Name,
    diagnose::FailureKind,
    observation::{ContainerState, Observation},
    plan::Plan,
    workload::WorkloadRef,
};
use std::{convert::Infallible, sync::Arc};
use tokio::sync::mpsc;

/// At most this many logs are read at once: each costs a connection to a kubelet.
const AT_ONCE: usize = 4;

/// A log to read.
#[derive(Clone, Debug)]
pub struct LogRequest {
    /// Whose.
    pub workload: WorkloadRef,
    /// The pod.
    pub pod: Name,
    /// Where to keep what it says.
    pub key: LogKey,
    /// Which run; the next one if that has written nothing.
    pub runs: &'static [Run],
}

/// The log that would explain the incident of `plan`, if it was not read yet.
#[must_use]
pub fn wanted(plan: &Plan, seen: &Observation) -> Option<LogRequest> {
    let incident = plan.incident.as_ref().filter(|i| i.is_open())?;
    let diagnosis = &incident.status.diagnosis;
    if !says_something(diagnosis.failure) {
        return None;
    }
    let pod = seen.suspects.iter().find(|p| p.uid == diagnosis.pod_uid)?;
    let container = pod
        .containers
        .iter()
        .find(|c| Some(&c.name) == diagnosis.container.as_ref())?;
    // Between two runs the log of the ended one is the current one. By the time it is read the next run may have begun, or ended.
    let runs: &[Run] = match (&container.state, &container.last, diagnosis.failure) {
        (_, _, FailureKind::ReadinessProbeFailed) => &[Run::Current],
        (ContainerState::Running(_), Some(_), _) => &[Run::Previous, Run::Current],
        _ => &[Run::Current, Run::Previous],
    };
    Some(LogRequest {
        workload: incident.spec.workload.clone(),
        pod: pod.name.clone(),
        key: LogKey {
            uid: pod.uid.clone(),
            container: container.name.clone(),
        },
        runs,
    })
}

/// Whether a container that fails so has written a log at all.
pub(crate) fn says_something(failure: FailureKind) -> bool {
    matches!(
        failure,
        FailureKind::CrashLoopBackOff
            | FailureKind::Error
            | FailureKind::OOMKilled
            | FailureKind::LivenessProbeFailed
            | FailureKind::ReadinessProbeFailed
            | FailureKind::StartupProbeFailed
            | FailureKind::JobFailed
    )
}

/// Reads what is asked for, until the process ends.
pub async fn run(
    mut requests: mpsc::Receiver<LogRequest>,
    ctx: Arc<Context>,
) -> Option<Infallible> {
    let mut reading = FuturesUnordered::new();
    loop {
        tokio::select! {
            request = requests.recv(), if reading.len() < AT_ONCE => reading.push(read(request?, &ctx)),
            Some(()) = reading.next() => {}
        }
    }
}

async fn read(request: LogRequest, ctx: &Context) {
    let LogRequest {
        workload,
        pod,
        key,
        runs,
    } = request;
    let of = |run| {
        let (namespace, container) = (workload.namespace.as_str(), key.container.as_str());
        logs::tail(&ctx.client, namespace, pod.as_str(), container, run)
    };
    let text = logs::first(runs, of).await;
    let findings = match text {
        Ok(text) => podmender_policy::logs::analyse(text.as_bytes()),
        Err(why) => {
            tracing::debug!(%workload, %pod, container = %key.container, %why, "no log");
            None
        }
    };
    ctx.store.lock().keep_log(key, findings);
    ctx.queue.wake(workload);
}
