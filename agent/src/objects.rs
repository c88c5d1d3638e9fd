//! Our own objects, followed: what is there, and what is gone, also if it went while no watch was open.

use futures::{
    Stream, StreamExt,
    stream::{self, BoxStream, SelectAll},
};
use kube::{
    Api, Resource, ResourceExt,
    core::{DeserializeGuard, NamespaceResourceScope, Status},
    runtime::{watcher, watcher::DefaultBackoff},
};
use podmender_policy::bounds::Name;
use std::{collections::BTreeSet, time::Duration};

/// Namespace and name.
pub(crate) type Key = (Name, Name);

/// What happened to an object.
#[derive(Debug)]
pub(crate) enum Change<K> {
    /// It is there, new or changed or as it was; perhaps it cannot be read.
    Seen(Key, Box<DeserializeGuard<K>>),
    /// It is gone.
    Gone(Key),
    /// All there was in this namespace has been told by now, or nothing may be read there.
    Listed(Name),
}

/// Follows our own objects of some namespaces: few, so they are kept whole. Errors are retried with back-off.
/// `known`: those that were read before, of which it is told too when they are gone.
pub(crate) fn objects<K>(
    client: &kube::Client,
    namespaces: &BTreeSet<Name>,
    known: &BTreeSet<Key>,
) -> SelectAll<BoxStream<'static, Change<K>>>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + std::fmt::Debug
        + Send
        + serde::de::DeserializeOwned
        + 'static,
{
    let mut all = SelectAll::new();
    for namespace in namespaces {
        let api: Api<DeserializeGuard<K>> = Api::namespaced(client.clone(), namespace.as_str());
        let names = known.iter().filter(|key| key.0 == *namespace);
        let mut listing = Listing {
            namespace: namespace.clone(),
            known: names.map(|key| key.1.clone()).collect(),
            listed: BTreeSet::new(),
            closed: false,
        };
        let changes = followed(api).flat_map(move |event| match event {
            Ok(event) => stream::iter(listing.take(event)),
            Err(error) => {
                tracing::debug!(namespace = %listing.namespace, kind = %K::kind(&()), %error, "a watch of our own objects is tried again");
                stream::iter(listing.fail(&error))
            }
        });
        all.push(changes.boxed());
    }
    if all.is_empty() {
        // An agent that was granted no namespace yet follows nothing: that is no watch that was lost, which would end the process.
        all.push(stream::pending().boxed());
    }
    all
}

/// So rarely is tried what is not allowed, or not there (row 9).
const DENIED: Duration = Duration::from_secs(30);

/// What a watch tells, for ever. kube's own back-off begins anew with each try to list, and asks once a second for as long as
/// nobody answers; and it never lists again when the start of a watch is answered with HTTP 410 (K3).
fn followed<K>(api: Api<K>) -> impl Stream<Item = watcher::Result<watcher::Event<K>>> + Send
where
    K: Resource + Clone + std::fmt::Debug + Send + serde::de::DeserializeOwned + 'static,
{
    let watch = move || watcher(api.clone(), watcher::Config::default().timeout(45)).boxed();
    let state = (watch(), DefaultBackoff::default(), Duration::ZERO);
    stream::unfold(state, move |(mut events, mut steps, wait)| {
        let watch = watch.clone();
        async move {
            tokio::time::sleep(wait).await;
            let event = events.next().await?;
            let mut wait = Duration::ZERO;
            match &event {
                Ok(watcher::Event::Init) => {}
                Ok(_) => steps = DefaultBackoff::default(),
                Err(error) => {
                    wait = steps.next().unwrap_or(DENIED);
                    match refusal(error).map_or(0, |status| status.code) {
                        403 | 404 => wait = wait.max(DENIED),
                        410 => events = watch(),
                        _ => {}
                    }
                }
            }
            Some((event, (events, steps, wait)))
        }
    })
}

/// What the API server said, if it said anything.
fn refusal(error: &watcher::Error) -> Option<&Status> {
    match error {
        watcher::Error::WatchError(status) => Some(status),
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchFailed(kube::Error::Api(status)) => Some(status),
        _ => None,
    }
}

/// Which objects of a namespace there are, and which of them the list that is under way has named.
struct Listing {
    namespace: Name,
    known: BTreeSet<Name>,
    listed: BTreeSet<Name>,
    /// It was told that nothing may be read there.
    closed: bool,
}

