//! An incident's name.

use crate::{bounds::Name, workload::WorkloadRef};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// An incident's name: that of its object.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct IncidentId(pub Name);

impl fmt::Display for IncidentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl IncidentId {
    /// A name of at most 63 bytes that is valid for an object: the workload's, cut, with a short hash of workload, UID and time.
    #[must_use]
    pub fn derive(workload: &WorkloadRef, uid: &Name, at: Timestamp) -> Self {
        let digest = short_hash(&[
            workload.to_string().as_str(),
            uid.as_str(),
            &at.as_nanosecond().to_string(),
        ]);
        let name: String = workload
            .name
            .as_str()
            .chars()
            .filter(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '-')
            .take(52)
            .collect();
        let name = name.trim_matches('-');
        let name = if name.is_empty() { "incident" } else { name };
        Self(Name::new(&format!(
            "{name}-{}",
            digest.get(..10).unwrap_or(&digest)
        )))
    }
}

/// The first 16 hex digits of a SHA-256 over `parts`, each closed by a zero byte.
#[must_use]
pub fn short_hash(parts: &[&str]) -> String {
    use sha2::{Digest, Sha256};
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part.as_bytes());
        hasher.update([0]);
    }
    hasher
        .finalize()
        .iter()
        .take(8)
        .map(|b| format!("{b:02x}"))
        .collect()
}
