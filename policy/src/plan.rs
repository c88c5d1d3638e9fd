//! `plan`: the one function that the agent asks what to do.

use crate::{
    audit::Fact,
    decide::Decision,
    incident::Incident,
    ledger::{Ledger, Spend},
    observation::Observation,
    remedy::Act,
    rules::Policy,
};
use jiff::Timestamp;

/// What to do about one workload: complete before the first write.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The incident as it is to be stored, already advanced. `None`: nothing is wrong and nothing was.
    pub incident: Option<Incident>,
    /// The decision and its reason.
    pub decision: Decision,
    /// What to do to the workload: at most one act.
    pub act: Option<Act>,
    /// What it costs: to be written before the act. `None` for an act that was paid for before a restart.
    pub spend: Option<Spend>,
    /// Facts to chain into the audit, in order.
    pub facts: Vec<Fact>,
    /// The earliest time at which another look can come to another plan without a trigger.
    pub wake_at: Option<Timestamp>,
}

/// Decides. Cannot fail: odd input gives a `Hold` with its reason.
///
/// Level-triggered: the result depends on the arguments only, never on why it is called.
#[must_use]
pub fn plan(
    _policy: &Policy,
    _ledger: &Ledger,
    incident: Option<Incident>,
    _seen: &Observation,
    _now: Timestamp,
) -> Plan {
    Plan {
        incident,
        decision: Decision::nothing(),
        act: None,
        spend: None,
        facts: Vec::new(),
        wake_at: None,
    }
}
