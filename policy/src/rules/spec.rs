//! `AgentPolicySpec`: a policy exactly as users write it. Only [`super::Policy::parse`] gives it a meaning.
//!
//! Absent fields take the defaults of the design (section 3). The schema bounds every list and string and repeats the
//! checks of `parse` as far as a schema can, so that the API server refuses at once what the agent would refuse later.

use super::{schemas, selector::LabelSelector};
use crate::{bounds::Name, diagnose::FailureKind, remedy::RemedyName, severity::Severity};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What an `AgentPolicy` says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct AgentPolicySpec {
    /// Where it holds. Absent or empty: nowhere.
    pub scope: ScopeSpec,
    /// What the agent may use. Absent: healthMonitoring, autoRestart, autoRollback, resourceMonitoring, logAnalysis and
    /// anomalyDetection. In a list that is given, a capability that acts (autoRestart, autoRollback,
    /// resourceOptimization, autoScale) is off unless listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub capabilities: Option<Vec<CapabilitySpec>>,
    /// How much it may do by itself.
    pub autonomy: AutonomySpec,
    /// Whom to tell.
    pub alerting: AlertingSpec,
    /// Explanations in plain words by an LLM. Never an input to a decision.
    pub summary: SummarySpec,
}

/// Where a policy holds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ScopeSpec {
    /// Namespaces by their full names. Empty: none, never all. Wildcards, the namespaces of the cluster itself and the
    /// agent's own are refused.
    #[schemars(length(max = 256), schema_with = "schemas::namespaces")]
    pub namespaces: Vec<String>,
    /// Which workloads in them, by label. Absent or empty: all.
    pub selector: LabelSelector,
}

/// One thing that the agent can do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CapabilitySpec {
    /// Which.
    pub name: CapabilityName,
    /// Whether it may be used. Absent: resourceOptimization and autoScale no, the others yes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Its settings: which there are depends on the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<CapabilityConfig>,
}

/// What the agent can do, by name.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the names of design.md, section 3")]
pub enum CapabilityName {
    HealthMonitoring,
    AutoRestart,
    AutoRollback,
    ResourceOptimization,
    AutoScale,
    ResourceMonitoring,
    LogAnalysis,
    AnomalyDetection,
}

/// Settings of a capability. Each belongs to one capability; with another it is an error.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct CapabilityConfig {
    /// autoRestart: at most this many restarts of a workload in `window` (and 6 in 24 h, whatever stands here). Default 3.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 20))]
    pub max_restarts: Option<i64>,
    /// autoRestart: the sliding window of `maxRestarts`. Default 1h.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schemas::window")]
    pub window: Option<String>,
    /// autoRestart: the least time between two restarts of a workload. Default 60s.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schemas::cooldown")]
    pub cooldown_period: Option<String>,
    /// autoRestart: the cooldown grows by this factor with each restart, to 1h at most. Default 2.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10))]
    pub backoff_factor: Option<i64>,
    /// autoRestart: a failure must have happened this often before the first act. Default 2.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub min_occurrences: Option<i64>,
    /// autoRestart: evict the failing pod, or restart the whole rollout (which changes the spec and therefore asks,
    /// unless the level is autonomous). Default Evict.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<RestartMethod>,
    /// autoRestart: how long a failing probe is left to the kubelet. Default 60s.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schemas::hold")]
    pub hold: Option<String>,
    /// resourceOptimization: by how much a memory limit is raised at once. Default 1.5.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1.1, max = 4.0))]
    pub memory_factor: Option<f64>,
    /// resourceOptimization: the limit is never raised above this. Default 1Gi.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schemas::memory")]
    pub max_memory: Option<String>,
    /// autoScale: never fewer replicas. Default 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub min_replicas: Option<i64>,
    /// autoScale: never more replicas. Default 5.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub max_replicas: Option<i64>,
    /// autoScale: memory use to aim at, in percent of the limit. Default 80.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 10, max = 95))]
    pub target_memory_percent: Option<i64>,
}

/// How a restart is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs, reason = "said at the field")]
pub enum RestartMethod {
    Evict,
    Rollout,
}

