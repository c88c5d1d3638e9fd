//! An API server in memory: objects, versions, watches and evictions as a real one has them, and faults on order.

use super::{body::Answer, pods};
use futures::stream;
use http::{Method, Request, Response, header};
use jiff::{SignedDuration, Timestamp};
use kube::{Client, client::Body};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout_at},
};
use tokio_util::sync::CancellationToken;

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    /// After the server's start.
    pub(crate) at: Duration,
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: String,
}

impl Ask {
    pub(crate) fn is(&self, method: &str, part: &str) -> bool {
        self.method.as_str() == method && self.path.contains(part)
    }

    /// Whether it changes a workload: an eviction, or a patch of a rollout.
    pub(crate) fn is_act(&self) -> bool {
        self.path.ends_with("/eviction")
            || self.method == Method::PATCH && self.path.contains("/deployments/")
            || self.method == Method::DELETE && self.path.contains("/pods/")
    }
}

/// What goes wrong with a request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// Nobody listens.
    Refused,
    /// Nothing is done, and nothing is said.
    Silence,
    /// Nothing is done; this status, with these words.
    Status(u16, &'static str),
    /// Nothing is done; 429, and to be asked again after so many seconds.
    Later(u32),
    /// Done after this time, also if nobody waits for it any more.
    Slow(Duration),
    /// Done, and answered with this status all the same.
    Lost(u16),
    /// Done, and nothing is said.
    LostInSilence,
}

type Rule = Box<dyn FnMut(&Ask) -> Option<Fault> + Send>;
type Objects = BTreeMap<String, Value>;

struct Event {
    version: u64,
    collection: String,
    kind: &'static str,
    object: Value,
}

#[derive(Default)]
struct Kept {
    version: u64,
    uids: u64,
    collections: BTreeMap<String, Objects>,
    log: Vec<Event>,
    /// What is older is forgotten, of these objects.
    compacted: (u64, &'static str),
    asked: Vec<Ask>,
    /// Acts that were carried out.
    acts: Vec<Ask>,
    /// What comes of a pod that is evicted.
    after: After,
}

/// What the controller puts in the place of an evicted pod.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum After {
    #[default]
    Healthy,
    Crashing,
}

/// The server; cheap to clone.
#[derive(Clone)]
pub(crate) struct Server {
    kept: Arc<Mutex<Kept>>,
    rule: Arc<Mutex<Option<Rule>>>,
    /// What watches wait for: the newest version, and how often all connections were cut.
    news: Arc<watch::Sender<(u64, u64)>>,
    start: (Timestamp, Instant),
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn status(code: u16, message: &str) -> (u16, Value) {
    let reason = match code {
        404 => "NotFound",
        409 => "Conflict",
        410 => "Expired",
        _ => "x",
    };
    (
        code,
        json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "reason": reason, "code": code}),
    )
}

/// A path, taken apart: the collection, the object's name and what of it.
struct Place {
    collection: String,
    name: Option<String>,
    part: Option<String>,
}

impl Place {
    fn of(path: &str) -> Self {
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        let root = if parts.first() == Some(&"api") { 2 } else { 3 };
        // `namespaces/NAME` is an object; `namespaces/NAME/pods` a collection in it.
        let is_in = parts.get(root) == Some(&"namespaces") && parts.len() > root + 2;
        let end = if is_in { root + 3 } else { root + 1 };
        let text = |s: &&str| (*s).to_owned();
        Self {
            collection: parts[..end.min(parts.len())].join("/"),
            name: parts.get(end).map(text),
            part: parts.get(end + 1).map(text),
        }
    }
}

