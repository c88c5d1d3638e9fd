//! One workload as the policy sees it, put together from the records of its namespace.

use super::{
    budget, consent,
    facts::Facts,
    life::{Life, Resource},
    owners::{Key, Node},
    record::Pod,
    space::Space,
    uid::Uid,
    world::Seen,
};
use jiff::Timestamp;
use podmender_policy::{
    bounds::{Name, Text},
    observation::{
        Consent, Disruption, EventSeen, Freshness, Leaving, Manager, PodSeen, Presence, Ready,
        Replaces, Replicas, Rollout, RolloutState, WorkloadSeen,
    },
    workload::{WorkloadKind, WorkloadRef},
};

/// What is said about a workload in a namespace that is not watched.
pub(super) fn unknown(id: &WorkloadRef) -> Seen {
    Seen {
        workload: WorkloadSeen {
            id: id.clone(),
            uid: Name::default(),
            generation: 0,
            owner_kind: Text::new(id.kind.as_str()),
            presence: Presence::Gone,
            consent: Consent::Given,
            rollout: Rollout {
                state: RolloutState::Unknown,
                revision: None,
                since: None,
                has_previous: false,
                replaces: Replaces::Gradually,
            },
            restarted_at: None,
            manager: Manager::None,
            gave_up: None,
        },
        labels: Vec::new(),
        suspects: Vec::new(),
        events: Vec::new(),
        pod_uids: Vec::new(),
        replicas: Replicas::default(),
        disruption: Disruption::Allowed,
        freshness: Freshness::Starting,
    }
}

/// What the records say about `id`.
pub(super) fn workload(space: &Space, id: &WorkloadRef, now: Timestamp) -> Seen {
    let key: Key = (id.kind, id.name.as_str().into());
    let view = View::of(space, &key);
    let facts = view.own.and_then(|(_, node)| node.facts.as_deref());
    let suspects = view.suspects(now);
    let said = consent::strictest(
        consent::at(space.consent, now),
        consent::at(facts.map_or(Consent::Given, |f| f.consent), now),
    );
    Seen {
        workload: WorkloadSeen {
            id: id.clone(),
            uid: view.own.map(|(uid, _)| uid.name()).unwrap_or_default(),
            generation: facts.map_or(0, |f| f.generation),
            owner_kind: view.own.map_or_else(
                || Text::new(id.kind.as_str()),
                |(_, node)| node.written.clone(),
            ),
            presence: view.presence(space, id.kind),
            consent: said,
            rollout: view.rollout(facts),
            restarted_at: facts.and_then(|f| f.restarted_at),
            manager: facts.map_or(Manager::None, |f| f.manager),
            gave_up: view.speaks(facts).and_then(|f| f.gave_up.clone()),
        },
        labels: view.labels(facts),
        disruption: view.disruption(space, &suspects),
        suspects: suspects.into_iter().map(|(_, seen)| seen.clone()).collect(),
        events: view.events(),
        pod_uids: view.pods.iter().map(|(uid, _)| uid.name()).collect(),
        replicas: view.replicas(facts),
        freshness: view.freshness(space),
    }
}

/// The records of one workload.
struct View<'a> {
    own: Option<(&'a Uid, &'a Node)>,
    members: Vec<&'a Node>,
    pods: Vec<(&'a Uid, &'a Pod)>,
}

impl<'a> View<'a> {
    fn of(space: &'a Space, key: &Key) -> Self {
        let uids = space.owners.members(key);
        let nodes = uids
            .iter()
            .filter_map(|uid| Some((*uid, space.owners.get(uid)?)));
        let nodes: Vec<(&Uid, &Node)> = nodes.collect();
        // The node that bears the workload's name; if an older one of that name lingers, the one that is there.
        let named = nodes.iter().filter(|(_, n)| n.name == key.1);
        let own = named.max_by_key(|(_, n)| (n.kind == key.0, n.facts.is_some()));
        let pods = nodes.iter().flat_map(|(_, n)| &n.pods);
        Self {
            own: own.copied(),
            pods: pods
                .filter_map(|uid| Some((uid, &**space.pods.get(uid)?)))
                .collect(),
            members: nodes.iter().map(|(_, n)| *n).collect(),
        }
    }

    fn presence(&self, space: &Space, kind: WorkloadKind) -> Presence {
        let facts = self.own.and_then(|(_, node)| node.facts.as_deref());
        match facts {
            _ if space.deleting => Presence::Deleting,
            _ if kind == WorkloadKind::Foreign && self.own.is_some() => Presence::Unresolved,
            Some(facts) if facts.deleting => Presence::Deleting,
            Some(_) => Presence::Present,
            None => Presence::Gone,
        }
    }