impl Listing {
    /// What an event says. What a complete list no longer has is gone: it was deleted while no watch was open, and nobody
    /// else will say so.
    fn take<K: Resource>(&mut self, event: watcher::Event<DeserializeGuard<K>>) -> Vec<Change<K>> {
        match event {
            watcher::Event::Init => self.listed.clear(),
            watcher::Event::Apply(object) | watcher::Event::InitApply(object) => {
                let name = Name::new(&object.name_any());
                self.known.insert(name.clone());
                self.listed.insert(name.clone());
                return vec![Change::Seen(self.key(name), Box::new(object))];
            }
            watcher::Event::Delete(object) => return self.gone([Name::new(&object.name_any())]),
            watcher::Event::InitDone => {
                self.closed = false;
                let missed: Vec<_> = self.known.difference(&self.listed).cloned().collect();
                let mut changes = self.gone(missed);
                changes.push(Change::Listed(self.namespace.clone()));
                return changes;
            }
        }
        Vec::new()
    }

    /// What an error says: nothing, unless the namespace is closed to the agent. That is a matter of configuration, and nobody
    /// waits for what was not granted (row 9).
    fn fail<K>(&mut self, error: &watcher::Error) -> Vec<Change<K>> {
        match error {
            watcher::Error::InitialListFailed(kube::Error::Api(status))
                if status.code == 403 && !self.closed =>
            {
                self.closed = true;
                tracing::warn!(namespace = %self.namespace, error = status.message, "our own objects may not be read there");
                vec![Change::Listed(self.namespace.clone())]
            }
            _ => Vec::new(),
        }
    }

    fn gone<K>(&mut self, names: impl IntoIterator<Item = Name>) -> Vec<Change<K>> {
        let mut changes = Vec::new();
        for name in names {
            if self.known.remove(&name) {
                changes.push(Change::Gone(self.key(name)));
            }
        }
        changes
    }

    fn key(&self, name: Name) -> Key {
        (self.namespace.clone(), name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{Approval, ApprovalBody};
    use podmender_policy::{
        approval::{Answer, ApprovalRequest},
        incident::IncidentId,
    };

    #[tokio::test]
    async fn without_a_namespace_nothing_is_followed_and_nothing_ends() {
        let config = kube::Config::new("http://127.0.0.1:9".parse().expect("an address"));
        let client = kube::Client::try_from(config).expect("a client");
        let mut stream = objects::<Approval>(&client, &BTreeSet::new(), &BTreeSet::new());
        assert!(futures::FutureExt::now_or_never(stream.next()).is_none());
    }

    fn object(name: &str) -> DeserializeGuard<Approval> {
        let asked: ApprovalRequest = serde_json::from_value(serde_json::json!({
            "remedy": "restart", "uid": "u", "generation": 1, "because": "asked",
            "askedAt": "2026-11-21T03:02:00Z", "expiresAt": "2026-11-21T03:32:00Z",
        }))
        .expect("a question");
        let incident = IncidentId("i".into());
        let body = ApprovalBody::answering(&incident, &asked, Answer::Approve);
        DeserializeGuard(Ok(Approval::new(name, body)))
    }

    fn listing(known: &[&str]) -> Listing {
        Listing {
            namespace: "a".into(),
            known: known.iter().map(|name| Name::new(name)).collect(),
            listed: BTreeSet::new(),
            closed: false,
        }
    }

    /// What is gone after these events.
    fn gone<const N: usize>(
        listing: &mut Listing,
        events: [watcher::Event<DeserializeGuard<Approval>>; N],
    ) -> Vec<String> {
        let changes = events.into_iter().flat_map(|e| listing.take(e));
        let gone = changes.filter_map(|change| match change {
            Change::Gone((namespace, name)) => Some(format!("{namespace}/{name}")),
            Change::Seen(..) | Change::Listed(_) => None,
        });
        gone.collect()
    }

    #[test]
    fn fault_70_what_was_deleted_while_no_watch_was_open_does_not_count() {
        use watcher::Event::{Apply, Delete, Init, InitApply, InitDone};
        let mut a = listing(&["before"]);
        let first = [Init, InitApply(object("kept")), InitApply(object("gone"))];
        assert!(gone(&mut a, first).is_empty(), "the list is not complete");
        assert_eq!(
            gone(&mut a, [InitDone]),
            ["a/before"],
            "read before the watch began"
        );
        let again = [
            Apply(object("new")),
            Init,
            InitApply(object("kept")),
            InitApply(object("new")),
        ];
        assert!(gone(&mut a, again).is_empty());
        assert_eq!(gone(&mut a, [InitDone]), ["a/gone"]);
        assert_eq!(
            gone(&mut a, [Delete(object("new")), Delete(object("new"))]),
            ["a/new"],
            "once"
        );
    }

    #[test]
    fn a_list_that_breaks_off_says_nothing_is_gone() {
        use watcher::Event::{Init, InitApply, InitDone};
        let mut a = listing(&["x"]);
        let broken = [
            Init,
            InitApply(object("y")),
            Init,
            InitApply(object("x")),
            InitApply(object("y")),
            InitDone,
        ];
        assert!(gone(&mut a, broken).is_empty());
    }
}
