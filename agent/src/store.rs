//! Our own state in memory: incidents, ledger, audit chain, approvals, policies. What is here was read from or written to the
//! API server; `record.rs` writes it.

use crate::{outdated::Outdated, record::Rest};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use podmender_policy::{
    approval::{Approval, Proof},
    audit::{AuditRecord, Chain, Fact, Head},
    bounds::{Name, Text},
    incident::{Incident, IncidentId, Phase, Post, Told},
    ledger::Ledger,
    observation::{LogFindings, StormSeen},
    plan::Plan,
    rules::Policy,
    summary::Summary,
    workload::WorkloadRef,
};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::oneshot;

/// At most this many answers are looked at in one pass.
const MAX_ANSWERS: usize = 16;
/// At most this many findings of logs are kept.
const MAX_LOGS: usize = 256;

/// The state, behind one short lock. Never held across an `.await`.
#[derive(Default)]
pub struct Store(Mutex<State>);

/// What the store holds.
#[derive(Default)]
pub struct State {
    /// The newest incident of each workload, while it is open or may be reopened.
    pub incidents: HashMap<WorkloadRef, Stored>,
    /// Workloads with an incident object that cannot be read: nothing is done to them (invariant 11).
    pub unreadable: HashSet<WorkloadRef>,
    /// The ledger as it stands in the API server.
    pub ledger: Ledger,
    /// Its resourceVersion: the fence.
    pub ledger_version: String,
    /// Whether `ledger` has news that were not written yet (outcomes, verdicts, head: all of it is in the incidents too).
    pub ledger_dirty: bool,
    /// Until when those news wait, because the last write of them failed.
    pub ledger_rest: Option<Rest>,
    /// What belongs to no incident and is not in the stored ledger yet; it counts in `ledger` already.
    pub unwritten: Vec<(Timestamp, Fact)>,
    /// Calls to language models that are to be paid for with the ledger's next write.
    pub calls: Vec<Call>,
    /// Since when it has been proven who answers (see `proof.rs`); goes into the ledger with its next write.
    pub proof_since: Option<Timestamp>,
    /// Why it is not, as far as that is known.
    pub unproven: Option<String>,
    /// The newest audit record that is written.
    pub head: Head,
    /// What the cluster's definitions did not take of what was written: of an incident, or (without a workload) of the ledger.
    pub outdated: Outdated,
    /// Unused approvals, by their namespace and name.
    pub approvals: BTreeMap<(Name, Name), Approval>,
    /// Questions whose end the API server does not take as an Approval, by their first place.
    unclosable: HashMap<IncidentId, Name>,
    /// The policies in force.
    pub policies: Vec<Arc<Policy>>,
    /// What logs said, by pod UID and container.
    logs: HashMap<LogKey, Option<LogFindings>>,
    /// Logs that were asked for.
    logs_asked: HashSet<LogKey>,
}

/// A call to a language model that waits to be written down.
pub struct Call {
    /// The model, as the policy names it.
    pub model: Text<128>,
    /// Told once it is written; dropped, if it cannot be.
    pub paid: oneshot::Sender<()>,
}

/// Which container a log was read of: once per pod, however often it restarts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LogKey {
    /// The pod.
    pub uid: Name,
    /// The container.
    pub container: Name,
}

/// An incident as it is stored.
#[derive(Clone)]
pub struct Stored {
    /// The incident.
    pub incident: Incident,
    /// The UID of its object.
    pub uid: Name,
    /// Its resourceVersion.
    pub version: String,
    /// Whether it has news that were not written yet (what people were told, a model's guess).
    pub dirty: bool,
}

/// Which object of the API server something is stored in, and as of when.
pub struct Place {
    /// Its UID.
    pub uid: Name,
    /// Its resourceVersion.
    pub version: String,
}

impl Place {
    /// That of an object as it was read.
    #[must_use]
    pub fn of(meta: &ObjectMeta) -> Self {
        Self {
            uid: Name::new(meta.uid.as_deref().unwrap_or_default()),
            version: meta.resource_version.clone().unwrap_or_default(),
        }
    }
}

