//! `plan`: the one function that the agent asks what to do.

use crate::{
    approval::ApprovalRequest,
    audit::Fact,
    decide::{Decision, Reason},
    diagnose::{Finding, diagnose, look_again},
    incident::{CROWDED_TIMELINE, Incident},
    ledger::{Ledger, Spend},
    observation::{Consent, Freshness, Manager, Observation, Presence},
    remedy::{Act, ActionId, Outcome},
    rules::Policy,
    verify::{after, lasted},
};
use jiff::Timestamp;
use pass::Pass;
use std::time::Duration;

mod answer;
mod pass;

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
    /// The question whose time is over and that is still open: its end is to be recorded as an Approval, in the first free
    /// place, and the next pass rules on it as on any other answer.
    pub closes: Option<ApprovalRequest>,
    /// Facts to chain into the audit, in order.
    pub facts: Vec<Fact>,
    /// The earliest time at which another look can come to another plan without a trigger.
    pub wake_at: Option<Timestamp>,
}

/// How soon to look again while the first lists are still coming in.
const STARTING: Duration = Duration::from_secs(1);

/// Decides. Cannot fail: odd input gives a `Hold` with its reason.
///
/// Level-triggered: the result depends on the arguments only, never on why it is called.
#[must_use]
pub fn plan(
    policy: &Policy,
    ledger: &Ledger,
    mut incident: Option<Incident>,
    seen: &Observation,
    now: Timestamp,
) -> Plan {
    // No word of a model is an input to a decision: what decides does not get to see any.
    let aside = incident
        .as_mut()
        .and_then(|i| Some((i.id.clone(), i.status.summary.take()?)));
    let managed = ledger
        .is_reverted(&seen.workload.uid)
        .then(|| by_others(seen));
    let seen = managed.as_ref().unwrap_or(seen);
    let mut plan = planned(policy, ledger, incident, seen, now);
    if let (Some((id, summary)), Some(incident)) = (aside, &mut plan.incident)
        && incident.id == id
    {
        incident.status.summary = Some(summary);
    }
    plan
}

/// The same, of a workload whose spec somebody manages as GitOps tools do, as it turned out when they undid our change (row 107).
fn by_others(seen: &Observation) -> Observation {
    let mut seen = seen.clone();
    seen.workload.manager = match seen.workload.manager {
        Manager::None | Manager::Helm => Manager::GitOps,
        known @ (Manager::GitOps | Manager::Operator) => known,
    };
    seen
}

fn planned(
    policy: &Policy,
    ledger: &Ledger,
    incident: Option<Incident>,
    seen: &Observation,
    now: Timestamp,
) -> Plan {
    if seen.freshness == Freshness::Starting {
        return Plan {
            wake_at: Some(after(now, STARTING)),
            ..Plan::nothing(incident)
        };
    }
    let finding = diagnose(seen, now);
    let mut facts = Vec::new();
    let mut incident = incident;
    if let Some(closed) = incident.as_mut().filter(|i| !i.is_open()) {
        closed.refuse(&seen.approvals, Reason::Healthy, &mut facts);
        if !facts.is_empty() {
            // Recorded where it belongs, before a new incident may take this one's place.
            return Plan {
                facts,
                wake_at: Some(now),
                ..Plan::nothing(incident)
            };
        }
    }
    let incident = match (incident, &finding) {
        (Some(i), _) if i.is_open() => i,
        (Some(i), Some(f)) if relapsed(&i, f, policy, now) => {
            let mut i = i;
            i.reopen(&mut facts);
            i
        }
        (Some(i), Some(f))
            if f.diagnosis.last <= i.status.resolved_at.unwrap_or(Timestamp::MIN) =>
        {
            return Plan {
                facts,
                ..Plan::quiet(Some(i), seen, now)
            };
        }
        (_, Some(f))
            if seen.workload.consent != Consent::OptedOut
                && seen.workload.presence != Presence::Deleting =>
        {
            Incident::open(f, seen, &policy.key(), now, &mut facts)
        }
        (other, _) => {
            return Plan {
                facts,
                ..Plan::quiet(other, seen, now)
            };
        }
    };
    Pass {
        policy,
        ledger,
        seen,
        now,
        finding,
        incident,
        facts,
    }
    .run()
}

/// Whether a failure belongs to an incident that was resolved a short while ago.
fn relapsed(incident: &Incident, finding: &Finding, policy: &Policy, now: Timestamp) -> bool {
    let resolved = incident.status.resolved_at.unwrap_or(Timestamp::MIN);
    incident.status.timeline.len() < CROWDED_TIMELINE
        && finding.diagnosis.last > resolved
        && !lasted(resolved, now, policy.verify.relapse_window)
}

/// Records how `act` ended: what `reconcile` calls after the effect.
pub fn conclude(
    incident: &mut Incident,
    action: &ActionId,
    outcome: Outcome,
    now: Timestamp,
) -> Vec<Fact> {
    let mut facts = Vec::new();
    incident.end_act(action, outcome, now, &mut facts);
    facts
}

impl Plan {
    /// Whether it is too late at `now` to begin the act: whoever else looks will soon give it up.
    #[must_use]
    pub fn is_late(&self, now: Timestamp) -> bool {
        let attempt = self.incident.as_ref().and_then(Incident::unsettled);
        attempt.is_none_or(|a| lasted(a.at, now, pass::ACT_WITHIN))
    }

    /// Nothing fails yet; some things become failures by lasting (a pod that no node takes).
    fn quiet(incident: Option<Incident>, seen: &Observation, now: Timestamp) -> Self {
        Self {
            wake_at: look_again(seen, now),
            ..Self::nothing(incident)
        }
    }

    fn nothing(incident: Option<Incident>) -> Self {
        Self {
            incident,
            decision: Decision::nothing(),
            act: None,
            spend: None,
            closes: None,
            facts: Vec::new(),
            wake_at: None,
        }
    }
}
