//! The audit: one enum of every fact worth keeping, chained by hash so that an edit, a drop or a reorder shows.

use crate::{
    approval::Answer,
    bounds::{Name, Text},
    decide::Reason,
    diagnose::FailureKind,
    incident::IncidentId,
    remedy::{ActionId, Effect, Outcome},
    verify::Verdict,
};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// A fact worth keeping.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(
    remote = "Self",
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    tag = "type"
)]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
#[allow(
    missing_docs,
    reason = "each variant says what happened; the fields are those of the thing it names"
)]
pub enum Fact {
    Detected {
        failure: FailureKind,
    },
    /// The failure has another name now (Error became CrashLoopBackOff is not worth it; OOMKilled is).
    Rediagnosed {
        failure: FailureKind,
    },
    /// Nothing is done, and why; kept when the reason changes.
    Held {
        reason: Reason,
    },
    /// Observe level: what would have been done.
    WouldHave {
        effect: Effect,
    },
    Asked {
        expires_at: Timestamp,
    },
    Answered {
        answer: Answer,
        by: Text<256>,
        approval: Name,
    },
    Expired,
    /// An approval that did not count, and why.
    ApprovalRefused {
        by: Text<256>,
        approval: Name,
        because: Reason,
    },
    Intended {
        action: ActionId,
        effect: Effect,
    },
    Ended {
        action: ActionId,
        outcome: Outcome,
    },
    Verified {
        action: ActionId,
        verdict: Verdict,
    },
    Reopened,
    Escalated {
        reason: Reason,
    },
    Resolved {
        reason: Reason,
    },
    /// Written by another version of the agent, in words that this one does not know: kept exactly as it is stored, so
    /// that the chain stays verifiable in both directions.
    #[serde(skip)]
    Foreign(Value),
}

impl Serialize for Fact {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Foreign(stored) => stored.serialize(to),
            known => Self::serialize(known, to),
        }
    }
}

impl<'de> Deserialize<'de> for Fact {
    /// Never refuses a JSON value. A fact counts as known only if writing it again gives what was stored; otherwise a
    /// field that a newer version added would be lost, and the record would look as if it had been edited.
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let stored = Value::deserialize(from)?;
        Ok(match Self::deserialize(&stored) {
            Ok(known) if serde_json::to_value(&known).is_ok_and(|again| again == stored) => known,
            _ => Self::Foreign(stored),
        })
    }
}

/// A SHA-256 in hex.
pub type Hash = Text<64>;

/// A fact in its place in the chain: `hash = SHA-256(prev ‖ canonical JSON of seq, at, incident and fact)`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditRecord {
    /// Its number: no gaps.
    pub seq: u64,
    /// When, by the API server's clock.
    pub at: Timestamp,
    /// Of which incident.
    pub incident: IncidentId,
    /// What happened.
    pub fact: Fact,
    /// The hash of the record before it.
    pub prev: Hash,
    /// Its own hash.
    pub hash: Hash,
}

/// The head of the chain, kept in the ledger.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Head {
    /// The number of the newest record; 0 before the first.
    pub seq: u64,
    /// Its hash; empty before the first.
    pub hash: Hash,
}

/// The chain while it is written.
#[derive(Clone, Debug)]
pub struct Chain {
    /// The newest record.
    pub head: Head,
}

impl Chain {
    /// Puts `fact` behind the newest record.
    pub fn append(&mut self, at: Timestamp, incident: IncidentId, fact: Fact) -> AuditRecord {
        use sha2::{Digest, Sha256};
        let seq = self.head.seq + 1;
        let prev = self.head.hash.clone();
        let body = serde_json::json!({ "seq": seq, "at": at, "incident": incident, "fact": fact });
        let digest = Sha256::new()
            .chain_update(prev.as_str())
            .chain_update(body.to_string())
            .finalize();
        let hash: String = digest.iter().map(|b| format!("{b:02x}")).collect();
        self.head = Head {
            seq,
            hash: Text::from(hash),
        };
        AuditRecord {
            seq,
            at,
            incident,
            fact,
            prev,
            hash: self.head.hash.clone(),
        }
    }
}
