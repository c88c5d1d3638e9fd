//! Who did what, from the API server's own audit log: the one witness that the agent cannot influence.
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, Result};
use jiff::Timestamp;
use serde::Deserialize;

/// One request that an agent made to change something.
#[derive(Debug, Clone)]
pub struct Deed {
    /// When the API server received it.
    pub at: Timestamp,
    /// When it had answered.
    pub answered: Timestamp,
    /// The namespace of the agent's account.
    pub agent: String,
    /// `create`, `patch`, ...
    pub verb: String,
    /// `pods/eviction`, `incidents/status`, ...
    pub resource: String,
    /// Where; empty for cluster-scoped objects.
    pub namespace: String,
    /// Which object.
    pub name: String,
    /// The UID that an eviction names as its precondition.
    pub uid: Option<String>,
    /// The HTTP status.
    pub code: u16,
}

impl Deed {
    /// An eviction that the API server carried out.
    pub fn evicted(&self) -> bool {
        self.resource == "pods/eviction" && (200..300).contains(&self.code)
    }
}

/// Reads the log as it grows. Only what agents do is kept.
pub struct Deeds {
    path: PathBuf,
    read: Mutex<Progress>,
}

#[derive(Default)]
struct Progress {
    offset: u64,
    rest: String,
    deeds: Vec<Deed>,
}

impl Deeds {
    /// Of the log at `path`.
    pub fn of(path: PathBuf) -> Self {
        Self {
            path,
            read: Mutex::new(Progress::default()),
        }
    }

    /// All so far, oldest first.
    pub fn all(&self) -> Result<Vec<Deed>> {
        self.those(|_| true)
    }

    /// Those that fit. Many scenarios ask several times a second: only what they look for is copied.
    fn those(&self, fits: impl Fn(&Deed) -> bool) -> Result<Vec<Deed>> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let mut file = File::open(&self.path)
            .with_context(|| format!("no audit log at {}", self.path.display()))?;
        file.seek(SeekFrom::Start(read.offset))?;
        let mut new = Vec::new();
        file.read_to_end(&mut new)?;
        read.offset += u64::try_from(new.len())?;
        let text = std::mem::take(&mut read.rest) + &String::from_utf8_lossy(&new);
        let (whole, rest) = text.rsplit_once('\n').unwrap_or(("", &text));
        let news = whole
            .lines()
            .filter(|l| l.contains(ACCOUNT))
            .filter_map(deed);
        read.deeds.extend(news);
        read.rest = rest.to_owned();
        Ok(read.deeds.iter().filter(|d| fits(d)).cloned().collect())
    }

    /// Evictions in a namespace that were carried out.
    pub fn evictions(&self, namespace: &str) -> Result<Vec<Deed>> {
        self.those(|d| d.evicted() && d.namespace == namespace)
    }
}

/// How the account of every agent of ours begins.
const ACCOUNT: &str = "system:serviceaccount:podmender";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    stage: String,
    verb: String,
    user: User,
    object_ref: Option<ObjectRef>,
    response_status: Option<ResponseStatus>,
    request_object: Option<RequestObject>,
    request_received_timestamp: Timestamp,
    stage_timestamp: Timestamp,
}

#[derive(Deserialize)]
struct User {
    username: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ObjectRef {
    resource: String,
    subresource: String,
    namespace: String,
    name: String,
}

#[derive(Deserialize)]
struct ResponseStatus {
    #[serde(default)]
    code: u16,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestObject {
    delete_options: Option<DeleteOptions>,
}

#[derive(Deserialize)]
struct DeleteOptions {
    preconditions: Option<Preconditions>,
}

#[derive(Deserialize)]
struct Preconditions {
    uid: Option<String>,
}

/// A line, if it is an agent's attempt to change something.
fn deed(line: &str) -> Option<Deed> {
    let line: Line = serde_json::from_str(line).ok()?;
    let agent = line.user.username.strip_prefix("system:serviceaccount:")?;
    let (agent, _) = agent.split_once(':')?;
    let changes = matches!(
        line.verb.as_str(),
        "create" | "update" | "patch" | "delete" | "deletecollection"
    );
    if !changes || line.stage != "ResponseComplete" {
        return None;
    }
    let object = line.object_ref.unwrap_or_default();
    let resource = match object.subresource.as_str() {
        "" => object.resource,
        sub => format!("{}/{sub}", object.resource),
    };
    let options = line.request_object.and_then(|o| o.delete_options);
    Some(Deed {
        at: line.request_received_timestamp,
        answered: line.stage_timestamp,
        agent: agent.to_owned(),
        verb: line.verb,
        resource,
        namespace: object.namespace,
        name: object.name,
        uid: options.and_then(|o| o.preconditions).and_then(|p| p.uid),
        code: line.response_status.map_or(0, |s| s.code),
    })
}

#[cfg(test)]
mod tests {
    use super::deed;

    const EVICTION: &str = r#"{"level":"Request","stage":"ResponseComplete","verb":"create","user":{"username":"system:serviceaccount:podmender:podmender"},"objectRef":{"resource":"pods","namespace":"s","name":"web-1","subresource":"eviction"},"responseStatus":{"code":201},"requestObject":{"deleteOptions":{"preconditions":{"uid":"u1"}}},"requestReceivedTimestamp":"2026-01-01T00:00:00.5Z","stageTimestamp":"2026-01-01T00:00:01Z"}"#;

    #[test]
    fn an_eviction_is_read_with_its_target() {
        let deed = deed(EVICTION).unwrap();
        assert!(deed.evicted());
        assert_eq!(
            (deed.agent.as_str(), deed.uid.as_deref()),
            ("podmender", Some("u1"))
        );
    }

    #[test]
    fn reading_is_no_deed() {
        assert!(deed(&EVICTION.replace("\"create\"", "\"get\"")).is_none());
    }
}
