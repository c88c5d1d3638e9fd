//! `Approval`: a person's decision on what an incident asks, or the agent's word that nobody took one in time.
//!
//! Who may create one is a matter of RBAC on `approvals.podmender.io`, and the API server tells a controller not who did.
//! `spec.by` is therefore a note, unless the admission policy in `rbac/approvals-admission-policy.yaml` is in force, which
//! holds it to the API server's user (`proof.rs` finds out); only where two people must approve does that matter. What binds an approval is what it names: incident, remedy, UID and generation, and the API
//! server's own `metadata.creationTimestamp`, which nobody can choose. It cannot be edited once it is made, and its
//! status says once and for all what became of it.

use super::{
    Incident,
    schema::{self, NotStructural},
};
use jiff::Timestamp;
use k8s_openapi::{
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
    apimachinery::pkg::apis::meta::v1::OwnerReference,
};
use kube::{CustomResource, CustomResourceExt, Resource, ResourceExt};
use podmender_policy::{
    approval::{self, Answer, ApprovalRequest, Entrance, Proof},
    bounds::{Name, Text},
    decide::Reason,
    incident::IncidentId,
    remedy::RemedyName,
    rules::duration,
};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// The `spec` of an [`Approval`]: cannot be changed.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "podmender.io",
    version = "v1alpha1",
    kind = "Approval",
    namespaced,
    schema = "disabled",
    status = "ApprovalStatus",
    derive = "PartialEq",
    doc = "What was decided on what an incident asks, and by whom",
    shortname = "appr",
    category = "podmender",
    label("app.kubernetes.io/part-of", "podmender"),
    selectable = ".spec.incident",
    printcolumn(name = "Incident", type_ = "string", json_path = ".spec.incident"),
    printcolumn(name = "Remedy", type_ = "string", json_path = ".spec.remedy"),
    printcolumn(name = "Answer", type_ = "string", json_path = ".spec.answer"),
    printcolumn(
        name = "By",
        type_ = "string",
        json_path = ".spec.by",
        description = "As noted; the API server's audit log is the proof"
    ),
    printcolumn(name = "Result", type_ = "string", json_path = ".status.result"),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp"
    )
)]
#[serde(rename_all = "camelCase")]
pub struct ApprovalBody {
    /// Which incident, in the same namespace.
    pub incident: IncidentId,
    /// Yes, no, or not now. Expired: nobody answered in time; the agent writes that.
    pub answer: Answer,
    /// Which remedy was shown to the person.
    pub remedy: RemedyName,
    /// The workload's UID as shown to the person.
    pub uid: Name,
    /// The workload's generation as shown to the person.
    pub generation: i64,
    /// Who decided: a note, unless an admission policy compares it with the API server's user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Text<256>>,
    /// By which entrance it came. Absent: kubectl. Others are written by the agent alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<Entrance>,
    /// Of a snooze: for how long, from 15m to 24h. Absent: 1h.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "snooze_for")]
    pub snooze_for: Option<Text<16>>,
}

/// What became of an approval.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ApprovalStatus {
    /// When it was used up. An approval that has this counts for nothing more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consumed_at: Option<Timestamp>,
    /// Whether it counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<ApprovalResult>,
    /// Why it did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
}

/// Whether an approval counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs, reason = "the names say it")]
pub enum ApprovalResult {
    Accepted,
    Refused,
}

/// An answer to a snooze is the only one with a length.
const SNOOZE_FOR: schema::Rule = (
    "self.spec.answer == 'Snooze' || !has(self.spec.snoozeFor)",
    "snoozeFor belongs to the answer Snooze",
);

/// That nobody answered in time is nobody's answer.
const ENDED_BY_AGENT: schema::Rule = (
    "(self.spec.answer == 'Expired') == (has(self.spec.via) && self.spec.via.type == 'agent')",
    "Expired is what the agent itself says, and all that it says",
);

fn snooze_for(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "maxLength": 16,
        "pattern": duration::PATTERN,
        "x-kubernetes-validations": [{
            "rule": "duration(self) >= duration('15m') && duration(self) <= duration('24h')",
            "message": "must be between 15m and 24h"
        }]
    })
}

impl ApprovalBody {
    /// An answer to just this question: remedy, UID and generation as they were shown.
    #[must_use]
    pub fn answering(incident: &IncidentId, asked: &ApprovalRequest, answer: Answer) -> Self {
        Self {
            incident: incident.clone(),
            answer,
            remedy: asked.remedy,
            uid: asked.uid.clone(),
            generation: asked.generation,
            by: None,
            via: None,
            snooze_for: None,
        }
    }
}

impl Approval {
    /// Makes it go with its incident: when that is deleted, Kubernetes deletes this too, and nobody needs a right to.
    #[must_use]
    pub fn beside(mut self, incident: &IncidentId, uid: &str) -> Self {
        // An incident of which no UID is known cannot be named as owner; the API server would refuse the answer.
        let owner = (!uid.is_empty()).then(|| OwnerReference {
            api_version: Incident::api_version(&()).into_owned(),
            kind: Incident::kind(&()).into_owned(),
            name: incident.to_string(),
            uid: uid.to_owned(),
            block_owner_deletion: None,
            controller: None,
        });
        self.metadata.owner_references = owner.map(|owner| vec![owner]);
        self
    }

    /// Whose answer it is, and which.
    #[must_use]
    pub fn given(&self) -> approval::Given {
        let spec = &self.spec;
        approval::Given {
            by: spec.by.clone().unwrap_or_default(),
            via: spec.via.clone().unwrap_or_default(),
            answer: spec.answer,
        }
    }

    /// What `plan` reads, if it is still unused. `None` without a creation time: then the API server has not made it.
    #[must_use]
    pub fn unused(&self) -> Option<approval::Approval> {
        if self
            .status
            .as_ref()
            .is_some_and(|status| status.consumed_at.is_some())
        {
            return None;
        }
        let spec = &self.spec;
        Some(approval::Approval {
            id: Name::new(&self.name_any()),
            incident: spec.incident.clone(),
            answer: spec.answer,
            remedy: spec.remedy,
            uid: spec.uid.clone(),
            generation: spec.generation,
            by: spec.by.clone().unwrap_or_default(),
            at: self.metadata.creation_timestamp.as_ref()?.0,
            entrance: spec.via.clone().unwrap_or_default(),
            // The object itself cannot tell: see `proof.rs`.
            proof: Proof::Noted,
            snooze_for: spec
                .snooze_for
                .as_ref()
                .and_then(|raw| duration::SNOOZE.read(raw.as_str()).ok()),
        })
    }
}

/// The definition, with its schema.
pub(super) fn crd() -> Result<CustomResourceDefinition, NotStructural> {
    schema::complete::<ApprovalBody, ApprovalStatus>(
        Approval::crd(),
        &[
            schema::IMMUTABLE_SPEC,
            schema::USED_UP_ONCE,
            SNOOZE_FOR,
            ENDED_BY_AGENT,
        ],
        &["spec"],
    )
}
