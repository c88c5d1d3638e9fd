//! The audit: one enum of every fact worth keeping, chained by hash so that an edit, a drop or a reorder shows.
//!
//! Records live in the timelines of incidents, in any order, and those of no incident in the ledger, which also holds the
//! newest (head) and where to start (anchor). A chain shows that something was changed, not who did it; whoever may write incidents and the ledger could
//! write a whole new chain, so `audit verify` prints the head, to be compared with one that was noted elsewhere
//! (Crosby and Wallach 2009).

mod verify;

pub use verify::{Breach, Verified, verify};

use crate::{
    approval::{Answer, Entrance},
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
use sha2::{Digest, Sha256};
use std::fmt::Write as _;

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
        #[serde(default, skip_serializing_if = "Entrance::is_kubernetes")]
        via: Entrance,
    },
    /// A person put the question off; nothing is done until then.
    Snoozed {
        until: Timestamp,
        by: Text<256>,
        approval: Name,
        #[serde(default, skip_serializing_if = "Entrance::is_kubernetes")]
        via: Entrance,
    },
    /// Nobody answered in time, and the API server took no Approval that says so (else: `Answered`, with the answer Expired).
    Expired,
    /// A question that no longer stands, and why.
    Withdrawn {
        because: Reason,
    },
    /// An approval that did not count, and why.
    ApprovalRefused {
        by: Text<256>,
        approval: Name,
        because: Reason,
        #[serde(default, skip_serializing_if = "Entrance::is_kubernetes")]
        via: Entrance,
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
    /// A person paused a policy from chat. Of no incident; kept in the ledger.
    Paused {
        policy: Name,
        by: Text<256>,
        #[serde(default, skip_serializing_if = "Entrance::is_kubernetes")]
        via: Entrance,
    },
    /// A person ended that pause.
    Resumed {
        policy: Name,
        by: Text<256>,
        #[serde(default, skip_serializing_if = "Entrance::is_kubernetes")]
        via: Entrance,
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

/// What sets these hashes apart from any other use of SHA-256. A new form of the chain gets a new name.
const DOMAIN: &str = "podmender.io/audit/v1";

/// A fact in its place in the chain: `hash = SHA-256(domain, prev, canonical JSON of at, fact, incident and seq)`, each
/// part ended by a line break, which none of them contains.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditRecord {
    /// Its number: no gaps.
    pub seq: u64,
    /// When, by the API server's clock.
    pub at: Timestamp,
    /// Of which incident. Absent: of none; such records are kept in the ledger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<IncidentId>,
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

/// The chain while records are added to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chain {
    /// The newest record.
    pub head: Head,
}

impl Chain {
    /// Adds a fact behind the newest record. Nothing is stored by this.
    pub fn append(
        &mut self,
        at: Timestamp,
        incident: impl Into<Option<IncidentId>>,
        fact: Fact,
    ) -> AuditRecord {
        let mut record = AuditRecord {
            seq: self.head.seq.saturating_add(1),
            at,
            incident: incident.into(),
            fact,
            prev: self.head.hash.clone(),
            hash: Hash::default(),
        };
        record.hash = record.digest();
        self.head = Head {
            seq: record.seq,
            hash: record.hash.clone(),
        };
        record
    }
}

impl AuditRecord {
    /// The hash that this record must have.
    #[must_use]
    pub fn digest(&self) -> Hash {
        let content = serde_json::json!({
            "at": self.at, "fact": self.fact, "incident": self.incident, "seq": self.seq,
        });
        let mut text = String::new();
        canonical(&content, &mut text);
        let mut sha = Sha256::new();
        for part in [DOMAIN, self.prev.as_str(), &text] {
            sha.update(part);
            sha.update("\n");
        }
        let mut hex = String::with_capacity(64);
        for byte in sha.finalize() {
            // Writing to a String cannot fail.
            let _ = write!(hex, "{byte:02x}");
        }
        Hash::new(&hex)
    }
}

/// JSON with sorted keys and without spaces: the same for the same value, whatever stored it in between. Facts hold no
/// fractions, because the API server writes those in its own way.
fn canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(object) => {
            let mut keys: Vec<&String> = object.keys().collect();
            keys.sort_unstable();
            for (index, key) in keys.into_iter().enumerate() {
                out.push(if index == 0 { '{' } else { ',' });
                let _ = write!(out, "{}:", Value::from(key.as_str()));
                canonical(&object[key], out);
            }
            out.push_str(if object.is_empty() { "{}" } else { "}" });
        }
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                canonical(item, out);
            }
            out.push(']');
        }
        // Strings are escaped the same way every time, and numbers are whole.
        plain => {
            let _ = write!(out, "{plain}");
        }
    }
}

#[cfg(test)]
mod tests;
