//! One namespace: its pods, owners and budgets, and how watch events change them.

use super::{
    budget::Budget,
    consent,
    facts::Facts,
    life::{Lives, Resource},
    notes::{Note, Pending},
    owners::{Key, Link, Owners},
    record::{Change, Pod, version},
    shape::{Shape, Shared},
    slim::{self, owner},
    uid::Uid,
};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use podmender_policy::{
    bounds::{Name, Text},
    observation::{Consent, GaveUp},
    workload::WorkloadKind,
};
use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
};
use tokio::{sync::Notify, time::Instant};

/// An Event is news if it happened no longer than this before the agent started.
const NEWS: SignedDuration = SignedDuration::from_secs(30);

/// One namespace.
pub(super) struct Space {
    pub(super) pods: HashMap<Uid, Box<Pod>>,
    pub(super) owners: Owners,
    pub(super) budgets: HashMap<Box<str>, Budget>,
    pub(super) suspects: HashSet<Uid>,
    pub(super) open: BTreeSet<Key>,
    pub(super) consent: Consent,
    pub(super) deleting: bool,
    pub(super) failing: u32,
    pub(super) lives: Lives,
    /// Told when the first suspect turns up: opt-outs have to be read anew then.
    pub(super) alert: Arc<Notify>,
    started: Timestamp,
    shapes: Shared<Shape>,
    nodes: Shared<str>,
    pending: Pending,
    rounds: [u32; Resource::ALL.len()],
    pub(super) wakes: BTreeSet<Key>,
    /// Owners that a pod named before their own watch did: since when, and whether they were given up.
    pub(super) unnamed: HashMap<Uid, (Instant, bool)>,
    pub(super) named: bool,
}

impl Space {
    pub(super) fn new(started: Timestamp) -> Self {
        Self {
            pods: HashMap::new(),
            owners: Owners::default(),
            budgets: HashMap::new(),
            suspects: HashSet::new(),
            open: BTreeSet::new(),
            consent: Consent::Given,
            deleting: false,
            failing: 0,
            lives: Lives::new(),
            alert: Arc::new(Notify::new()),
            started,
            shapes: Shared::default(),
            nodes: Shared::default(),
            pending: Pending::default(),
            rounds: [0; Resource::ALL.len()],
            wakes: BTreeSet::new(),
            unnamed: HashMap::new(),
            named: false,
        }
    }

    /// For tests: how much is kept, by structure.
    #[cfg(test)]
    pub(super) fn remembered(&self) -> Vec<(&'static str, usize)> {
        let mut all = vec![
            ("pods", self.pods.len()),
            ("suspects", self.suspects.len()),
            ("open workloads", self.open.len()),
            ("shapes", self.shapes.len()),
            ("nodes", self.nodes.len()),
            ("pending notes", self.pending.len()),
            ("wakes", self.wakes.len()),
            ("unnamed owners", self.unnamed.len()),
        ];
        all.extend(self.owners.remembered());
        all
    }

    /// A list begins: what it does not contain is gone when it ends, and not before (fault 15).
    pub(super) fn begin(&mut self, resource: Resource) {
        self.rounds[resource as usize] += 1;
    }

    /// A pod as it is now. `now`: for how long ago its containers ended.
    pub(super) fn put_pod(&mut self, pod: &slim::pod::Pod, now: Timestamp) {
        let round = self.rounds[Resource::Pods as usize];
        let uid = Uid::parse(pod.metadata.uid.as_deref().unwrap_or_default());
        let mut before = self.pods.remove(&uid);
        if let Some(known) = &mut before {
            known.round = round;
            let new = version(pod.metadata.resource_version.as_deref());
            if new != 0 && new <= known.version && !known.blind {
                self.pods.extend(before.map(|b| (uid, b)));
                return;
            }
        }
        let shape = self.shapes.share(Arc::new(Shape::of(pod)));
        let owner = self.owner_of(&uid, &pod.metadata, shape.is_static);
        let node = pod.spec.node_name.as_deref();
        let node = node.map(|n| self.nodes.share(Name::new(n).as_str().into()));
        let old = before.as_ref().map(|b| (b.owner.clone(), b.failing));
        let (mut record, mut change) = Pod::new(pod, owner.clone(), shape, node, before, now);
        record.round = round;
        if record.suspect().is_some() {
            for note in self.pending.take(&uid) {
                if record.note(&uid, false, |n| n.add(note)) {
                    change = Change::Matters;
                }
            }
        }
        self.account(&uid, old, Some((&owner, &record)));
        self.pods.insert(uid, record);
        self.changed(&owner, change);
    }

