//! The invariants that hold over a whole run, asserted from the API server's audit log and the objects that remain.
use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail, ensure};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::deeds::Deed;
use super::incident::Incident;
use super::stage::Stage;
use super::wait;

/// So many seconds after the last scenario everything is written down.
const SETTLED_WITHIN: u64 = 30;

/// Agents by their namespace, with the namespaces that each may look after.
pub(super) type Agents = BTreeMap<String, Vec<String>>;

/// Everything that is asserted at the end, by name. The agents are still at work: what is written down of the last act may
/// follow it by a moment, and a chain that is read while it grows may lack a link. So each is looked at until it holds; what
/// breaks an invariant is there to stay.
pub(super) fn judge(stage: &Stage, agents: &Agents) -> Vec<(&'static str, Result<()>)> {
    let with = |check: &dyn Fn(&[Deed], &Records) -> Result<()>| -> Result<()> {
        wait::until("the invariant", SETTLED_WITHIN, || {
            check(&stage.deeds.all()?, &Records::read(stage)?)
        })
    };
    vec![
        (
            "I1-I6-typed-acts-in-scope",
            with(&|d, _| only_typed_acts(d, agents)),
        ),
        ("I2-budget-in-any-window", with(&budgets_hold)),
        ("I3-intent-before-act", with(&intents_come_first)),
        ("I5-only-what-was-judged", with(&|d, _| uids_are_named(d))),
        (
            "I15-audit-verifies",
            wait::until("the chain", SETTLED_WITHIN, || {
                audit_verifies(stage, agents)
            }),
        ),
    ]
}

/// I1, I6: nothing is changed but by the few typed verbs, in the agent's own scope.
fn only_typed_acts(deeds: &[Deed], agents: &Agents) -> Result<()> {
    for deed in deeds {
        let scoped = agents
            .get(&deed.agent)
            .is_some_and(|scope| scope.contains(&deed.namespace));
        let own = deed.agent == deed.namespace;
        let allowed = match (deed.verb.as_str(), deed.resource.as_str()) {
            // Asking what one may do changes nothing.
            ("create", "selfsubjectaccessreviews" | "selfsubjectrulesreviews") => true,
            ("create", "pods/eviction") => scoped,
            ("create" | "patch" | "delete", "incidents") => scoped,
            ("patch", "incidents/status" | "approvals/status") => scoped,
            // A person's answer in Slack; the agent writes it down.
            ("create", "approvals") => scoped,
            ("create" | "patch", "events") | ("patch", "agentpolicies/status") => scoped || own,
            ("create" | "update", "ledgers" | "leases") => own,
            _ => false,
        };
        ensure!(
            allowed,
            "{} of {}/{} in {:?} by the agent of {} (answered {})",
            deed.verb,
            deed.resource,
            deed.name,
            deed.namespace,
            deed.agent,
            deed.code
        );
    }
    Ok(())
}

/// I5: each eviction is bound to one UID.
fn uids_are_named(deeds: &[Deed]) -> Result<()> {
    for deed in deeds.iter().filter(|d| d.resource == "pods/eviction") {
        ensure!(
            deed.uid.is_some(),
            "the eviction of {} names no UID",
            deed.name
        );
    }
    Ok(())
}

/// I3: each act has exactly one earlier intent, and each intent has ended.
fn intents_come_first(deeds: &[Deed], records: &Records) -> Result<()> {
    for deed in deeds.iter().filter(|d| d.evicted()) {
        let uid = deed.uid.as_deref().unwrap_or_default();
        let intents: Vec<_> = records.intents.iter().filter(|i| i.uid == uid).collect();
        // The same pod may have been aimed at before, in vain: then that intent did not end as executed.
        let executed: Vec<_> = intents
            .iter()
            .filter(|i| i.outcome.as_deref() == Some("Executed"))
            .collect();
        let [intent] = executed.as_slice() else {
            bail!(
                "the eviction of {} in {} has {} intents, {} of them executed",
                deed.name,
                deed.namespace,
                intents.len(),
                executed.len()
            );
        };
        ensure!(
            intent.at <= deed.answered,
            "the intent for {} is dated {}, after the act at {}",
            deed.name,
            intent.at,
            deed.answered
        );
    }
    for intent in &records.intents {
        ensure!(
            intent.outcome.is_some(),
            "the intent {} on {} has no end",
            intent.action,
            intent.workload
        );
    }
    Ok(())
}

