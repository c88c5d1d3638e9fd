//! `AgentPolicy`: what the owner of some namespaces allows.

use super::schema::{self, NotStructural};
use k8s_openapi::{
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
    apimachinery::pkg::apis::meta::v1::Condition,
};
use kube::{CustomResource, CustomResourceExt};
use podmender_policy::{bounds::Name, rules::AgentPolicySpec};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The `spec` of an [`AgentPolicy`]: the policy crate's own type.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "podmender.io",
    version = "v1alpha1",
    kind = "AgentPolicy",
    plural = "agentpolicies",
    namespaced,
    schema = "disabled",
    status = "AgentPolicyStatus",
    derive = "PartialEq",
    doc = "What the agent may do, and where",
    shortname = "agp",
    category = "podmender",
    label("app.kubernetes.io/part-of", "podmender"),
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].status"
    ),
    printcolumn(name = "Level", type_ = "string", json_path = ".spec.autonomy.level"),
    printcolumn(
        name = "Paused",
        type_ = "boolean",
        json_path = ".spec.autonomy.paused"
    ),
    printcolumn(
        name = "Namespaces",
        type_ = "string",
        json_path = ".status.namespaces"
    ),
    printcolumn(name = "Workloads", type_ = "integer", json_path = ".status.workloads"),
    printcolumn(
        name = "Open",
        type_ = "integer",
        json_path = ".status.openIncidents",
        description = "Incidents that are not resolved"
    ),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].message",
        priority = 1
    ),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp"
    )
)]
#[serde(transparent)]
pub struct AgentPolicyBody(pub AgentPolicySpec);

/// What the agent makes of a policy.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct AgentPolicyStatus {
    /// The generation of the spec that this status is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Ready, Degraded (some of it cannot be followed) and their reasons.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::conditions")]
    pub conditions: Vec<Condition>,
    /// The namespaces that it covers in fact.
    #[schemars(length(max = 256))]
    pub namespaces: Vec<Name>,
    /// Workloads that it covers.
    pub workloads: u32,
    /// Incidents that are not resolved.
    pub open_incidents: u32,
}

/// The definition, with its schema.
pub(super) fn crd() -> Result<CustomResourceDefinition, NotStructural> {
    schema::complete::<AgentPolicySpec, AgentPolicyStatus>(AgentPolicy::crd(), &[], &["spec"])
}