    /// A pod that cannot be decoded: what is known of it is out of date, and nothing may be done on it.
    pub(super) fn blind_pod(&mut self, meta: &ObjectMeta, now: Timestamp) {
        let uid = Uid::parse(meta.uid.as_deref().unwrap_or_default());
        if !self.pods.contains_key(&uid) {
            let pod = slim::pod::Pod {
                metadata: meta.clone(),
                ..slim::pod::Pod::default()
            };
            self.put_pod(&pod, now);
        }
        if let Some(pod) = self.pods.get_mut(&uid) {
            pod.blind = true;
            pod.round = self.rounds[Resource::Pods as usize];
        }
    }

    /// A pod is gone.
    pub(super) fn remove_pod(&mut self, uid: &Uid) {
        let Some(pod) = self.pods.remove(uid) else {
            return;
        };
        let change = if pod.suspect().is_some() {
            Change::Matters
        } else {
            Change::Routine
        };
        self.changed(&pod.owner, change);
        self.account(uid, Some((pod.owner.clone(), pod.failing)), None);
        if self
            .owners
            .get(uid)
            .is_some_and(|n| n.kind == WorkloadKind::Pod)
        {
            self.owners.remove(uid);
        }
    }

    /// An owner as it is now.
    pub(super) fn put_owner(
        &mut self,
        resource: Resource,
        meta: &ObjectMeta,
        spec: &owner::Spec,
        status: &owner::Status,
    ) {
        let Some(kind) = kind(resource) else { return };
        let link = own_link(kind, meta);
        let mut facts = Facts::of(kind, meta, spec, status);
        facts.round = self.rounds[resource as usize];
        // What gave up long before the agent came is nobody's news.
        let is_news = |g: &GaveUp| self.started.duration_since(g.at) <= NEWS;
        facts.gave_up = facts.gave_up.filter(is_news);
        let known = self.owners.get(&link.uid).and_then(|n| n.facts.as_ref());
        if known.is_some_and(|k| facts.version != 0 && facts.version < k.version) {
            facts = known.map_or(facts.clone(), |k| Facts {
                round: facts.round,
                ..(**k).clone()
            });
        }
        let changed = known.is_none_or(|k| k.differs(&facts));
        // The pods of a Job may be gone by the time that it gives up: then nothing else tells of it.
        let gives_up = facts.gave_up.is_some() && known.is_none_or(|k| k.gave_up.is_none());
        let parent = Link::controller(meta.owner_references.as_ref());
        self.owners.put(&link, parent.as_ref(), facts);
        let waited = self.unnamed.remove(&link.uid).is_some();
        if changed
            && let Some(key) = self.owners.key(&link.uid)
            && (waited || gives_up || self.open.contains(&key) || self.suspected(&key))
        {
            self.wakes.insert(key);
        }
    }

    /// An owner that cannot be decoded: nothing may be done to it (fail closed).
    pub(super) fn blind_owner(&mut self, resource: Resource, meta: &ObjectMeta) {
        self.put_owner(
            resource,
            meta,
            &owner::Spec::default(),
            &owner::Status::default(),
        );
        let uid = Uid::parse(meta.uid.as_deref().unwrap_or_default());
        self.owners.pause(&uid);
    }

    /// An owner is gone.
    pub(super) fn remove_owner(&mut self, uid: &Uid) {
        let key = self.owners.key(uid);
        self.owners.remove(uid);
        if let Some(key) = key.filter(|k| self.open.contains(k)) {
            self.wakes.insert(key);
        }
    }

    /// A budget as it is now.
    pub(super) fn put_budget(&mut self, raw: &slim::budget::Budget) {
        let name = Name::new(raw.metadata.name.as_deref().unwrap_or_default());
        let mut budget = Budget::of(raw);
        budget.round = self.rounds[Resource::Budgets as usize];
        let old = self.budgets.insert(name.as_str().into(), budget.clone());
        if old.is_none_or(|old| old.differs(&budget)) {
            self.wakes.extend(self.open.iter().cloned());
        }
    }

    /// A budget is gone.
    pub(super) fn remove_budget(&mut self, name: &str) {
        self.budgets.remove(name);
        self.wakes.extend(self.open.iter().cloned());
    }

    /// The list is complete: what was known and is not in it is gone.
    pub(super) fn end(&mut self, resource: Resource) {
        let round = self.rounds[resource as usize];
        match resource {
            Resource::Pods => {
                let gone = self.pods.iter().filter(|(_, p)| p.round != round);
                for uid in gone.map(|(uid, _)| uid.clone()).collect::<Vec<_>>() {
                    self.remove_pod(&uid);
                }
            }
            Resource::Budgets => self.budgets.retain(|_, b| b.round == round),
            Resource::Events | Resource::Namespace => {}
            _ => {
                let of_kind = self
                    .owners
                    .iter()
                    .filter(|(_, n)| Some(n.kind) == kind(resource));
                let gone =
                    of_kind.filter(|(_, n)| n.facts.as_ref().is_some_and(|f| f.round != round));
                for uid in gone.map(|(uid, _)| uid.clone()).collect::<Vec<_>>() {
                    self.remove_owner(&uid);
                }
            }
        }
    }

