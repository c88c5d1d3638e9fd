//! The Kubernetes objects of `podmender.io/v1alpha1`: thin wrappers around the types of the policy crate, which knows
//! nothing of Kubernetes clients.
//!
//! The schemas come from the same types, made structural by [`schema`]; [`crds`] is what `podmender crd` prints.

#![allow(
    clippy::duplicated_attributes,
    reason = "kube's printcolumn and selectable repeat their keys; the lint takes that for a slip"
)]

mod agent_policy;
mod approval;
mod incident;
mod ledger;
pub mod schema;

pub use agent_policy::{AgentPolicy, AgentPolicyBody, AgentPolicyStatus};
pub use approval::{Approval, ApprovalBody, ApprovalResult, ApprovalStatus};
pub use incident::{Incident, IncidentBody};
pub use ledger::{Ledger, LedgerBody};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;

/// The API group of every kind.
pub const GROUP: &str = "podmender.io";
/// The version of every kind.
pub const VERSION: &str = "v1alpha1";

/// The four definitions, in the order of their names, ready to be applied.
///
/// # Errors
/// A type has a schema that Kubernetes would refuse: a mistake in this program, which a test rules out.
pub fn crds() -> Result<[CustomResourceDefinition; 4], schema::NotStructural> {
    Ok([
        agent_policy::crd()?,
        approval::crd()?,
        incident::crd()?,
        ledger::crd()?,
    ])
}

#[cfg(test)]
mod tests;
