//! What was seen of one workload: plain data, complete enough to decide from and small enough to keep.

use crate::{
    approval::Approval,
    bounds::{CleanLine, Message, Name, Text},
    workload::WorkloadRef,
};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Everything that `plan` may look at, besides policy, ledger and incident.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// The workload and what its spec says.
    pub workload: WorkloadSeen,
    /// Its pods that are not plainly healthy, worst first is not assumed.
    pub suspects: Vec<PodSeen>,
    /// Warning Events on the workload itself or on what makes its pods, oldest first, at most 8 (`FailedCreate` when a quota refuses
    /// them, say). Shown, never decided from.
    pub events: Vec<EventSeen>,
    /// UIDs of all of its pods that exist (to tell whether a target is still there).
    pub pod_uids: Vec<Name>,
    /// Replica counts over all of its pods.
    pub replicas: Replicas,
    /// What else goes on in the namespaces of the policy.
    pub surroundings: Surroundings,
    /// Answers on the workload's incident that were not used up yet (at most 16).
    pub approvals: Vec<Approval>,
    /// The question, by its first place, whose end cannot be recorded as an Approval: the API server does not take it.
    pub unclosable: Option<Name>,
    /// Whether what was seen is recent.
    pub freshness: Freshness,
    /// Whether logs and Events have been read (a decision that needs them waits at most 5 s).
    pub evidence: EvidenceState,
    /// What a PodDisruptionBudget would say to an eviction.
    pub disruption: Disruption,
}

/// The workload's own facts.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkloadSeen {
    /// Which workload.
    pub id: WorkloadRef,
    /// Its UID (a deleted and recreated workload is another one).
    pub uid: Name,
    /// `metadata.generation`: changes with every change of its spec.
    pub generation: i64,
    /// The owner's kind as written, for kinds that the agent does not know.
    pub owner_kind: Text<63>,
    /// Whether it exists (a pod may outlive its owner for a while).
    pub presence: Presence,
    /// Opt-outs and pauses, from annotations of the workload and its namespace; the strictest wins.
    pub consent: Consent,
    /// Whether its rollout is under way, done or paused.
    pub rollout: Rollout,
    /// `kubectl.kubernetes.io/restartedAt` of the pod template, if it is a time.
    pub restarted_at: Option<Timestamp>,
    /// Whether another controller owns its spec (Argo CD, Flux, Helm, an operator).
    pub manager: Manager,
    /// Of a Job, or the newest one of a CronJob: how it says that it gave up, if that is news.
    pub gave_up: Option<GaveUp>,
}

/// What a Job's own `Failed` condition says. Shown, never decided from, but for when.
#[derive(Clone, Debug, PartialEq)]
pub struct GaveUp {
    /// `BackoffLimitExceeded`, `DeadlineExceeded`, `PodFailurePolicy`.
    pub reason: Text<128>,
    /// In the Job controller's words.
    pub message: Message,
    /// When it gave up.
    pub at: Timestamp,
}

/// Whether the workload object was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It exists.
    Present,
    /// It has a deletion timestamp.
    Deleting,
    /// It is not there.
    Gone,
    /// The owner could not be resolved (unknown kind, cycle, no permission).
    Unresolved,
}

/// What the owner of a workload allows, read from annotations under `podmender.io/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consent {
    /// Nothing was said.
    Given,
    /// `podmender.io/paused: "true"`, or a value that could not be read (fail closed).
    Paused,
    /// `podmender.io/enabled: "false"`.
    OptedOut,
    /// `podmender.io/ignore-until` lies ahead.
    IgnoredUntil(Timestamp),
}

/// The state of the newest revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rollout {
    /// Where the rollout stands.
    pub state: RolloutState,
    /// The newest revision, as the pods are labelled (`pod-template-hash`, `controller-revision-hash`).
    pub revision: Option<Name>,
    /// When the newest revision was created.
    pub since: Option<Timestamp>,
    /// Whether an older revision is known (there is something to go back to).
    pub has_previous: bool,
    /// How it would replace pods.
    pub replaces: Replaces,
}

/// How a rollout replaces pods.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Replaces {
    /// Some at a time: what is Ready serves on.
    #[default]
    Gradually,
    /// All of them first, and then it makes new ones: a Deployment's strategy `Recreate`.
    AllAtOnce,
}

/// Where a rollout stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RolloutState {
    /// Every replica of the newest revision was Ready once.
    Complete,
    /// Under way, inside its progress deadline.
    Progressing,
    /// `ProgressDeadlineExceeded`, or its like: for a Job, its `Failed` condition (BackoffLimitExceeded, DeadlineExceeded).
    Stuck,
    /// `spec.paused: true`.
    Paused,
    /// Nothing is rolling out, and a changed template would not be, or not to all pods: the update strategy is `OnDelete` or has a
    /// partition.
    Held,
    /// Scaled to zero.
    ScaledToZero,
    /// The kind has no rollout (Job, Pod), or nothing is known.
    Unknown,
}