/// The parts of a plan that `record` writes.
pub struct Draft {
    /// The incident with its new audit records.
    pub incident: Incident,
    /// The head after them.
    pub head: Head,
    /// The records.
    pub records: Vec<AuditRecord>,
}

impl Store {
    /// Locks it: for a few lines, never across an `.await`.
    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs the pure plan on the incident and ledger of `workload`.
    pub fn plan_with(
        &self,
        workload: &WorkloadRef,
        plan: impl FnOnce(Option<Incident>, &Ledger) -> Plan,
    ) -> Plan {
        let state = self.lock();
        let incident = state.incidents.get(workload).map(|s| s.incident.clone());
        plan(incident, &state.ledger)
    }

    /// The incident of `workload` as it is stored.
    #[must_use]
    pub fn incident(&self, workload: &WorkloadRef) -> Option<Stored> {
        self.lock().incidents.get(workload).cloned()
    }
}

impl State {
    /// Chains `facts` behind the newest record and adds them to the incident's timeline. Nothing is stored yet.
    #[must_use]
    pub fn chain(&self, mut incident: Incident, facts: Vec<Fact>, now: Timestamp) -> Draft {
        let mut chain = Chain {
            head: self.head.clone(),
        };
        let records: Vec<_> = facts
            .into_iter()
            .map(|fact| chain.append(now, incident.id.clone(), fact))
            .collect();
        incident.status.timeline.extend(records.iter().cloned());
        Draft {
            incident,
            head: chain.head,
            records,
        }
    }

    /// Takes over what was written.
    pub fn commit(&mut self, draft: Draft, place: Place) {
        self.head = draft.head;
        self.ledger_dirty |= !draft.records.is_empty();
        self.adopt(draft.incident, place);
    }

    /// Takes over an incident as the API server has it, but for what the alert sender and the model's task have noted since
    /// it was sent there: that stays to be written. Records that another process of ours has added are followed by our next.
    pub fn adopt(&mut self, mut incident: Incident, Place { uid, version }: Place) {
        let workload = incident.spec.workload.clone();
        let newest = incident.status.timeline.last();
        if let Some(record) = newest.filter(|record| record.seq > self.head.seq) {
            self.head = Head {
                seq: record.seq,
                hash: record.hash.clone(),
            };
        }
        let known = self.incidents.get(&workload).map(|s| &s.incident);
        let mut dirty = false;
        if let Some(noted) = known.filter(|known| known.id == incident.id) {
            let (noted, status) = (&noted.status, &mut incident.status);
            if noted.told.is_some() && noted.told != status.told {
                status.told.clone_from(&noted.told);
                dirty = true;
            }
            if noted.summary.is_some() && noted.summary != status.summary {
                status.summary.clone_from(&noted.summary);
                dirty = true;
            }
            if noted.posts != status.posts {
                status.posts.clone_from(&noted.posts);
                dirty = true;
            }
        }
        let stored = Stored {
            incident,
            uid,
            version,
            dirty,
        };
        self.incidents.insert(workload, stored);
    }

    /// Brings the ledger up to date with what `incident` knows of its attempts.
    pub fn settle_ledger(&mut self, incident: &Incident, now: Timestamp) {
        let before = (self.ledger.spent.clone(), self.ledger.reverted.len());
        self.ledger.absorb(incident, now);
        let after = (&self.ledger.spent, self.ledger.reverted.len());
        self.ledger_dirty |= (&before.0, before.1) != after;
    }

    /// The policies that cover a workload with these labels.
    #[must_use]
    pub fn policies_of(&self, workload: &WorkloadRef, labels: &[(Name, Name)]) -> Vec<Arc<Policy>> {
        let covering = |p: &&Arc<Policy>| p.covers(&workload.namespace, labels);
        self.policies.iter().filter(covering).cloned().collect()
    }

    /// The strictest of them; `None`: out of scope.
    #[must_use]
    pub fn policy_for(&self, workload: &WorkloadRef, labels: &[(Name, Name)]) -> Option<Policy> {
        let covering = self.policies_of(workload, labels);
        let policies: Vec<Policy> = covering.iter().map(|p| Policy::clone(p)).collect();
        (!policies.is_empty()).then(|| Policy::strictest(policies))
    }

