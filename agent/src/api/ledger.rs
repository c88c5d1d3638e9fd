//! `Ledger`: the spent budget and the head of the audit chain. The agent's own; written by compare-and-swap.

use super::schema::{self, NotStructural};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{CustomResource, CustomResourceExt};
use podmender_policy::ledger;
use serde::{Deserialize, Serialize};

/// The `spec` of a [`Ledger`]: the policy crate's own type.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "podmender.io",
    version = "v1alpha1",
    kind = "Ledger",
    namespaced,
    schema = "disabled",
    derive = "PartialEq",
    doc = "The spent budget and the head of the audit chain",
    category = "podmender",
    label("app.kubernetes.io/part-of", "podmender"),
    printcolumn(
        name = "Records",
        type_ = "integer",
        json_path = ".spec.head.seq",
        description = "Audit records so far"
    ),
    printcolumn(
        name = "Head",
        type_ = "string",
        json_path = ".spec.head.hash",
        priority = 1
    ),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp"
    )
)]
#[serde(transparent)]
pub struct LedgerBody(pub ledger::Ledger);

/// The definition, with its schema.
pub(super) fn crd() -> Result<CustomResourceDefinition, NotStructural> {
    schema::complete::<ledger::Ledger, schema::NoStatus>(Ledger::crd(), &[], &["spec"])
}