/// Who else changes the spec.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Manager {
    /// Nobody known.
    None,
    /// Argo CD or Flux: a template patch would be reverted.
    GitOps,
    /// Helm.
    Helm,
    /// An operator.
    Operator,
}

/// Replica counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Replicas {
    /// As the spec asks.
    pub desired: u32,
    /// Ready now.
    pub ready: u32,
}

/// Recent or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// Every watch that this observation rests on gave a sign of life within 60 s.
    Fresh,
    /// At least one did not: nothing may be done, and nothing that is missing counts as gone.
    Stale,
    /// The first complete list is not in yet: what is known may be a part, and nothing follows from it.
    Starting,
}

/// Whether the slower evidence is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EvidenceState {
    /// Logs and Events are in, or cannot be had.
    Complete,
    /// They are being read; wait until this time at most.
    PendingUntil(Timestamp),
}

/// What the PodDisruptionBudgets that select the suspects allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disruption {
    /// An eviction would be accepted.
    Allowed,
    /// A budget has nothing left for a pod in this state.
    Blocked,
    /// More than one budget selects the pod: the API server answers 500 to every eviction.
    Conflicting,
}

/// What else is failing in the policy's scope.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// Pods in scope.
    pub pods: u32,
    /// Pods failing.
    pub pods_failing: u32,
    /// Workloads failing.
    pub workloads_failing: u32,
    /// Since when the storm threshold has been exceeded, or until when it was last: None if never known.
    pub storm: Option<StormSeen>,
}

/// A storm as it was last seen (persisted in the ledger, so that a restart does not end it).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StormSeen {
    /// When it began.
    pub since: Timestamp,
    /// When the threshold was last exceeded.
    pub last_over: Timestamp,
}

/// One pod.
#[derive(Clone, Debug, PartialEq)]
pub struct PodSeen {
    /// Its name.
    pub name: Name,
    /// Its UID: the only thing an eviction may be aimed at.
    pub uid: Name,
    /// When it was created.
    pub created: Timestamp,
    /// Its node.
    pub node: Option<Name>,
    /// The revision that it was made from.
    pub revision: Option<Name>,
    /// `status.phase`.
    pub phase: PodPhase,
    /// Being deleted, preempted, drained or evicted: expected to fail.
    pub leaving: Leaving,
    /// The Ready condition.
    pub ready: Ready,
    /// Whether it was Ready at some time before.
    pub was_ready: bool,
    /// Why it is not scheduled (the scheduler's message).
    pub unschedulable: Option<Message>,
    /// `spec.restartPolicy`.
    pub restart_policy: RestartPolicy,
    /// Whether it is a static (mirror) pod.
    pub is_static: bool,
    /// Its containers: init containers first, in order.
    pub containers: Vec<ContainerSeen>,
    /// Failing probes, from Events.
    pub probes: Vec<ProbeFailure>,
    /// Warning Events on the pod that matter, newest last, at most 8.
    pub events: Vec<EventSeen>,
}

/// `status.phase` of a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PodPhase {
    /// Not all containers were created.
    Pending,
    /// Bound and created.
    Running,
    /// All ended with 0.
    Succeeded,
    /// All ended, one not with 0.
    Failed,
    /// The node cannot be asked, or a phase that the agent does not know.
    Unknown,
}

/// Whether and why a pod goes away on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaving {
    /// It stays.
    No,
    /// It has a deletion timestamp.
    Deleting,
    /// It has the `DisruptionTarget` condition (drain, preemption, taint, eviction API).
    Disrupted,
}

/// The Ready condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ready {
    /// Ready since.
    Yes(Timestamp),
    /// Not Ready since.
    No(Timestamp),
    /// Not Ready, although every container says it is ready: its node is NotReady.
    NodeLost(Timestamp),
    /// No such condition yet.
    Unknown,
}

/// `spec.restartPolicy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestartPolicy {
    /// Always.
    Always,
    /// OnFailure.
    OnFailure,
    /// Never.
    Never,
}