    /// Whose word on how it does counts: a CronJob does as its newest Job does.
    fn speaks<'b>(&'b self, facts: Option<&'b Facts>) -> Option<&'b Facts> {
        let is_cron = self
            .own
            .is_some_and(|(_, n)| n.kind == WorkloadKind::CronJob);
        let jobs = self
            .members
            .iter()
            .filter(|n| is_cron && n.kind == WorkloadKind::Job);
        let newest = jobs
            .filter_map(|n| n.facts.as_deref())
            .max_by_key(|f| f.created);
        newest.or(facts)
    }

    /// A Deployment's newest revision is its ReplicaSet with the highest number (set by the Deployment controller), a StatefulSet
    /// names its own, a DaemonSet's is that of its youngest pod.
    fn rollout(&self, facts: Option<&Facts>) -> Rollout {
        let speaks = self.speaks(facts);
        let state = speaks.map_or(RolloutState::Unknown, |f| f.rollout);
        let sets = self
            .members
            .iter()
            .filter(|n| n.kind == WorkloadKind::ReplicaSet);
        let mut sets: Vec<&Facts> = sets.filter_map(|n| n.facts.as_deref()).collect();
        if let Some(kind) = self.own.map(|(_, n)| n.kind)
            && kind == WorkloadKind::Deployment
        {
            sets.sort_by_key(|f| f.number);
            let newest = sets.last();
            return Rollout {
                state,
                revision: newest.and_then(|f| f.revision.clone()),
                since: newest.and_then(|f| f.created),
                has_previous: sets.len() > 1,
                replaces: facts.map_or(Replaces::default(), |f| f.replaces),
            };
        }
        let youngest = self.pods.iter().max_by_key(|(_, p)| p.created());
        let revision = facts
            .and_then(|f| f.revision.clone())
            .or_else(|| youngest.and_then(|(_, p)| p.shape().revision.clone()));
        let of_it = self
            .pods
            .iter()
            .filter(|(_, p)| p.shape().revision == revision);
        Rollout {
            state,
            since: of_it
                .map(|(_, p)| p.created())
                .min()
                .filter(|_| revision.is_some()),
            has_previous: facts.is_some_and(|f| f.has_previous)
                || self
                    .pods
                    .iter()
                    .any(|(_, p)| p.shape().revision != revision),
            revision,
            replaces: Replaces::default(),
        }
    }

    fn labels(&self, facts: Option<&Facts>) -> Vec<(Name, Name)> {
        match (facts, self.pods.first()) {
            (Some(facts), _) => facts.labels.to_vec(),
            (None, Some((_, pod))) => pod.shape().labels().to_vec(),
            (None, None) => Vec::new(),
        }
    }

    fn replicas(&self, facts: Option<&Facts>) -> Replicas {
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Replicas {
            desired: facts.map_or_else(|| count(self.pods.len()), |f| f.desired),
            ready: count(self.pods.iter().filter(|(_, p)| p.ready).count()),
        }
    }

    fn suspects(&self, now: Timestamp) -> Vec<(&'a Pod, &'a PodSeen)> {
        let suspects = self.pods.iter().filter(|(_, p)| !p.well_by(now));
        suspects
            .filter_map(|(_, p)| Some((*p, &p.suspect()?.seen)))
            .collect()
    }

    fn events(&self) -> Vec<EventSeen> {
        let mut events: Vec<_> = self.members.iter().flat_map(|n| n.notes.events()).collect();
        events.sort_by_key(|e| e.last);
        let surplus = events.len().saturating_sub(8);
        events.drain(..surplus);
        events
    }

    /// What budgets say to the suspects that are not Ready (they are what a remedy is for), or else to all suspects.
    fn disruption(&self, space: &Space, suspects: &[(&Pod, &PodSeen)]) -> Disruption {
        let staying = suspects.iter().filter(|(_, s)| s.leaving == Leaving::No);
        let (ready, unready): (Vec<_>, Vec<_>) =
            staying.partition(|(_, s)| matches!(s.ready, Ready::Yes(_)));
        let asked = if unready.is_empty() { ready } else { unready };
        let verdicts = asked
            .iter()
            .map(|(pod, seen)| budget::judge(space.budgets.values(), seen, pod.shape()));
        verdicts.fold(Disruption::Allowed, budget::strictest)
    }

    fn freshness(&self, space: &Space) -> Freshness {
        let waits = |life: &Life| !life.synced() && !life.troubled();
        if space.lives.all().any(|(_, life)| waits(life)) {
            return Freshness::Starting;
        }
        // Events explain what the status says; the API server and the kubelet drop them as they like (row 21). Without them it is
        // decided from the status alone.
        let mut decisive = space.lives.all().filter(|(r, _)| *r != Resource::Events);
        let fresh = decisive.all(|(_, life)| life.fresh());
        if fresh && self.pods.iter().all(|(_, p)| !p.blind) {
            Freshness::Fresh
        } else {
            Freshness::Stale
        }
    }
}
