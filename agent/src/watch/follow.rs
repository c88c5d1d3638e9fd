//! One watch: kube's `watcher`, fed into the world, with a judgement of what goes wrong.

use super::{
    life::{Life, Resource, WatchTrouble},
    slim::{
        budget::Budget,
        event::Event as Told,
        guard::{Broken, Decoded},
        owner::{CronJob, DaemonSet, Deployment, Job, Namespace, ReplicaSet, StatefulSet},
        pod::Pod,
    },
    space::Space,
    tap::tapped,
    uid::Uid,
    watches::Ground,
};
use futures::{StreamExt, pin_mut};
use jiff::Timestamp;
use k8s_openapi::{NamespaceResourceScope, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use kube::{
    Api,
    runtime::watcher::{Config, DefaultBackoff, Error, Event, watcher},
};
use podmender_policy::bounds::{Message, Name};
use serde::de::DeserializeOwned;
use std::{
    fmt::Debug,
    hash::{BuildHasher, RandomState},
    sync::Arc,
    time::Duration,
};
use tokio::{sync::Notify, time::sleep};
use tracing::{debug, warn};

/// Without permission, or without the resource, it is tried again this rarely (fault 9).
const DENIED: Duration = Duration::from_secs(30);
/// The shortest a watch lasts; each lasts up to 20 s longer, so that they do not all reconnect in step (K4). With kube's
/// margin of 5 s a dead connection is noticed after 50 s at most; a reconnection resumes where the last one ended.
const WATCH_SECS: u32 = 25;
/// Objects per page where the server has no streaming lists (before Kubernetes 1.32, or switched off).
const PAGE: u32 = 100;
/// Ordinary Events that are never read, left out by the API server: the bulk of them.
const EVENTS: &str = "reason!=Scheduled,reason!=Pulling,reason!=Pulled,reason!=Created,reason!=Started,\
    reason!=SuccessfulCreate,reason!=SuccessfulDelete,reason!=ScalingReplicaSet,reason!=Completed,\
    reason!=SawCompletedJob";

/// A kind that is watched: how it changes the records of its namespace.
pub(super) trait Watched:
    kube::Resource<DynamicType = (), Scope = NamespaceResourceScope>
    + Clone
    + Debug
    + DeserializeOwned
    + Send
    + 'static
{
    const RESOURCE: Resource;
    fn put(&self, space: &mut Space, now: Timestamp);
    fn remove(meta: &ObjectMeta, space: &mut Space);
    /// One that could not be decoded.
    fn blind(meta: &ObjectMeta, space: &mut Space, now: Timestamp);
}

impl Watched for Pod {
    const RESOURCE: Resource = Resource::Pods;
    fn put(&self, space: &mut Space, now: Timestamp) {
        space.put_pod(self, now);
    }
    fn remove(meta: &ObjectMeta, space: &mut Space) {
        space.remove_pod(&uid(meta));
    }
    fn blind(meta: &ObjectMeta, space: &mut Space, now: Timestamp) {
        space.blind_pod(meta, now);
    }
}

impl Watched for Told {
    const RESOURCE: Resource = Resource::Events;
    fn put(&self, space: &mut Space, now: Timestamp) {
        space.put_event(self, now);
    }
    fn remove(_: &ObjectMeta, _: &mut Space) {}
    fn blind(_: &ObjectMeta, _: &mut Space, _: Timestamp) {}
}

impl Watched for Budget {
    const RESOURCE: Resource = Resource::Budgets;
    fn put(&self, space: &mut Space, _: Timestamp) {
        space.put_budget(self);
    }
    fn remove(meta: &ObjectMeta, space: &mut Space) {
        space.remove_budget(meta.name.as_deref().unwrap_or_default());
    }
    fn blind(meta: &ObjectMeta, space: &mut Space, _: Timestamp) {
        space.put_budget(&Budget::unreadable(meta));
    }
}

macro_rules! owners {
    ($($kind:ident in $resource:ident),*) => {$(
        impl Watched for $kind {
            const RESOURCE: Resource = Resource::$resource;
            fn put(&self, space: &mut Space, _: Timestamp) {
                space.put_owner(Self::RESOURCE, &self.metadata, &self.spec, &self.status);
            }
            fn remove(meta: &ObjectMeta, space: &mut Space) {
                space.remove_owner(&uid(meta));
            }
            fn blind(meta: &ObjectMeta, space: &mut Space, _: Timestamp) {
                space.blind_owner(Self::RESOURCE, meta);
            }
        }
    )*};
}
owners!(ReplicaSet in ReplicaSets, Deployment in Deployments, StatefulSet in StatefulSets,
    DaemonSet in DaemonSets, Job in Jobs, CronJob in CronJobs);

fn uid(meta: &ObjectMeta) -> Uid {
    Uid::parse(meta.uid.as_deref().unwrap_or_default())
}

/// Watches `K` in one namespace, and looks at what it hears once the first list of `after` is there; ends only if kube's
/// stream does, which it never should.
pub(super) async fn follow<K: Watched>(
    ground: Arc<Ground>,
    namespace: Name,
    life: Arc<Life>,
    after: Option<Arc<Life>>,
) {
    let client = tapped(&ground.client, &life, &ground.pace, after);
    let api = Api::<Decoded<K>>::namespaced(client, namespace.as_str());
    let spread = RandomState::new().hash_one((&namespace, K::RESOURCE)) % 21;
    let mut config = Config::default()
        .timeout(WATCH_SECS + u32::try_from(spread).unwrap_or(0))
        .streaming_lists();
    if K::RESOURCE == Resource::Events {
        config = config.fields(EVENTS);
    }
    let mut trouble = Backoff::default();
    loop {
        let events = watcher(api.clone(), config.clone());
        pin_mut!(events);
        let mut unfinished = 0;
        let again = loop {
            match events.next().await {
                None => return,
                Some(Ok(event)) => {
                    unfinished = match &event {
                        Event::Init => unfinished + 1,
                        Event::InitDone => 0,
                        _ => unfinished,
                    };
                    fold::<K>(&ground, &namespace, &life, event);
                    // The server ends each initial list early: it does not send the bookmark that completes one.
                    if unfinished > 2 {
                        break Again::InPages;
                    }
                }
                Some(Err(error)) => {
                    let (next, delay) = trouble.judge(&error, &life, &namespace, K::RESOURCE);
                    sleep(delay).await;
                    match next {
                        Again::Resume => {}
                        other => break other,
                    }
                }
            }
        };
        if again == Again::InPages {
            debug!(%namespace, resource = K::RESOURCE.plural(), "no streaming lists here: listing in pages");
            config = Config {
                initial_list_strategy: kube::runtime::watcher::InitialListStrategy::ListWatch,
                ..config
            }
            .page_size(PAGE);
        }
    }
}

fn fold<K: Watched>(ground: &Ground, namespace: &Name, life: &Life, event: Event<Decoded<K>>) {
    if let Event::Apply(Decoded::Broken(b)) | Event::InitApply(Decoded::Broken(b)) = &event {
        set_aside(namespace, K::RESOURCE, life, b);
    }
    if matches!(event, Event::InitDone) {
        life.listed();
        debug!(%namespace, resource = K::RESOURCE.plural(), "listed");
    }
    ground.change(namespace, |space, now| match event {
        Event::Init => space.begin(K::RESOURCE),
        Event::InitDone => space.end(K::RESOURCE),
        Event::Apply(Decoded::Fine(object)) | Event::InitApply(Decoded::Fine(object)) => {
            object.put(space, now);
        }
        Event::Apply(Decoded::Broken(b)) | Event::InitApply(Decoded::Broken(b)) => {
            K::blind(&b.meta, space, now);
        }
        Event::Delete(object) => K::remove(kube::Resource::meta(&object), space),
    });
}

fn set_aside(namespace: &Name, resource: Resource, life: &Life, broken: &Broken) {
    life.quarantine();
    let name = Name::new(broken.meta.name.as_deref().unwrap_or_default());
    warn!(%namespace, resource = resource.plural(), %name, error = broken.error, "set aside an object that cannot be decoded");
}

/// How a watch goes on after an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Again {
    /// Where it was: kube remembers the resource version.
    Resume,
    /// With a new list. kube does so itself for a 410 inside a stream, but not for one at the start of a watch (K3).
    List,
    /// With a new list, in pages.
    InPages,
}

