//! A pod as the policy sees it, made from the slim pod that the watch brought.

use super::{
    shape::{Part, Shape},
    slim::pod,
    uid::Uid,
};
use jiff::{SignedDuration, Timestamp};
use podmender_policy::{
    bounds::{Message, Name},
    observation::{
        ContainerRole, ContainerSeen, ContainerState, Leaving, PodPhase, PodSeen, Ready,
        RestartPolicy, Terminated, TerminatedReason, WaitingReason,
    },
    redact,
};

/// A container that ended less than this long ago keeps its pod under observation although all is well again
/// (the kubelet itself forgets a crash after 10 min: `MaxContainerBackOff` reset, KEP-4603).
pub(super) const RECENT: SignedDuration = SignedDuration::from_mins(10);

/// `status.reason` of pods that the kubelet ended on purpose (pkg/kubelet/eviction, nodeshutdown, preemption).
const ENDED_ON_PURPOSE: [&str; 6] = [
    "Evicted",
    "Preempting",
    "Preempted",
    "Shutdown",
    "NodeShutdown",
    "Terminated",
];

/// The whole of `pod`; `was_ready`: it is known from before that it was Ready once. `before`: how it was seen last, if all of that
/// was kept.
pub(super) fn seen(
    pod: &pod::Pod,
    shape: &Shape,
    was_ready: bool,
    before: Option<&PodSeen>,
) -> PodSeen {
    let ready = ready(pod);
    PodSeen {
        name: Name::new(pod.metadata.name.as_deref().unwrap_or_default()),
        uid: Uid::parse(pod.metadata.uid.as_deref().unwrap_or_default()).name(),
        created: created(pod),
        node: pod.spec.node_name.as_deref().map(Name::new),
        revision: shape.revision.clone(),
        phase: phase(pod),
        leaving: leaving(pod),
        ready,
        was_ready: was_ready || been_ready(pod, ready),
        unschedulable: unschedulable(pod),
        restart_policy: shape.restart_policy,
        is_static: shape.is_static,
        containers: shape
            .containers
            .iter()
            .enumerate()
            .map(|(nth, part)| {
                let before = before.and_then(|b| b.containers.get(nth));
                container(pod, part, before.filter(|b| b.name == part.name))
            })
            .collect(),
        probes: Vec::new(),
        events: Vec::new(),
    }
}

/// Creation time.
pub(super) fn created(pod: &pod::Pod) -> Timestamp {
    let at = pod.metadata.creation_timestamp.as_ref();
    at.map_or(Timestamp::UNIX_EPOCH, |t| t.0)
}

fn phase(pod: &pod::Pod) -> PodPhase {
    match pod.status.phase.as_deref() {
        Some("Pending") => PodPhase::Pending,
        Some("Running") => PodPhase::Running,
        Some("Succeeded") => PodPhase::Succeeded,
        Some("Failed") => PodPhase::Failed,
        _ => PodPhase::Unknown,
    }
}

fn leaving(pod: &pod::Pod) -> Leaving {
    let reason = pod.status.reason.as_deref().unwrap_or_default();
    if pod.metadata.deletion_timestamp.is_some() {
        Leaving::Deleting
    } else if pod
        .condition("DisruptionTarget")
        .is_some_and(|c| c.status == "True")
        || ENDED_ON_PURPOSE.contains(&reason)
    {
        Leaving::Disrupted
    } else {
        Leaving::No
    }
}

fn ready(pod: &pod::Pod) -> Ready {
    let Some(condition) = pod.condition("Ready") else {
        return Ready::Unknown;
    };
    let since = condition
        .last_transition_time
        .as_ref()
        .map_or_else(|| created(pod), |t| t.0);
    let reason = condition.reason.as_deref().unwrap_or_default();
    if condition.status == "True" {
        return Ready::Yes(since);
    }
    // The node controller sets Ready to False and leaves ContainersReady as it is (MarkPodsNotReady in pkg/controller/util/node);
    // a readiness gate that is not met looks the same but for its reason.
    let containers_ready = pod
        .condition("ContainersReady")
        .is_some_and(|c| c.status == "True");
    if containers_ready && reason != "ReadinessGatesNotReady" {
        Ready::NodeLost(since)
    } else {
        Ready::No(since)
    }
}

