//! An API server in memory: objects, versions, watches and evictions as a real one has them, and faults on order.

use super::{
    ask::{Ask, Fault},
    body::Answer,
    kept::{After, Kept, Place, status},
};
use futures::stream;
use http::{Method, Request, Response, header};
use jiff::{SignedDuration, Timestamp};
use kube::{Client, client::Body};
use serde_json::{Value, json};
use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout_at},
};
use tokio_util::sync::CancellationToken;

type Rule = Box<dyn FnMut(&Ask) -> Option<Fault> + Send>;

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
        lock(&self.kept).compact(of);
    }

    /// What definitions make of the objects that are written from now on, by plural.
    pub(crate) fn define(
        &self,
        definition: impl Fn(&str, &mut Value) -> Result<(), String> + Send + 'static,
    ) {
        lock(&self.kept).definition = Some(Box::new(definition));
    }

    /// Every definition is of this version.
    pub(crate) fn define_newest(&self) {
        lock(&self.kept).definition = None;
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
                if kept.is_gone(&collection, from) {
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
