//! Approvals: who decided what, for which incident, remedy, object and generation, until when.

use crate::{
    bounds::{Name, Text},
    incident::IncidentId,
    remedy::RemedyName,
};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a person is asked. Part of an incident's status.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApprovalRequest {
    /// Which remedy would be applied.
    pub remedy: RemedyName,
    /// The workload's UID when it was asked.
    pub uid: Name,
    /// The workload's generation when it was asked.
    pub generation: i64,
    /// When it was asked.
    pub asked_at: Timestamp,
    /// Until when an answer counts; after that the answer is no.
    pub expires_at: Timestamp,
    /// Why a person is asked.
    pub because: Text<256>,
}

/// Yes or no.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Answer {
    /// Do it.
    Approve,
    /// Leave it.
    Deny,
}

/// A person's decision, as an `Approval` object holds it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Approval {
    /// The object's own name (an approval is consumed once, by name).
    pub id: Name,
    /// Which incident.
    pub incident: IncidentId,
    /// Yes or no.
    pub answer: Answer,
    /// Which remedy was shown to the person.
    pub remedy: RemedyName,
    /// The workload's UID as shown to the person.
    pub uid: Name,
    /// The workload's generation as shown to the person.
    pub generation: i64,
    /// Who decided (a user name, a Slack user id).
    pub by: Text<256>,
    /// When the decision was recorded, by the API server's clock.
    pub at: Timestamp,
}