/// Whether a pod that is not Ready once was, as far as its conditions tell: the kubelet sets Initialized and Ready=False in its
/// first report, and Ready's transition time moves only when its status changes. 2 s, since times are whole seconds.
fn been_ready(pod: &pod::Pod, ready: Ready) -> bool {
    match ready {
        Ready::Yes(_) | Ready::NodeLost(_) => true,
        Ready::Unknown => false,
        Ready::No(since) => pod
            .condition("Initialized")
            .filter(|c| c.status == "True")
            .and_then(|c| c.last_transition_time.as_ref())
            .is_some_and(|t| since.duration_since(t.0) >= SignedDuration::from_secs(2)),
    }
}

fn unschedulable(pod: &pod::Pod) -> Option<Message> {
    let condition = pod.condition("PodScheduled")?;
    (condition.status == "False" && condition.reason.as_deref() == Some("Unschedulable"))
        .then(|| message(condition.message.as_deref()))
}

fn container(pod: &pod::Pod, part: &Part, before: Option<&ContainerSeen>) -> ContainerSeen {
    let statuses = match part.role {
        ContainerRole::Main => &pod.status.container_statuses,
        ContainerRole::Init | ContainerRole::Sidecar => &pod.status.init_container_statuses,
    };
    let status = statuses.iter().find(|s| s.name == part.name.as_str());
    let state = status.map_or(ContainerState::Unknown, |s| state(&s.state));
    ContainerSeen {
        resized: resized(pod, part, &state, before),
        name: part.name.clone(),
        role: part.role,
        image: part.image.clone(),
        restarts: status.map_or(0, |s| u32::try_from(s.restart_count).unwrap_or(0)),
        ready: status.is_some_and(|s| s.ready),
        started: status.is_some_and(|s| s.started == Some(true)),
        state,
        last: status.and_then(|s| s.last_state.terminated.as_ref().map(terminated)),
        memory_limit: part.memory_limit,
        log: None,
    }
}

/// Since when it is being resized. The condition goes when the new run is there; that run then tells what ended the one before,
/// until it is a compact record again. Without a new run it needed no restart.
fn resized(
    pod: &pod::Pod,
    part: &Part,
    state: &ContainerState,
    before: Option<&ContainerSeen>,
) -> Option<Timestamp> {
    if !part.restarts_on_resize {
        return None;
    }
    let condition = pod.condition("PodResizeInProgress");
    let since = condition
        .filter(|c| c.status == "True")
        .and_then(|c| c.last_transition_time.as_ref());
    let runs_on =
        |since: &Timestamp| matches!(state, ContainerState::Running(Some(at)) if at < since);
    since
        .map(|t| t.0)
        .or_else(|| before?.resized.filter(|since| !runs_on(since)))
}

fn state(state: &pod::State) -> ContainerState {
    if let Some(waiting) = &state.waiting {
        return ContainerState::Waiting {
            reason: WaitingReason::parse(waiting.reason.as_deref().unwrap_or_default()),
            message: message(waiting.message.as_deref()),
        };
    }
    if let Some(ended) = &state.terminated {
        return ContainerState::Terminated(terminated(ended));
    }
    let running = state.running.as_ref();
    running.map_or(ContainerState::Unknown, |r| {
        ContainerState::Running(r.started_at.as_ref().map(|t| t.0))
    })
}

fn terminated(raw: &pod::Terminated) -> Terminated {
    Terminated {
        reason: TerminatedReason::parse(raw.reason.as_deref().unwrap_or_default()),
        exit_code: i32::try_from(raw.exit_code).unwrap_or(i32::MAX),
        message: message(raw.message.as_deref()),
        started: raw.started_at.as_ref().map(|t| t.0),
        finished: raw.finished_at.as_ref().map(|t| t.0),
    }
}