/// One container.
#[derive(Clone, Debug, PartialEq)]
pub struct ContainerSeen {
    /// Its name.
    pub name: Name,
    /// What it is for.
    pub role: ContainerRole,
    /// Its image as written in the spec.
    pub image: Message,
    /// `restartCount`.
    pub restarts: u32,
    /// Ready now.
    pub ready: bool,
    /// Its startup probe has succeeded (or it has none and runs).
    pub started: bool,
    /// State now.
    pub state: ContainerState,
    /// How it ended last.
    pub last: Option<Terminated>,
    /// Since when new resources are being given to it, if that takes a restart of it (`resizePolicy: RestartContainer`): the run
    /// that was under way then is ended by the kubelet, and its end is no failure.
    pub resized: Option<Timestamp>,
    /// Its memory limit in bytes.
    pub memory_limit: Option<u64>,
    /// What its logs say, if they were read.
    pub log: Option<LogFindings>,
}

/// What a container is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ContainerRole {
    /// Runs to its end before the others start.
    Init,
    /// An init container with `restartPolicy: Always`.
    Sidecar,
    /// An ordinary one.
    Main,
}

/// A container's state.
#[derive(Clone, Debug, PartialEq)]
pub enum ContainerState {
    /// Not running.
    Waiting {
        /// Why.
        reason: WaitingReason,
        /// In the runtime's words.
        message: Message,
    },
    /// Running since.
    Running(Option<Timestamp>),
    /// Ended.
    Terminated(Terminated),
    /// Nothing is known yet.
    Unknown,
}

/// How a container ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Terminated {
    /// Why.
    pub reason: TerminatedReason,
    /// Exit code.
    pub exit_code: i32,
    /// Termination message.
    pub message: Message,
    /// When it had started.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub finished: Option<Timestamp>,
}

macro_rules! reasons {
    ($(#[$doc:meta])* $name:ident { $($variant:ident),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[allow(missing_docs, reason = "spelt exactly as Kubernetes spells the reason")]
        pub enum $name { $($variant,)* #[doc = "A reason that the agent does not know."] Other }
        impl $name {
            /// Reads a reason as Kubernetes writes it; an unknown one is `Other`.
            #[must_use]
            pub fn parse(raw: &str) -> Self {
                match raw { $(stringify!($variant) => Self::$variant,)* _ => Self::Other }
            }
            /// The reason as Kubernetes writes it.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => stringify!($variant),)* Self::Other => "Other" }
            }
        }
    };
}

reasons!(
    /// `state.waiting.reason` (kubelet, pkg/kubelet/images/types.go and kuberuntime).
    WaitingReason {
        CrashLoopBackOff, ErrImagePull, ImagePullBackOff, InvalidImageName, ErrImageNeverPull, ImageInspectError,
        RegistryUnavailable, SignatureValidationFailed, CreateContainerConfigError, CreateContainerError,
        RunContainerError, PreStartHookError, PostStartHookError, ContainerCreating, PodInitializing,
        RestartingAllContainers,
    }
);

reasons!(
    /// `state.terminated.reason`.
    TerminatedReason {
        Completed, Error, OOMKilled, ContainerCannotRun, StartError, DeadlineExceeded, ContainerStatusUnknown,
        RestartingAllContainers,
    }
);

/// Which probe.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub enum Probe {
    /// The kubelet restarts the container when it fails.
    Liveness,
    /// The pod gets no traffic while it fails.
    Readiness,
    /// The kubelet restarts the container when it never succeeds.
    Startup,
}

/// A failing probe, put together from `Unhealthy` and `Killing` Events.
#[derive(Clone, Debug, PartialEq)]
pub struct ProbeFailure {
    /// Which container.
    pub container: Name,
    /// Which probe.
    pub probe: Probe,
    /// What the kubelet says.
    pub message: Message,
    /// First seen in this series.
    pub first: Timestamp,
    /// Last seen.
    pub last: Timestamp,
    /// How often.
    pub count: u32,
    /// When the kubelet last began to kill the container for it, if it did.
    pub killed: Option<Timestamp>,
}

/// A Warning Event on a pod.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EventSeen {
    /// Its reason.
    pub reason: Text<128>,
    /// Its note.
    pub message: Message,
    /// Last seen.
    pub last: Timestamp,
    /// How often.
    pub count: u32,
}

/// What a log says, found without an LLM.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LogFindings {
    /// The probable cause.
    pub cause: LogCause,
    /// How sure, in percent.
    pub confidence: u8,
    /// One sentence.
    pub sentence: Message,
    /// The lines that matter, repeats collapsed, at most 10.
    pub lines: Vec<CleanLine>,
}

/// Causes that a log can name.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[allow(
    missing_docs,
    reason = "the names say it; logs.rs holds the patterns and the sentence of each"
)]
pub enum LogCause {
    Panic,
    StackTrace,
    ConnectionRefused,
    ConnectionTimeout,
    Dns,
    Tls,
    Auth,
    DiskFull,
    PermissionDenied,
    MissingEnv,
    MissingFile,
    PortInUse,
    MigrationFailed,
    OutOfMemory,
    BadConfig,
    Unknown,
}
