//! What the server keeps: objects, their versions, and what happened to them.

use super::{ask::Ask, pods};
use http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};

/// So many changes are remembered; a watch that wants older ones is told so.
const MOST_CHANGES: usize = 5_000;

type Objects = BTreeMap<String, Value>;
/// What a definition does to an object that is written, by its plural: cuts what it does not know, or refuses it, saying why.
pub(super) type Definition = Box<dyn Fn(&str, &mut Value) -> Result<(), String> + Send>;

struct Event {
    version: u64,
    collection: String,
    kind: &'static str,
    object: Value,
}

#[derive(Default)]
pub(super) struct Kept {
    pub(super) version: u64,
    uids: u64,
    pub(super) collections: BTreeMap<String, Objects>,
    log: VecDeque<Event>,
    /// Of each collection: changes up to this version are no longer in the log.
    forgotten: BTreeMap<String, u64>,
    /// What is older is forgotten, of these objects.
    compacted: (u64, &'static str),
    pub(super) asked: Vec<Ask>,
    /// Acts that were carried out.
    pub(super) acts: Vec<Ask>,
    /// What comes of a pod that is evicted.
    pub(super) after: After,
    pub(super) definition: Option<Definition>,
}

/// What the controller puts in the place of an evicted pod.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum After {
    #[default]
    Healthy,
    Crashing,
    /// It waits for its volumes.
    Unmounted,
}

pub(super) fn status(code: u16, message: &str) -> (u16, Value) {
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
pub(super) struct Place {
    pub(super) collection: String,
    name: Option<String>,
    part: Option<String>,
}

impl Place {
    pub(super) fn of(path: &str) -> Self {
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

fn line(kind: &str, object: &Value) -> String {
    // The type comes first, as the API server writes it.
    format!("{{\"type\":\"{kind}\",\"object\":{object}}}\n")
}

impl Kept {
    /// Forgets what happened until now to objects whose plural is `of`.
    pub(super) fn compact(&mut self, of: &'static str) {
        self.version += 1;
        self.compacted = (self.version, of);
    }

    /// Whether what happened to a collection since `version` is no longer known.
    pub(super) fn is_gone(&self, collection: &str, version: u64) -> bool {
        let (compacted, of) = self.compacted;
        let forgotten = self.forgotten.get(collection);
        forgotten.is_some_and(|f| version < *f) || (version < compacted && collection.ends_with(of))
    }

    /// What a watch begins with: all there is, and the mark that it was all.
    pub(super) fn initial(&self, collection: &str) -> String {
        let objects = self.collections.get(collection);
        let objects = objects.into_iter().flat_map(BTreeMap::values);
        let lines: String = objects.map(|o| line("ADDED", o)).collect();
        let done = json!({"kind": "x", "apiVersion": "v1", "metadata": {
            "resourceVersion": self.version.to_string(), "annotations": {"k8s.io/initial-events-end": "true"}}});
        lines + &line("BOOKMARK", &done)
    }

    pub(super) fn since(&self, collection: &str, seen: &mut u64) -> String {
        let from = self.log.partition_point(|e| e.version <= *seen);
        let new = self.log.range(from..);
        let new = new.filter(|e| e.collection == collection);
        let lines = new.map(|e| line(e.kind, &e.object)).collect();
        *seen = self.version;
        lines
    }

    pub(super) fn put(&mut self, collection: &str, mut object: Value) -> Value {
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

    pub(super) fn remove(&mut self, collection: &str, name: &str) -> Option<Value> {
        let mut object = self.collections.get_mut(collection)?.remove(name)?;
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        self.note(collection, "DELETED", object.clone());
        Some(object)
    }

    fn note(&mut self, collection: &str, kind: &'static str, object: Value) {
        self.log.push_back(Event {
            version: self.version,
            collection: collection.to_owned(),
            kind,
            object,
        });
        if self.log.len() > MOST_CHANGES
            && let Some(oldest) = self.log.pop_front()
        {
            self.forgotten.insert(oldest.collection, oldest.version);
        }
    }

    /// Does what is asked; gives status and body.
    pub(super) fn serve(&mut self, ask: &Ask, body: &[u8], now: Timestamp) -> (u16, Value) {
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
                self.store(200, at, new)
            }
            (&Method::PATCH, _) => self.patch(at, found, &sent, part),
            _ => status(405, "no such method"),
        }
    }

    /// Writes an object as its definition has it.
    fn store(&mut self, code: u16, at: &str, mut object: Value) -> (u16, Value) {
        let plural = at.rsplit('/').next().unwrap_or_default();
        match self.definition.as_ref().map(|d| d(plural, &mut object)) {
            Some(Err(why)) => status(422, &why),
            Some(Ok(())) | None => (code, self.put(at, object)),
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
        self.store(201, at, sent)
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
        self.store(200, at, new)
    }
}

/// Whether an eviction means this pod.
fn is_meant(eviction: &Value, pod: &Value) -> bool {
    let uid = &eviction["deleteOptions"]["preconditions"]["uid"];
    uid.is_null() || *uid == pod["metadata"]["uid"]
}
