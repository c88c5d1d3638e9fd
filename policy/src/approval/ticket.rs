//! What a button carries: opaque, and good for one question of one cluster.

use super::ApprovalRequest;
use crate::{
    bounds::{Name, Text},
    incident::{Incident, IncidentId},
};
use sha2::{Digest, Sha256};
use std::fmt;

/// A derived id: nothing needs to be stored, and that of another question or cluster is simply unknown.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(Text<26>);

impl Ticket {
    /// 130 bits of a SHA-256 over `parts`, in base32 (RFC 4648, lower case).
    fn derive(parts: &[&str]) -> Self {
        const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
        let mut sha = Sha256::new();
        sha.update("podmender.io/ticket/v1\n");
        for part in parts {
            sha.update(part);
            sha.update("\n");
        }
        let (mut out, mut held, mut bits) = (String::with_capacity(26), 0_u32, 0_u32);
        // 26 digits of 5 bits are what 17 bytes hold.
        for byte in sha.finalize().into_iter().take(17) {
            held = (held << 8) | u32::from(byte);
            bits += 8;
            while bits >= 5 && out.len() < 26 {
                bits -= 5;
                out.push(char::from(ALPHABET[(held >> bits) as usize & 31]));
            }
            held &= (1 << bits) - 1;
        }
        Self(Text::from(out))
    }

    /// The ticket as a button carries it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Display for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl ApprovalRequest {
    /// The ticket of just this question.
    #[must_use]
    pub fn ticket(&self, incident: &IncidentId) -> Ticket {
        Ticket::derive(&[
            incident.0.as_str(),
            self.uid.as_str(),
            &self.generation.to_string(),
            self.remedy.as_str(),
            &self.asked_at.to_string(),
        ])
    }

    /// The name of the `n`th answer's object (1 to `needed`): to create a taken name is refused by the API server, which
    /// is how the first decision wins. After an answer that did not count (`round`) the places are free again.
    #[must_use]
    pub fn slot(&self, incident: &IncidentId, n: u8) -> Name {
        let stem: String = incident.0.as_str().chars().take(42).collect();
        let stem = stem.trim_end_matches(['-', '.']);
        let ticket = self.ticket(incident);
        let short = ticket.as_str().get(..12).unwrap_or_default();
        Name::from(format!("{stem}-{short}-{}-{n}", self.round))
    }
}

impl Incident {
    /// The ticket of an incident without a question (Details, Snooze): the same over its whole life.
    #[must_use]
    pub fn ticket(&self) -> Ticket {
        Ticket::derive(&[self.id.0.as_str(), self.spec.workload_uid.as_str()])
    }
}