    /// The unused answers of an incident, oldest first (at most 16). Only those in the incident's own namespace: who may
    /// answer there is a matter of RBAC there, whatever incident an object elsewhere names.
    #[must_use]
    pub fn answers(&self, incident: &Incident) -> Vec<Approval> {
        let namespace = &incident.spec.workload.namespace;
        let mut unused: Vec<_> = self
            .approvals
            .range((namespace.clone(), Name::default())..)
            .take_while(|((of, _), _)| of == namespace)
            .filter(|(_, approval)| incident.is_unused(approval))
            .map(|(_, approval)| Approval {
                proof: self.proof_of(approval),
                ..approval.clone()
            })
            .collect();
        unused.sort_by(|a, b| a.at.cmp(&b.at).then_with(|| a.id.cmp(&b.id)));
        unused.truncate(MAX_ANSWERS);
        unused
    }

    /// The question of an incident whose end cannot be recorded.
    #[must_use]
    pub fn unclosable(&self, incident: &IncidentId) -> Option<&Name> {
        self.unclosable.get(incident)
    }

    /// Remembers that the end of the question with this first place cannot be recorded.
    pub fn cannot_close(&mut self, incident: &IncidentId, first: Name) {
        let open: HashSet<_> = self.incidents.values().map(|s| &s.incident.id).collect();
        self.unclosable.retain(|id, _| open.contains(id));
        self.unclosable.insert(incident.clone(), first);
    }

    /// An answer counts as proven if the admission policy was in force when it was given, and has been since.
    fn proof_of(&self, approval: &Approval) -> Proof {
        match self.proof_since {
            Some(since) if since <= approval.at => Proof::Proven,
            _ => Proof::Noted,
        }
    }

    /// What the log of a container said; `None`: not read yet.
    #[must_use]
    pub fn log(&self, key: &LogKey) -> Option<&Option<LogFindings>> {
        self.logs.get(key)
    }

    /// Whether the log of a container was asked for and is not in yet.
    #[must_use]
    pub fn log_asked(&self, key: &LogKey) -> bool {
        self.logs_asked.contains(key)
    }

    /// Remembers that a log was asked for.
    pub fn note_log_asked(&mut self, key: LogKey) {
        self.logs_asked.insert(key);
    }

    /// Forgets that a log was asked for: nobody reads it.
    pub fn forget_log_asked(&mut self, key: &LogKey) {
        self.logs_asked.remove(key);
    }