/// Growing delays, from kube's own back-off: 0.8 s doubling to 30 s, with jitter, reset after 2 min without error.
#[derive(Default)]
struct Backoff {
    steps: DefaultBackoff,
    relisted: Option<tokio::time::Instant>,
}

impl Backoff {
    fn judge(
        &mut self,
        error: &Error,
        life: &Life,
        namespace: &Name,
        resource: Resource,
    ) -> (Again, Duration) {
        let (code, after) = status(error);
        if code == 410 {
            // Routine where nothing happens for long, above all for Events, which are not cached (K14).
            debug!(%namespace, resource = resource.plural(), "resource version expired: listing anew");
            let again = self.relisted.is_some_and(|at| at.elapsed() < DENIED);
            self.relisted = Some(tokio::time::Instant::now());
            return (
                Again::List,
                if again { self.step() } else { Duration::ZERO },
            );
        }
        if let Error::WatchFailed(kube::Error::SerdeError(_)) = error {
            // One line that is no watch event; the next one may be (fault 12).
            life.quarantine();
            warn!(%namespace, resource = resource.plural(), "set aside a line that cannot be decoded");
            return (Again::Resume, Duration::ZERO);
        }
        if matches!(code, 400 | 422) && matches!(error, Error::WatchStartFailed(_)) {
            return (Again::InPages, Duration::ZERO);
        }
        let trouble = match code {
            401 => WatchTrouble::Unauthorized,
            403 => WatchTrouble::Forbidden,
            404 => WatchTrouble::NotFound,
            _ => WatchTrouble::Failing(describe(error)),
        };
        let delay = match code {
            403 | 404 => self.step().max(DENIED),
            _ => self.step().max(after),
        };
        report(life, trouble, namespace, resource);
        (Again::Resume, delay)
    }