impl Server {
    /// An empty one, at a time of its own.
    pub(crate) fn new(now: Timestamp) -> Self {
        Self {
            kept: Arc::default(),
            rule: Arc::default(),
            news: Arc::new(watch::channel((0, 0)).0),
            start: (now, Instant::now()),
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        let passed = SignedDuration::try_from(self.start.1.elapsed()).expect("a duration");
        self.start.0 + passed
    }

    /// What goes wrong from now on, request by request.
    pub(crate) fn fault(&self, rule: impl FnMut(&Ask) -> Option<Fault> + Send + 'static) {
        *lock(&self.rule) = Some(Box::new(rule));
    }

    /// Nothing goes wrong any more.
    pub(crate) fn heal(&self) {
        *lock(&self.rule) = None;
    }

    /// Nobody listens any more, and open connections are cut.
    pub(crate) fn go_down(&self) {
        self.fault(|_| Some(Fault::Refused));
        self.cut();
    }

    /// Cuts all open watches.
    pub(crate) fn cut(&self) {
        self.news.send_modify(|(_, cuts)| *cuts += 1);
    }

    /// Forgets what happened until now to objects whose plural is `of`, as etcd does every five minutes (`Event`s are not cached).
    pub(crate) fn compact(&self, of: &'static str) {
        let mut kept = lock(&self.kept);
        kept.version += 1;
        kept.compacted = (kept.version, of);
    }

    pub(crate) fn after_eviction(&self, after: After) {
        lock(&self.kept).after = after;
    }

    pub(crate) fn asked(&self) -> Vec<Ask> {
        lock(&self.kept).asked.clone()
    }

    /// The acts that were carried out.
    pub(crate) fn acts(&self) -> Vec<Ask> {
        lock(&self.kept).acts.clone()
    }

    /// All objects of a kind, by its plural.
    pub(crate) fn all(&self, plural: &str) -> Vec<Value> {
        let kept = lock(&self.kept);
        let of = |name: &&String| name.rsplit('/').next() == Some(plural);
        let named = kept.collections.keys().filter(of);
        named
            .flat_map(|name| kept.collections[name].values().cloned())
            .collect()
    }

    /// Creates or replaces an object, as somebody else would.
    pub(crate) fn put(&self, collection: &str, object: Value) {
        lock(&self.kept).put(collection, object);
        self.tell();
    }

    pub(crate) fn remove(&self, collection: &str, name: &str) {
        lock(&self.kept).remove(collection, name);
        self.tell();
    }

    fn tell(&self) {
        let version = lock(&self.kept).version;
        self.news.send_modify(|news| news.0 = version);
    }

    /// A client for it; `unplugged` ends every request of it, also one that is under way, as the end of its process does.
    pub(crate) fn client(&self, unplugged: &CancellationToken) -> Client {
        let (server, unplugged) = (self.clone(), unplugged.clone());
        let service = tower::service_fn(move |request: Request<Body>| {
            let (server, unplugged) = (server.clone(), unplugged.clone());
            async move {
                let answer = unplugged.run_until_cancelled_owned(server.answer(request));
                match answer.await {
                    Some(answer) => answer,
                    None => std::future::pending().await,
                }
            }
        });
        Client::new(service, "default")
    }

    fn serve(&self, ask: &Ask, body: &[u8]) -> (u16, Value) {
        let done = lock(&self.kept).serve(ask, body, self.now());
        self.tell();
        done
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "a server works on without its client"
    )]
    async fn answer(self, request: Request<Body>) -> Result<Response<Answer>, io::Error> {
        let (parts, body) = request.into_parts();
        let body = body.collect_bytes().await.map_err(io::Error::other)?;
        let ask = Ask {
            at: self.start.1.elapsed(),
            method: parts.method,
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
        };
        // Nothing is as fast as this in life: what others do lies in between.
        sleep(Duration::from_millis(1)).await;
        lock(&self.kept).asked.push(ask.clone());
        let fault = lock(&self.rule).as_mut().and_then(|rule| rule(&ask));
        match fault {
            Some(Fault::Refused) => {
                return Err(io::Error::new(
                    io::ErrorKind::ConnectionRefused,
                    "connection refused",
                ));
            }
            Some(Fault::Silence) => std::future::pending().await,
            Some(Fault::Status(code, words)) => return Ok(self.say(status(code, words))),
            Some(Fault::Later(seconds)) => {
                let (code, mut said) = status(429, "too many requests, please try again later");
                said["details"] = json!({"retryAfterSeconds": seconds});
                return Ok(self.say((code, said)));
            }
            Some(Fault::Slow(time)) if ask.method == Method::GET => sleep(time).await,
            Some(Fault::Slow(time)) => {
                let server = self.clone();
                let work = async move {
                    sleep(time).await;
                    server.serve(&ask, &body)
                };
                let done = tokio::spawn(work).await.map_err(io::Error::other)?;
                return Ok(self.say(done));
            }
            Some(Fault::Lost(_) | Fault::LostInSilence) | None => {}
        }
        if ask.query.contains("watch=true") {
            return Ok(self.watch(&ask));
        }
        let done = self.serve(&ask, &body);
        match fault {
            Some(Fault::Lost(code)) => Ok(self.say(status(code, "the answer was lost"))),
            Some(Fault::LostInSilence) => std::future::pending().await,
            _ => Ok(self.say(done)),
        }
    }

    fn say(&self, (code, body): (u16, Value)) -> Response<Answer> {
        let text = match body {
            Value::String(text) => text,
            body => body.to_string(),
        };
        let date = self.now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        let response = Response::builder().status(code).header(header::DATE, date);
        response.body(Answer::of(text)).expect("an answer")
    }

