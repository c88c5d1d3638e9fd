//! Which workloads have to be looked at, and when: nothing before it can be named right.

use super::{life::Resource, owners::Key, record::Change, space::Space, uid::Uid};
use jiff::Timestamp;
use podmender_policy::workload::WorkloadKind;
use std::{collections::BTreeSet, time::Duration};
use tokio::time::Instant;

/// How long a pod waits for its owner's own watch to name it.
const NAMED_WITHIN: Duration = Duration::from_secs(2);

/// What must be listed before a pod can be named after its workload.
const NAMING: [Resource; 7] = [
    Resource::Pods,
    Resource::ReplicaSets,
    Resource::Deployments,
    Resource::StatefulSets,
    Resource::DaemonSets,
    Resource::Jobs,
    Resource::CronJobs,
];

impl Space {
    /// Time passes: pods whose trouble is long past become compact records, and pods whose owner did not turn up are named without.
    pub(super) fn tick(&mut self, now: Timestamp) {
        let well = self
            .suspects
            .iter()
            .filter(|u| self.pods.get(*u).is_none_or(|p| p.well_by(now)));
        for uid in well.cloned().collect::<Vec<_>>() {
            if let Some(pod) = self.pods.get_mut(&uid) {
                pod.compact();
                let owner = pod.owner.clone();
                self.changed(&owner, Change::Matters);
            }
            self.suspect(&uid, false);
        }
        self.unnamed.retain(|uid, _| self.owners.get(uid).is_some());
        for (uid, (since, given_up)) in &mut self.unnamed {
            if !*given_up && since.elapsed() >= NAMED_WITHIN {
                *given_up = true;
                self.wakes.extend(self.owners.key(uid));
            }
        }
    }

    /// The workloads to look at. Nothing before owners are known by name, everything suspect or open once when they are.
    pub(super) fn take_wakes(&mut self) -> BTreeSet<Key> {
        let mut wakes = std::mem::take(&mut self.wakes);
        if !self.named {
            let listed = |r: &Resource| self.lives.of(*r).synced() || self.lives.of(*r).troubled();
            if !self.lives.of(Resource::Pods).synced() || !NAMING.iter().all(listed) {
                return BTreeSet::new();
            }
            self.named = true;
            wakes.extend(self.open.iter().cloned());
            wakes.extend(self.suspected_keys());
            wakes.extend(self.given_up());
        }
        wakes.retain(|key| !self.is_unnamed(key));
        wakes
    }

    /// The workloads with a pod that is not plainly healthy.
    pub(super) fn suspected_keys(&self) -> BTreeSet<Key> {
        let owners = self
            .suspects
            .iter()
            .filter_map(|uid| Some(&self.pods.get(uid)?.owner));
        owners.filter_map(|owner| self.owners.key(owner)).collect()
    }

    /// The workloads of Jobs that gave up a moment ago.
    fn given_up(&self) -> BTreeSet<Key> {
        let gave_up =
            |n: &super::owners::Node| n.facts.as_ref().is_some_and(|f| f.gave_up.is_some());
        let jobs = self.owners.iter().filter(|(_, n)| gave_up(n));
        jobs.filter_map(|(uid, _)| self.owners.key(uid)).collect()
    }

    /// A pod's direct owner that has not been seen itself: its watch may be a moment behind the pods' watch. Such a wake waits
    /// until the owner turns up, or for some seconds.
    fn is_unnamed(&mut self, key: &Key) -> bool {
        if !matches!(key.0, WorkloadKind::ReplicaSet | WorkloadKind::Job) {
            return false;
        }
        let members = self.owners.members(key);
        let bare = members
            .iter()
            .filter(|u| self.owners.get(u).is_some_and(|n| n.facts.is_none()));
        let Some(uid) = bare.map(|u| (*u).clone()).next() else {
            return false;
        };
        let (_, given_up) = *self.unnamed.entry(uid).or_insert((Instant::now(), false));
        !given_up
    }

    pub(super) fn suspected(&self, key: &Key) -> bool {
        let members = self.owners.members(key);
        let mut pods = members
            .iter()
            .filter_map(|u| self.owners.get(u))
            .flat_map(|n| &n.pods);
        pods.any(|pod| self.suspects.contains(pod))
    }

    pub(super) fn changed(&mut self, owner: &Uid, change: Change) {
        if change == Change::Routine && self.open.is_empty() {
            return;
        }
        let key = self.owners.key(owner);
        self.wakes
            .extend(key.filter(|k| change == Change::Matters || self.open.contains(k)));
    }
}
