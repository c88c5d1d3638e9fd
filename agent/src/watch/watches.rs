//! Runs the watches of a changing set of namespaces inside one future.

use super::{
    follow::{Watched, follow, follow_namespace},
    life::{Lives, Resource},
    pace::Pace,
    slim::{
        budget::Budget,
        event::Event,
        owner::{CronJob, DaemonSet, Deployment, Job, ReplicaSet, StatefulSet},
        pod::Pod,
    },
    space::Space,
    world::Worlds,
};
use futures::{
    FutureExt, StreamExt,
    future::{AbortHandle, Abortable, BoxFuture},
    stream::FuturesUnordered,
};
use jiff::Timestamp;
use kube::Client;
use podmender_policy::{bounds::Name, workload::WorkloadRef};
use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    convert::Infallible,
    future::Future,
    sync::Arc,
    time::Duration,
};
use tokio::{sync::watch, time::MissedTickBehavior};

/// Where the time comes from: `context::now`, or a test's own.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// How often records are looked through for what only time changes.
const TICK: Duration = Duration::from_secs(5);

/// Handle to the running watches; cheap to clone. Dropping the last one does not stop them: drop the future for that.
#[derive(Clone)]
pub struct Watches(Arc<watch::Sender<BTreeSet<Name>>>);

/// The watches ended although nobody asked them to: the process must end (invariant 10).
#[derive(Debug, thiserror::Error)]
#[error("the watch of {resource} in namespace {namespace} ended")]
pub struct WatchLost {
    /// Its namespace.
    pub namespace: Name,
    /// What it watched.
    pub resource: &'static str,
}

impl Watches {
    /// Makes the handle and the future that does all the work (spawn it in `run.rs`, or `select!` on it).
    ///
    /// `wake` is called, outside of any lock, with each workload that may have to be looked at: one of its pods is or was
    /// not plainly healthy and changed, or it is marked open and anything about it changed. Repeats are possible: queue by key.
    /// Nothing is woken before a namespace's pods and owners are listed; then everything suspect or open is, once.
    ///
    /// `client` should be built without kube's own retries (`Config::default_retry = false`): the watch has its own back-off.
    pub fn new(
        client: Client,
        world: Worlds,
        clock: Clock,
        wake: impl Fn(WorkloadRef) + Send + Sync + 'static,
    ) -> (
        Self,
        impl Future<Output = Result<Infallible, WatchLost>> + Send,
    ) {
        let (tx, rx) = watch::channel(BTreeSet::new());
        let ground = Ground::new(client, world, clock, wake);
        (Self(Arc::new(tx)), run(ground, rx))
    }

    /// Sets which namespaces are watched: starts the new ones, stops and forgets the others. Idempotent.
    pub fn set_namespaces(&self, namespaces: BTreeSet<Name>) {
        self.0.send_if_modified(|now| {
            let changed = *now != namespaces;
            *now = namespaces;
            changed
        });
    }
}

/// What all watches stand on.
pub(super) struct Ground {
    pub(super) client: Client,
    pub(super) world: Worlds,
    pub(super) pace: Arc<Pace>,
    clock: Clock,
    wake: Box<dyn Fn(WorkloadRef) + Send + Sync>,
}

impl Ground {
    pub(super) fn new(
        client: Client,
        world: Worlds,
        clock: Clock,
        wake: impl Fn(WorkloadRef) + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            client,
            world,
            clock,
            wake: Box::new(wake),
            pace: Arc::new(Pace::new()),
        })
    }

    /// Changes the records of a namespace under a short lock, then wakes whom that concerns.
    pub(super) fn change(&self, namespace: &Name, change: impl FnOnce(&mut Space, Timestamp)) {
        let now = (self.clock)();
        let wakes = self
            .world
            .lock()
            .change(namespace, |space| change(space, now));
        wakes.into_iter().for_each(&self.wake);
    }
}

/// One watch, until it is aborted; gives what it watched if it ends by itself.
type Running = Abortable<BoxFuture<'static, (Name, Resource)>>;

async fn run(
    ground: Arc<Ground>,
    mut wanted: watch::Receiver<BTreeSet<Name>>,
) -> Result<Infallible, WatchLost> {
    let mut running: FuturesUnordered<Running> = FuturesUnordered::new();
    let mut stops: BTreeMap<Name, Vec<AbortHandle>> = BTreeMap::new();
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    wanted.mark_changed();
    loop {
        tokio::select! {
            Ok(()) = wanted.changed() => {
                let now = wanted.borrow_and_update().clone();
                stop(&ground, &mut stops, &now);
                for namespace in now {
                    if let Entry::Vacant(free) = stops.entry(namespace) {
                        let (watches, handles) = start(&ground, free.key());
                        running.extend(watches);
                        free.insert(handles);
                    }
                }
            }
            Some(ended) = running.next() => {
                if let Ok((namespace, resource)) = ended {
                    return Err(WatchLost { namespace, resource: resource.plural() });
                }
            }
            _ = ticks.tick() => {
                for namespace in stops.keys() {
                    ground.change(namespace, Space::tick);
                }
            }
        }
    }
}

/// Stops and forgets the namespaces that are no longer wanted.
fn stop(ground: &Ground, stops: &mut BTreeMap<Name, Vec<AbortHandle>>, wanted: &BTreeSet<Name>) {
    stops.retain(|namespace, handles| {
        let keep = wanted.contains(namespace);
        if !keep {
            handles.iter().for_each(AbortHandle::abort);
            ground.world.lock().close_space(namespace);
        }
        keep
    });
}

fn start(ground: &Arc<Ground>, namespace: &Name) -> (Vec<Running>, Vec<AbortHandle>) {
    let (lives, alert) = ground.world.lock().open_space(namespace);
    let life = Arc::clone(lives.of(Resource::Namespace));
    let (g, ns) = (Arc::clone(ground), namespace.clone());
    let own = async move {
        follow_namespace(g, ns.clone(), life, alert).await;
        (ns, Resource::Namespace)
    };
    let all = [
        watch_of::<Pod>(ground, namespace, &lives),
        watch_of::<ReplicaSet>(ground, namespace, &lives),
        watch_of::<Deployment>(ground, namespace, &lives),
        watch_of::<StatefulSet>(ground, namespace, &lives),
        watch_of::<DaemonSet>(ground, namespace, &lives),
        watch_of::<Job>(ground, namespace, &lives),
        watch_of::<CronJob>(ground, namespace, &lives),
        watch_of::<Budget>(ground, namespace, &lives),
        watch_of::<Event>(ground, namespace, &lives),
        own.boxed(),
    ];
    let started = all.into_iter().map(|watch| {
        let (handle, registration) = AbortHandle::new_pair();
        (Abortable::new(watch, registration), handle)
    });
    started.unzip()
}

fn watch_of<K: Watched>(
    ground: &Arc<Ground>,
    namespace: &Name,
    lives: &Lives,
) -> BoxFuture<'static, (Name, Resource)> {
    let (ground, namespace) = (Arc::clone(ground), namespace.clone());
    let life = Arc::clone(lives.of(K::RESOURCE));
    // An old Event counts only if its pod is known to fail.
    let after = (K::RESOURCE == Resource::Events).then(|| Arc::clone(lives.of(Resource::Pods)));
    async move {
        follow::<K>(ground, namespace.clone(), life, after).await;
        (namespace, K::RESOURCE)
    }
    .boxed()
}