    fn watch(&self, ask: &Ask) -> Response<Answer> {
        let of = |key: &str| {
            let pairs = ask.query.split('&').filter_map(|p| p.split_once('='));
            pairs.clone().find(|p| p.0 == key).map(|p| p.1.to_owned())
        };
        let number = |key: &str| of(key).and_then(|v| v.parse::<u64>().ok());
        let collection = Place::of(&ask.path).collection;
        let (first, seen) = {
            let kept = lock(&self.kept);
            if ask.query.contains("sendInitialEvents=true") {
                (kept.initial(&collection), kept.version)
            } else {
                let from = number("resourceVersion").unwrap_or(0);
                let (compacted, of) = kept.compacted;
                if from < compacted && collection.ends_with(of) {
                    return self.say(status(410, "too old resource version"));
                }
                (String::new(), from)
            }
        };
        let news = self.news.subscribe();
        let cuts = news.borrow().1;
        let time = Duration::from_secs(number("timeoutSeconds").unwrap_or(290));
        let follow = Follow {
            first,
            kept: Arc::clone(&self.kept),
            collection,
            seen,
            news,
            cuts,
            ends: Instant::now() + time,
        };
        let pieces = stream::unfold(follow, |mut follow| async move {
            let piece = follow.next().await?;
            Some((piece, follow))
        });
        Response::new(Answer::stream(pieces))
    }
}

/// One open watch.
struct Follow {
    first: String,
    kept: Arc<Mutex<Kept>>,
    collection: String,
    seen: u64,
    news: watch::Receiver<(u64, u64)>,
    cuts: u64,
    ends: Instant,
}

impl Follow {
    async fn next(&mut self) -> Option<io::Result<String>> {
        if !self.first.is_empty() {
            return Some(Ok(std::mem::take(&mut self.first)));
        }
        loop {
            if self.news.borrow_and_update().1 != self.cuts {
                return Some(Err(io::ErrorKind::ConnectionReset.into()));
            }
            let lines = lock(&self.kept).since(&self.collection, &mut self.seen);
            if !lines.is_empty() {
                return Some(Ok(lines));
            }
            timeout_at(self.ends, self.news.changed())
                .await
                .ok()?
                .ok()?;
        }
    }
}

fn line(kind: &str, object: &Value) -> String {
    // The type comes first, as the API server writes it.
    format!("{{\"type\":\"{kind}\",\"object\":{object}}}\n")
}

impl Kept {
    /// What a watch begins with: all there is, and the mark that it was all.
    fn initial(&self, collection: &str) -> String {
        let objects = self.collections.get(collection);
        let objects = objects.into_iter().flat_map(BTreeMap::values);
        let lines: String = objects.map(|o| line("ADDED", o)).collect();
        let done = json!({"kind": "x", "apiVersion": "v1", "metadata": {
            "resourceVersion": self.version.to_string(), "annotations": {"k8s.io/initial-events-end": "true"}}});
        lines + &line("BOOKMARK", &done)
    }

    fn since(&self, collection: &str, seen: &mut u64) -> String {
        let from = self.log.partition_point(|e| e.version <= *seen);
        let new = self.log[from..]
            .iter()
            .filter(|e| e.collection == collection);
        let lines = new.map(|e| line(e.kind, &e.object)).collect();
        *seen = self.version;
        lines
    }

    fn put(&mut self, collection: &str, mut object: Value) -> Value {
        let name = object["metadata"]["name"].as_str().expect("a name");
        let name = name.to_owned();
        let before = self.collections.get(collection).and_then(|c| c.get(&name));
        if let Some(before) = before.filter(|b| **b == object) {
            return before.clone();
        }
        self.version += 1;
        let kind = if before.is_some() {
            "MODIFIED"
        } else {
            "ADDED"
        };
        let uid = before.map(|b| b["metadata"]["uid"].clone());
        let meta = &mut object["metadata"];
        meta["resourceVersion"] = json!(self.version.to_string());
        if meta["uid"].is_null() {
            self.uids += 1;
            let new = json!(format!("00000000-0000-4000-8000-{:012}", self.uids));
            meta["uid"] = uid.unwrap_or(new);
        }
        if meta["generation"].is_null() {
            meta["generation"] = json!(1);
        }
        let objects = self.collections.entry(collection.to_owned()).or_default();
        objects.insert(name, object.clone());
        self.note(collection, kind, object.clone());
        object
    }