/// I2: never more acts on a workload in any window than its policy allows.
fn budgets_hold(deeds: &[Deed], records: &Records) -> Result<()> {
    let mut acts: BTreeMap<&str, Vec<Timestamp>> = BTreeMap::new();
    for deed in deeds.iter().filter(|d| d.evicted()) {
        let intent = records
            .intents
            .iter()
            .find(|i| Some(i.uid.as_str()) == deed.uid.as_deref());
        let workload = intent.map_or(deed.name.as_str(), |i| i.workload.as_str());
        acts.entry(workload).or_default().push(deed.at);
    }
    for (workload, times) in &acts {
        let namespace = workload.split('/').next().unwrap_or_default();
        let (max, window) = records.budget(namespace);
        for first in times {
            let inside = times
                .iter()
                .filter(|t| **t >= *first && t.duration_since(*first) < window)
                .count();
            ensure!(
                inside <= max,
                "{inside} acts on {workload} within {window:?}, allowed are {max}"
            );
        }
    }
    Ok(())
}

/// I15: the audit chain of every agent verifies.
fn audit_verifies(stage: &Stage, agents: &Agents) -> Result<()> {
    for agent in agents.keys() {
        stage
            .podmender(&["audit", "verify", "-A", "--own-namespace", agent])
            .with_context(|| format!("the chain of the agent in {agent}"))?;
    }
    Ok(())
}

/// An intended act, as incidents record it.
#[derive(Clone)]
struct Intent {
    workload: String,
    action: String,
    uid: String,
    at: Timestamp,
    outcome: Option<String>,
}

/// What remains in the cluster at the end.
struct Records {
    intents: Vec<Intent>,
    policies: Vec<Value>,
}

impl Records {
    fn read(stage: &Stage) -> Result<Self> {
        let incidents = stage.api.list("/apis/podmender.io/v1alpha1/incidents")?;
        let intents = incidents.into_iter().map(Incident).map(|i| intents(&i));
        Ok(Self {
            intents: intents.collect::<Result<Vec<_>>>()?.concat(),
            policies: stage
                .api
                .list("/apis/podmender.io/v1alpha1/agentpolicies")?,
        })
    }

    /// The strictest budget of the policies that cover a namespace, by what they say now.
    fn budget(&self, namespace: &str) -> (usize, SignedDuration) {
        let covering = self.policies.iter().filter(|p| {
            let scope = p
                .pointer("/spec/scope/namespaces")
                .and_then(Value::as_array);
            scope.is_some_and(|s| s.iter().any(|n| n == namespace))
        });
        let max = covering.filter_map(|p| {
            p.pointer("/spec/capabilities/0/config/maxRestarts")?
                .as_u64()
        });
        let max = max.min().and_then(|m| usize::try_from(m).ok()).unwrap_or(3);
        // All scenarios use the window of `objects::policy`.
        (max, SignedDuration::from_mins(10))
    }
}

fn intents(incident: &Incident) -> Result<Vec<Intent>> {
    let text = |value: &Value, pointer: &str| {
        value
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let workload = format!(
        "{}/{}",
        text(&incident.0, "/spec/workload/namespace"),
        incident.workload()
    );
    let records = incident
        .0
        .pointer("/status/timeline")
        .and_then(Value::as_array);
    let records: Vec<&Value> = records.into_iter().flatten().collect();
    let of_type = |kind: &'static str| {
        let records = records.iter().copied();
        records.filter(move |r| text(r, "/fact/type") == kind)
    };
    let mut found = Vec::new();
    for record in of_type("intended") {
        let action = text(record, "/fact/action");
        let end = of_type("ended").find(|r| text(r, "/fact/action") == action);
        found.push(Intent {
            workload: workload.clone(),
            uid: text(record, "/fact/effect/uid"),
            at: text(record, "/at").parse()?,
            outcome: end.map(|r| text(r, "/fact/outcome/type")),
            action,
        });
    }
    Ok(found)
}