    /// An Event. Never a reason to fail: most do not matter.
    pub(super) fn put_event(&mut self, event: &slim::event::Event, now: Timestamp) {
        let (Some(note), Some(uid)) = (Note::read(event), event.involved_object.uid.as_deref())
        else {
            return;
        };
        let uid = Uid::parse(uid);
        let news = self.started.duration_since(note.last) <= NEWS;
        let Some(pod) = self.pods.get_mut(&uid) else {
            self.note_owner(uid, note, news, now);
            return;
        };
        if !news && !pod.failing {
            return;
        }
        let owner = pod.owner.clone();
        if pod.suspect().is_none() && !(news && note.is_probe()) {
            self.pending.keep(uid, note, now);
        } else if pod.note(&uid, true, |n| n.add(note)) {
            self.suspect(&uid, true);
            self.changed(&owner, Change::Matters);
        }
    }

    /// What the namespace object says.
    pub(super) fn put_namespace(&mut self, meta: &ObjectMeta) {
        let consent = consent::read(meta.annotations.as_ref());
        let deleting = meta.deletion_timestamp.is_some();
        if (consent, deleting) != (self.consent, self.deleting) {
            (self.consent, self.deleting) = (consent, deleting);
            self.wakes.extend(self.open.iter().cloned());
            self.wakes.extend(self.suspected_keys());
        }
    }

    fn note_owner(&mut self, uid: Uid, note: Note, news: bool, now: Timestamp) {
        if !news {
            return;
        }
        if self.owners.get(&uid).is_none() {
            self.pending.keep(uid, note, now);
        } else if !note.is_probe() && self.owners.note(&uid, note) {
            self.wakes.extend(self.owners.key(&uid));
        }
    }

    /// The node of a pod's owner; a pod that nothing controls, or that the kubelet made from a file, is its own.
    fn owner_of(&mut self, uid: &Uid, meta: &ObjectMeta, is_static: bool) -> Uid {
        let link = Link::controller(meta.owner_references.as_ref());
        match link.filter(|l| !is_static && l.written.as_str() != "Node") {
            Some(link) => {
                self.owners.ensure(&link);
                link.uid
            }
            None => {
                let link = own_link(WorkloadKind::Pod, meta);
                let facts = Facts::of(
                    WorkloadKind::Pod,
                    meta,
                    &owner::Spec::default(),
                    &owner::Status::default(),
                );
                self.owners.put(&link, None, facts);
                uid.clone()
            }
        }
    }

    /// Keeps counts, owners and the set of suspects in step with a pod's record.
    fn account(&mut self, uid: &Uid, old: Option<(Uid, bool)>, new: Option<(&Uid, &Pod)>) {
        let same = matches!((&old, new), (Some((a, _)), Some((b, _))) if a == b);
        let failed = old.as_ref().is_some_and(|(_, f)| *f);
        let fails = new.is_some_and(|(_, p)| p.failing);
        self.failing = self.failing + u32::from(fails) - u32::from(failed);
        match (old, new) {
            (_, Some((owner, _))) if same => self.owners.count(owner, failed, fails),
            (old, new) => {
                if let Some((owner, pod)) = new {
                    self.owners.join(owner, uid, pod.failing);
                }
                if let Some((owner, failed)) = old {
                    self.owners.leave(&owner, uid, failed);
                }
            }
        }
        self.suspect(uid, new.is_some_and(|(_, p)| p.suspect().is_some()));
    }

    pub(super) fn suspect(&mut self, uid: &Uid, is: bool) {
        if !is {
            self.suspects.remove(uid);
        } else if self.suspects.insert(uid.clone()) && self.suspects.len() == 1 {
            self.alert.notify_one();
        }
    }
}

/// The workload kind that a resource holds.
fn kind(resource: Resource) -> Option<WorkloadKind> {
    match resource {
        Resource::ReplicaSets => Some(WorkloadKind::ReplicaSet),
        Resource::Deployments => Some(WorkloadKind::Deployment),
        Resource::StatefulSets => Some(WorkloadKind::StatefulSet),
        Resource::DaemonSets => Some(WorkloadKind::DaemonSet),
        Resource::Jobs => Some(WorkloadKind::Job),
        Resource::CronJobs => Some(WorkloadKind::CronJob),
        Resource::Pods | Resource::Events | Resource::Budgets | Resource::Namespace => None,
    }
}

fn own_link(kind: WorkloadKind, meta: &ObjectMeta) -> Link {
    Link {
        kind,
        written: Text::new(kind.as_str()),
        name: Name::new(meta.name.as_deref().unwrap_or_default())
            .as_str()
            .into(),
        uid: Uid::parse(meta.uid.as_deref().unwrap_or_default()),
    }
}
