//! `Incident`: one failing workload, from detection to resolution.

use super::schema::{self, NotStructural};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{CustomResource, CustomResourceExt};
use podmender_policy::incident::{IncidentSpec, IncidentStatus};
use serde::{Deserialize, Serialize};

/// The `spec` of an [`Incident`]: what does not change, and cannot be changed.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "podmender.io",
    version = "v1alpha1",
    kind = "Incident",
    namespaced,
    schema = "disabled",
    status = "podmender_policy::incident::IncidentStatus",
    derive = "PartialEq",
    doc = "A failing workload, what was decided and done about it, and why",
    shortname = "inc",
    category = "podmender",
    label("app.kubernetes.io/part-of", "podmender"),
    selectable = ".spec.workload.kind",
    selectable = ".spec.workload.name",
    selectable = ".spec.failure",
    selectable = ".status.phase",
    printcolumn(name = "Kind", type_ = "string", json_path = ".spec.workload.kind"),
    printcolumn(name = "Workload", type_ = "string", json_path = ".spec.workload.name"),
    printcolumn(
        name = "Failure",
        type_ = "string",
        json_path = ".status.diagnosis.failure"
    ),
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Decision", type_ = "string", json_path = ".status.decision"),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = ".status.reason",
        priority = 1
    ),
    printcolumn(
        name = "Cause",
        type_ = "string",
        json_path = ".status.evidence.sentence",
        priority = 1
    ),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp"
    )
)]
#[serde(transparent)]
pub struct IncidentBody(pub IncidentSpec);

/// The definition, with its schema.
pub(super) fn crd() -> Result<CustomResourceDefinition, NotStructural> {
    schema::complete::<IncidentSpec, IncidentStatus>(
        Incident::crd(),
        &[schema::IMMUTABLE_SPEC],
        &["spec"],
    )
}