/// How much the agent may do by itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct AutonomySpec {
    /// observe: nothing is written to a workload. supervised: a restart runs by itself, what changes a spec asks.
    /// autonomous: every enabled capability acts by itself. Default supervised.
    pub level: super::Level,
    /// What always asks, on every level. Default deleteDeployment, scaleToZero, modifySecrets.
    #[schemars(length(max = 16))]
    pub require_approval: Vec<RemedyName>,
    /// How many different people must approve a remedy, 1 to 5, by remedy. A remedy that stands here always asks.
    /// Default one, of those that ask.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "schemas::min_approvals")]
    pub min_approvals: BTreeMap<RemedyName, i64>,
    /// Who may answer in Slack. Absent or empty: nobody.
    pub approvers: ApproversSpec,
    /// How long an answer counts. Default 30m.
    #[schemars(schema_with = "schemas::approval_timeout")]
    pub approval_timeout: String,
    /// Kill switch: nothing new is done while it is true. Default false.
    pub paused: bool,
    /// When nothing may be done.
    #[schemars(length(max = 32))]
    pub freeze_windows: Vec<FreezeWindowSpec>,
    /// How much at once.
    pub limits: LimitsSpec,
    /// When a remedy counts as having helped.
    pub verify: VerifySpec,
}

impl Default for AutonomySpec {
    fn default() -> Self {
        Self {
            level: super::Level::Supervised,
            require_approval: vec![
                RemedyName::DeleteDeployment,
                RemedyName::ScaleToZero,
                RemedyName::ModifySecrets,
            ],
            min_approvals: BTreeMap::new(),
            approvers: ApproversSpec::default(),
            approval_timeout: "30m".into(),
            paused: false,
            freeze_windows: Vec::new(),
            limits: LimitsSpec::default(),
            verify: VerifySpec::default(),
        }
    }
}

/// Who may answer in Slack.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ApproversSpec {
    /// Members, by id (`U…` or `W…`).
    #[schemars(length(max = 64), schema_with = "schemas::slack_users")]
    pub slack_user_ids: Vec<String>,
    /// Whoever is in one of these user groups, by id (`S…`).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), schema_with = "schemas::slack_groups")]
    pub slack_user_group_ids: Vec<String>,
    /// Their workspace, by id (`T…`): an answer from another one does not count.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schemas::slack_team")]
    pub slack_team_id: Option<String>,
}

/// A recurring time in which nothing may be done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FreezeWindowSpec {
    /// When it begins: a cron expression and a time zone, such as `0 22 * * FRI Europe/Berlin`.
    #[schemars(schema_with = "schemas::schedule")]
    pub schedule: String,
    /// How long it lasts.
    #[schemars(schema_with = "schemas::freeze_duration")]
    pub duration: String,
}

/// How much at once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct LimitsSpec {
    /// Remedies under way at once, per namespace. Default 2.
    #[schemars(range(min = 1, max = 50))]
    pub max_concurrent: i64,
    /// Remedies in `actionsWindow`, per namespace. Default 5.
    #[schemars(range(min = 1, max = 100))]
    pub max_actions: i64,
    /// The sliding window of `maxActions`. Default 10m.
    #[schemars(schema_with = "schemas::actions_window")]
    pub actions_window: String,
    /// A storm begins when this share of the pods in scope fails (and at least 10 of them). Default 30.
    #[schemars(range(min = 1, max = 100))]
    pub storm_pods_percent: i64,
    /// A storm begins when this many workloads fail. Default 10.
    #[schemars(range(min = 2, max = 1000))]
    pub storm_workloads: i64,
    /// A storm is over after this long below both. Default 10m.
    #[schemars(schema_with = "schemas::storm_calm")]
    pub storm_calm: String,
}

impl Default for LimitsSpec {
    fn default() -> Self {
        Self {
            max_concurrent: 2,
            max_actions: 5,
            actions_window: "10m".into(),
            storm_pods_percent: 30,
            storm_workloads: 10,
            storm_calm: "10m".into(),
        }
    }
}

/// When a remedy counts as having helped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct VerifySpec {
    /// Well for this long. Default 60s.
    #[schemars(schema_with = "schemas::healthy_delay")]
    pub healthy_delay: String,
    /// By this long after the act at the latest. Default 5m.
    #[schemars(schema_with = "schemas::deadline")]
    pub deadline: String,
    /// A failure within this long after it was resolved counts as a failed verification. Default 10m.
    #[schemars(schema_with = "schemas::relapse_window")]
    pub relapse_window: String,
}

impl Default for VerifySpec {
    fn default() -> Self {
        Self {
            healthy_delay: "60s".into(),
            deadline: "5m".into(),
            relapse_window: "10m".into(),
        }
    }
}

/// Whom to tell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct AlertingSpec {
    /// Whether anybody is told. Default true.
    pub enabled: bool,
    /// Where. Empty: nowhere but the incident and its Events.
    #[schemars(length(max = 16))]
    pub channels: Vec<ChannelSpec>,
    /// The least time between two messages to one channel. Default 1s.
    #[schemars(schema_with = "schemas::min_interval")]
    pub min_interval: String,
}