    fn remove(&mut self, collection: &str, name: &str) -> Option<Value> {
        let mut object = self.collections.get_mut(collection)?.remove(name)?;
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        self.note(collection, "DELETED", object.clone());
        Some(object)
    }

    fn note(&mut self, collection: &str, kind: &'static str, object: Value) {
        self.log.push(Event {
            version: self.version,
            collection: collection.to_owned(),
            kind,
            object,
        });
    }

    /// Does what is asked; gives status and body.
    fn serve(&mut self, ask: &Ask, body: &[u8], now: Timestamp) -> (u16, Value) {
        let place = Place::of(&ask.path);
        let at = place.collection.as_str();
        let sent: Value = serde_json::from_slice(body).unwrap_or_default();
        let dry = ask.query.contains("dryRun");
        let part = place.part.as_deref();
        let Some(name) = place.name.as_deref() else {
            return match ask.method {
                Method::GET if ask.path == "/version" => (200, json!({"major": "1"})),
                Method::GET => self.list(at),
                Method::POST if dry => (201, sent),
                Method::POST => self.create(at, sent),
                _ => status(405, "no such method"),
            };
        };
        if part == Some("log") {
            return (200, json!("fatal: lost the connection to the database\n"));
        }
        let Some(found) = self.collections.get(at).and_then(|c| c.get(name)).cloned() else {
            return status(404, "not found");
        };
        if ask.is_act() {
            if part == Some("eviction") && !is_meant(&sent, &found) {
                return status(409, "the UID in the precondition does not match");
            }
            self.acts.push(ask.clone());
        }
        match (&ask.method, part) {
            (&Method::GET, _) => (200, found),
            (&Method::DELETE, _) => {
                self.remove(at, name);
                (
                    200,
                    json!({"kind": "Status", "apiVersion": "v1", "status": "Success"}),
                )
            }
            (&Method::POST, Some("eviction")) => {
                self.remove(at, name);
                let next = pods::next(&found, self.after, now, self.version);
                self.put(at, next);
                (
                    201,
                    json!({"kind": "Status", "apiVersion": "v1", "status": "Success"}),
                )
            }
            (&Method::PUT, _) => {
                let version = &sent["metadata"]["resourceVersion"];
                if !version.is_null() && *version != found["metadata"]["resourceVersion"] {
                    return status(409, "the object has been modified");
                }
                let mut new = sent;
                new["metadata"]["uid"] = found["metadata"]["uid"].clone();
                (200, self.put(at, new))
            }
            (&Method::PATCH, _) => self.patch(at, found, &sent, part),
            _ => status(405, "no such method"),
        }
    }

    fn list(&self, at: &str) -> (u16, Value) {
        let objects = self.collections.get(at).into_iter();
        let items: Vec<&Value> = objects.flat_map(BTreeMap::values).collect();
        let version = self.version.to_string();
        let list = json!({"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": version}, "items": items});
        (200, list)
    }

    fn create(&mut self, at: &str, mut sent: Value) -> (u16, Value) {
        if sent["metadata"]["name"].is_null() {
            let prefix = sent["metadata"]["generateName"].as_str();
            let name = format!("{}{}", prefix.unwrap_or("x"), self.version);
            sent["metadata"]["name"] = json!(name);
        }
        let name = sent["metadata"]["name"].as_str().unwrap_or_default();
        let is_there = self
            .collections
            .get(at)
            .is_some_and(|c| c.contains_key(name));
        if is_there {
            return status(409, "already exists");
        }
        (201, self.put(at, sent))
    }

    fn patch(&mut self, at: &str, found: Value, sent: &Value, part: Option<&str>) -> (u16, Value) {
        let mut new = found.clone();
        if sent.is_array() {
            let patch: json_patch::Patch = serde_json::from_value(sent.clone()).expect("a patch");
            if json_patch::patch(&mut new, &patch).is_err() {
                return status(
                    422,
                    "the server rejected our request due to an error in our request",
                );
            }
        } else {
            let version = &sent["metadata"]["resourceVersion"];
            if !version.is_null() && *version != found["metadata"]["resourceVersion"] {
                return status(409, "the object has been modified");
            }
            json_patch::merge(&mut new, sent);
            if part.is_none() && new["spec"] != found["spec"] {
                let generation = found["metadata"]["generation"].as_i64().unwrap_or(1);
                new["metadata"]["generation"] = json!(generation + 1);
            }
        }
        (200, self.put(at, new))
    }
}

/// Whether an eviction means this pod.
fn is_meant(eviction: &Value, pod: &Value) -> bool {
    let uid = &eviction["deleteOptions"]["preconditions"]["uid"];
    uid.is_null() || *uid == pod["metadata"]["uid"]
}