/// Plainly healthy, or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Health {
    /// Running and Ready with every container, or ended with success: a compact record will do.
    Well,
    /// Well, but a container ended shortly before this time minus [`RECENT`]: a compact record will do from then on.
    WellAgain(Timestamp),
    /// Something is not as it should be, or not yet.
    Suspect,
}

/// Judges it by its status alone (Events may still make it suspect).
pub(super) fn health(pod: &PodSeen, now: Timestamp) -> Health {
    let settled = match pod.phase {
        PodPhase::Succeeded => true,
        PodPhase::Running => {
            matches!(pod.ready, Ready::Yes(_)) && pod.containers.iter().all(runs_well)
        }
        PodPhase::Pending | PodPhase::Failed | PodPhase::Unknown => false,
    };
    if !settled || pod.leaving != Leaving::No {
        return Health::Suspect;
    }
    let last = pod.containers.iter().filter_map(last_end).max();
    match last.map(|end| end.saturating_add(RECENT)) {
        Some(Ok(until)) if until > now => Health::WellAgain(until),
        _ => Health::Well,
    }
}

fn runs_well(container: &ContainerSeen) -> bool {
    if let (ContainerState::Running(Some(at)), Some(since)) = (&container.state, container.resized)
        && *at < since
    {
        return false; // the kubelet is about to end it
    }
    match (&container.state, container.role) {
        (ContainerState::Running(_), ContainerRole::Main | ContainerRole::Sidecar) => {
            container.ready
        }
        (ContainerState::Terminated(end), ContainerRole::Init) => end.exit_code == 0,
        // A sidecar or a Running pod's main container that ended, an init container that runs: not settled.
        _ => false,
    }
}

/// When a container last ended before it was started again.
fn last_end(container: &ContainerSeen) -> Option<Timestamp> {
    container.last.as_ref()?.finished
}

/// Whether it counts as failing for the storm threshold: not while it starts, leaves or is done.
pub(super) fn failing(pod: &PodSeen) -> bool {
    if pod.leaving != Leaving::No || pod.phase == PodPhase::Succeeded {
        return false;
    }
    let not_ready = match pod.ready {
        Ready::NodeLost(_) => true,
        Ready::No(_) => pod.was_ready,
        Ready::Yes(_) | Ready::Unknown => false,
    };
    not_ready
        || pod.phase == PodPhase::Failed
        || pod.unschedulable.is_some()
        || pod.containers.iter().any(|c| fails(c, pod.restart_policy))
}

fn fails(container: &ContainerSeen, policy: RestartPolicy) -> bool {
    match &container.state {
        ContainerState::Waiting { reason, .. } => !matches!(
            reason,
            WaitingReason::ContainerCreating
                | WaitingReason::PodInitializing
                | WaitingReason::RestartingAllContainers
                | WaitingReason::Other
        ),
        ContainerState::Terminated(end) => {
            let should_run_on =
                container.role != ContainerRole::Init && policy == RestartPolicy::Always;
            end.exit_code != 0 || should_run_on
        }
        ContainerState::Running(_) | ContainerState::Unknown => false,
    }
}

/// A message as it may be kept: without secrets, and only then cut (a secret that was cut in half is not recognised).
pub(super) fn message(raw: Option<&str>) -> Message {
    Message::new(&redact::raw(raw.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fault_59_no_secret_is_hidden_in_what_the_cluster_says() {
        for hidden in [
            "\0",
            "\u{200b}",
            "\u{ad}",
            "\u{202e}",
            "\u{1b}[31m",
            "\\u001b[0m",
        ] {
            let said = format!("connect with pass{hidden}word=hun{hidden}ter2-and-more failed");
            let kept = message(Some(&said));
            assert_eq!(
                kept.as_str(),
                "connect with password=<password-1> failed",
                "{hidden:?}"
            );
        }
    }
}