impl Default for AlertingSpec {
    fn default() -> Self {
        Self {
            enabled: true,
            channels: Vec::new(),
            min_interval: "1s".into(),
        }
    }
}

/// Where alerts go. `${NAME}` stands for a file or variable that the chart mounts from a Secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = [
    {"rule": "self.type != 'webhook' || (has(self.url) && !has(self.webhook) && !has(self.channel) && !has(self.token) && !has(self.routingKey))", "message": "a webhook channel takes url and signingSecret, and nothing else"},
    {"rule": "self.type != 'slack' || (!has(self.url) && !has(self.signingSecret) && !has(self.routingKey) && (has(self.webhook) != (has(self.channel) && has(self.token))))", "message": "a slack channel takes either webhook, or channel and token"},
    {"rule": "!(self.type in ['teams', 'discord']) || (has(self.webhook) && !has(self.url) && !has(self.signingSecret) && !has(self.channel) && !has(self.token) && !has(self.routingKey))", "message": "a teams or discord channel takes webhook, and nothing else"},
    {"rule": "self.type != 'pagerduty' || (has(self.routingKey) && !has(self.webhook) && !has(self.signingSecret) && !has(self.channel) && !has(self.token))", "message": "a pagerduty channel takes routingKey and url, and nothing else"},
    {"rule": "self.type != 'alertmanager' || (has(self.url) && !has(self.webhook) && !has(self.signingSecret) && !has(self.channel) && !has(self.token) && !has(self.routingKey))", "message": "an alertmanager channel takes url, and nothing else"}
]))]
pub struct ChannelSpec {
    /// slack, webhook, teams, discord, pagerduty or alertmanager.
    #[serde(rename = "type")]
    pub kind: ChannelKind,
    /// slack, discord: an incoming webhook's address; teams: that of a workflow ("When a Teams webhook request is received").
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048))]
    pub webhook: Option<String>,
    /// slack: a channel's name or id, with `token`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 80))]
    pub channel: Option<String>,
    /// slack: a bot token, as `${NAME}`: a literal one is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub token: Option<String>,
    /// webhook: the address that gets the alert as JSON. alertmanager: its address, without `/api/v2/alerts`. pagerduty: where
    /// events go, if not to the United States.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048))]
    pub url: Option<String>,
    /// webhook: the secret by which messages are signed (header `X-Podmender-Signature`), as `${NAME}`: a literal one is
    /// refused. Absent: they are not signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub signing_secret: Option<String>,
    /// pagerduty: the integration key (Events API v2), as `${NAME}`: a literal one is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub routing_key: Option<String>,
    /// Which incidents go there. Absent: all of the policy.
    #[serde(default, rename = "match", skip_serializing_if = "Option::is_none")]
    pub only: Option<MatchSpec>,
}

/// Which incidents go to a channel. What is absent or empty leaves nothing out; the rest must all fit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct MatchSpec {
    /// The workload's namespace is one of these.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub namespaces: Vec<Name>,
    /// It is or was at least that bad: info, warning (Podmender deals with it) or critical (a person is needed).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_severity: Option<Severity>,
    /// What fails is one of these, spelt as Kubernetes spells the reason.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub failures: Vec<FailureKind>,
}

/// Kinds of channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the names say it")]
pub enum ChannelKind {
    Slack,
    Webhook,
    Teams,
    Discord,
    #[serde(rename = "pagerduty")]
    PagerDuty,
    Alertmanager,
}

/// Explanations by an LLM with an OpenAI-like API. Never an input to a decision.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct SummarySpec {
    /// Whether one is asked: once the alert is out, and the log was read or waited for, also if the incident is over by then.
    /// Not in a storm. Default false.
    pub enabled: bool,
    /// Where it is, up to and without `/chat/completions`. Empty: OpenAI's own address. Link-local addresses are refused.
    #[schemars(length(max = 2048))]
    pub base_url: String,
    /// Which model.
    #[schemars(length(max = 128))]
    pub model: String,
    /// Its key, as `${NAME}`: a literal one is refused. Only in a policy in the agent's own namespace.
    #[schemars(length(max = 256))]
    pub api_key: String,
    /// In which language it is to answer. Default English.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 32))]
    pub language: String,
    /// At most this many calls in any minute. Default 6.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 60))]
    pub per_minute: Option<i64>,
    /// At most this many calls in any 24 hours, whatever they give and however often the agent restarts: each is written into
    /// the ledger before it is made. Default 200.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10_000))]
    pub per_day: Option<i64>,
    /// Whether the endpoint may be inside the cluster, in the network around it or in the agent's own pod (a local Ollama
    /// or vLLM). Only in a policy in the agent's own namespace. Default false.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub allow_private_address: bool,
}