    fn step(&mut self) -> Duration {
        self.steps.next().unwrap_or(DENIED)
    }
}

/// Logs trouble once, and again when it changes.
fn report(life: &Life, trouble: WatchTrouble, namespace: &Name, resource: Resource) {
    let resource = resource.plural();
    if life.fail(trouble.clone()) {
        warn!(%namespace, resource, ?trouble, "the watch does not work");
    } else {
        debug!(%namespace, resource, ?trouble, "the watch still does not work");
    }
}

/// The HTTP status that the API server answered, or 0, and how long it asks to wait (fault 4).
fn status(error: &Error) -> (u16, Duration) {
    let status = match error {
        Error::WatchError(status) => status,
        Error::InitialListFailed(e) | Error::WatchStartFailed(e) | Error::WatchFailed(e) => match e
        {
            kube::Error::Api(status) => status,
            _ => return (0, Duration::ZERO),
        },
        Error::NoResourceVersion => return (0, Duration::ZERO),
    };
    let after = status.details.as_ref().map_or(0, |d| d.retry_after_seconds);
    (status.code, Duration::from_secs(u64::from(after).min(30)))
}

/// The error in words; of a body that cannot be decoded only that, since serde quotes it (K7).
fn describe(error: &Error) -> Message {
    match error {
        Error::WatchError(status) => Message::new(&status.message),
        Error::InitialListFailed(e) | Error::WatchStartFailed(e) | Error::WatchFailed(e) => {
            client_error(e)
        }
        Error::NoResourceVersion => Message::new("an object without resource version"),
    }
}

fn client_error(error: &kube::Error) -> Message {
    match error {
        kube::Error::Api(status) => Message::new(&format!("{} {}", status.code, status.message)),
        kube::Error::SerdeError(_) => Message::new("a body that cannot be decoded"),
        kube::Error::Service(inner) => {
            // The cause ("connection refused") stands at the end of the chain.
            let mut cause: &dyn std::error::Error = &**inner;
            while let Some(next) = cause.source() {
                cause = next;
            }
            Message::new(&cause.to_string())
        }
        other => Message::new(&other.to_string()),
    }
}

/// Reads the namespace's own annotations: every 4 s while anything is suspect or open, every 30 s otherwise, and at once when
/// the first suspect turns up. (A Role cannot allow to watch one namespace.)
pub(super) async fn follow_namespace(
    ground: Arc<Ground>,
    namespace: Name,
    life: Arc<Life>,
    alert: Arc<Notify>,
) {
    let api = Api::<Decoded<Namespace>>::all(tapped(&ground.client, &life, &ground.pace, None));
    let mut trouble = Backoff::default();
    loop {
        let delay = match api.get(namespace.as_str()).await {
            Ok(Decoded::Fine(object)) => {
                if !life.synced() {
                    life.listed();
                }
                ground.change(&namespace, |space, _| space.put_namespace(&object.metadata));
                let busy = ground.world.lock().busy(&namespace);
                Duration::from_secs(if busy { 4 } else { 30 })
            }
            Ok(Decoded::Broken(broken)) => {
                set_aside(&namespace, Resource::Namespace, &life, &broken);
                DENIED
            }
            Err(error) => {
                let error = Error::WatchFailed(error);
                trouble
                    .judge(&error, &life, &namespace, Resource::Namespace)
                    .1
            }
        };
        sleep(delay.min(Duration::from_secs(1))).await;
        let rest = delay.saturating_sub(Duration::from_secs(1));
        let _ = tokio::time::timeout(rest, alert.notified()).await;
    }
}