    /// For tests: how much is kept, by structure.
    #[cfg(test)]
    pub(crate) fn remembered(&self) -> [(&'static str, usize); 9] {
        [
            ("incidents", self.incidents.len()),
            ("unreadable incidents", self.unreadable.len()),
            ("remedies in the ledger", self.ledger.spent.len()),
            ("unwritten records", self.unwritten.len()),
            ("calls", self.calls.len()),
            ("approvals", self.approvals.len()),
            ("questions without an end", self.unclosable.len()),
            ("logs", self.logs.len()),
            ("logs asked for", self.logs_asked.len()),
        ]
    }

    /// Keeps what a log said (`None`: nothing, or it could not be read).
    pub fn keep_log(&mut self, key: LogKey, findings: Option<LogFindings>) {
        self.logs_asked.remove(&key);
        if self.logs.len() >= MAX_LOGS {
            let wanted: HashSet<&Name> = self
                .incidents
                .values()
                .map(|s| &s.incident.status.diagnosis.pod_uid)
                .collect();
            let stale: Vec<LogKey> = self
                .logs
                .keys()
                .filter(|k| !wanted.contains(&k.uid))
                .cloned()
                .collect();
            for key in stale {
                self.logs.remove(&key);
            }
            if self.logs.len() >= MAX_LOGS {
                self.logs.clear();
            }
        }
        self.logs.insert(key, findings);
    }

    /// Remembers that a storm threshold of `policy` is exceeded now.
    pub fn storm_seen(&mut self, policy: &Name, now: Timestamp) -> StormSeen {
        use podmender_policy::ledger::StormEntry;
        match self.ledger.storms.iter_mut().find(|s| s.policy == *policy) {
            Some(entry) => {
                // A write at most every 30 s while it lasts.
                if now.duration_since(entry.seen.last_over).as_secs() >= 30 {
                    self.ledger_dirty = true;
                }
                entry.seen.last_over = entry.seen.last_over.max(now);
                entry.seen
            }
            None => {
                let seen = StormSeen {
                    since: now,
                    last_over: now,
                };
                self.ledger.storms.push(StormEntry {
                    policy: policy.clone(),
                    seen,
                });
                self.ledger_dirty = true;
                seen
            }
        }
    }

    /// Has a call to a language model written down with the ledger's next write. What it gives says when it is.
    pub fn pay_for_call(&mut self, model: Text<128>) -> oneshot::Receiver<()> {
        let (paid, written) = oneshot::channel();
        self.calls.push(Call { model, paid });
        self.ledger_dirty = true;
        written
    }

    /// Keeps what a language model made of an incident. Returns the workload, to be written with its next pass.
    pub fn explained(&mut self, id: &IncidentId, summary: Summary) -> Option<WorkloadRef> {
        let stored = self.incidents.values_mut().find(|s| s.incident.id == *id)?;
        stored.incident.status.summary = Some(summary);
        stored.dirty = true;
        Some(stored.incident.spec.workload.clone())
    }

    /// Notes that people were told of `phase`. Returns the workload, to be written with its next pass.
    pub fn told(&mut self, id: &IncidentId, phase: Phase, now: Timestamp) -> Option<WorkloadRef> {
        let stored = self.incidents.values_mut().find(|s| s.incident.id == *id)?;
        stored.incident.status.told = Some(Told { phase, at: now });
        stored.dirty = true;
        Some(stored.incident.spec.workload.clone())
    }

    /// Notes where a card about an incident stands (`None`: that of this channel is gone). Returns the workload, to be
    /// written with its next pass.
    pub fn posted(
        &mut self,
        id: &IncidentId,
        channel: &Text<80>,
        post: Option<Post>,
    ) -> Option<WorkloadRef> {
        let stored = self.incidents.values_mut().find(|s| s.incident.id == *id)?;
        stored.incident.note_post(channel, post);
        stored.dirty = true;
        Some(stored.incident.spec.workload.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::sample;
    use podmender_policy::approval::{Answer, Entrance};

    #[test]
    fn our_records_follow_those_of_another_process() {
        let place = || Place {
            uid: "uid".into(),
            version: "1".into(),
        };
        let held = || Fact::Held {
            reason: podmender_policy::decide::Reason::Cooldown,
        };
        let incident = sample::incident("api");
        let mut other = State::default();
        let theirs = other.chain(incident.clone(), vec![held(), held()], sample::now());
        let stored = theirs.incident.clone();
        other.commit(theirs, place());

        let mut state = State::default();
        state.adopt(stored.clone(), place());
        let ours = state.chain(stored, vec![held()], sample::now());
        let [record] = ours.records.as_slice() else {
            panic!("{:?}", ours.records)
        };
        assert_eq!((record.seq, &record.prev), (3, &other.head.hash));
        // An older state of it takes nothing back.
        state.commit(ours, place());
        let head = state.head.clone();
        state.adopt(incident, place());
        assert_eq!(state.head, head);
    }

    #[test]
    fn an_answer_in_another_namespace_is_none() {
        let incident = sample::incident("api");
        let approval = Approval {
            id: "yes".into(),
            incident: incident.id.clone(),
            answer: Answer::Approve,
            remedy: podmender_policy::remedy::RemedyName::Restart,
            uid: "uid-w".into(),
            generation: 4,
            by: "ann".into(),
            at: sample::now(),
            entrance: Entrance::Kubernetes,
            proof: Proof::Noted,
            snooze_for: None,
        };
        let mut state = State::default();
        for namespace in ["a-before", "shop-of-somebody-else"] {
            let key = (namespace.into(), "yes".into());
            state.approvals.insert(key, approval.clone());
        }
        assert!(state.answers(&incident).is_empty());
        let here = incident.spec.workload.namespace.clone();
        state.approvals.insert((here, "yes".into()), approval);
        assert_eq!(state.answers(&incident).len(), 1);
    }
}
