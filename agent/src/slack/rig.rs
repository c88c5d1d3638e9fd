//! For tests: an agent's context between an API server that keeps Approvals and a Slack that knows a few people.

use super::apis::Apis;
use crate::{
    alert::{Outbox, Secrets},
    api::ApprovalBody,
    context::{Clock, Context, Outlets},
    metrics::Metrics,
    queue::Queue,
    request::Requests,
    store::{Store, Stored},
    watch::{World, Worlds},
};
use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    http::{StatusCode, Uri},
    response::IntoResponse,
};
use http::{Method, Request, Response};
use kube::{Client, client::Body};
use podmender_policy::{bounds::Name, incident::Incident, rules::Policy};
use reqwest::Url;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::{Arc, Mutex},
};
use tokio::{net::TcpListener, sync::mpsc, task::JoinSet};

/// What the API server does with a `create`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mood {
    /// Creates, or says 409.
    #[default]
    Well,
    /// 403, for want of a right.
    Forbids,
    /// 403, by an admission policy.
    Denies,
    /// Creates, and answers 504 the first time.
    LosesAnswers,
    /// Never answers.
    Silent,
}

/// An API server that knows Approvals.
#[derive(Clone, Default)]
pub(crate) struct Server {
    pub(crate) approvals: Arc<Mutex<BTreeMap<String, Value>>>,
    pub(crate) mood: Arc<Mutex<Mood>>,
}

fn status(code: u16, reason: &str) -> (u16, Value) {
    (
        code,
        json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "message": reason, "code": code}),
    )
}

fn response(code: u16, answer: &Value) -> Response<Body> {
    let body = Body::from(answer.to_string().into_bytes());
    let response = Response::builder().status(code).body(body);
    response.expect("an answer")
}

impl Server {
    async fn answer(self, request: Request<Body>) -> Result<Response<Body>, Infallible> {
        let (parts, body) = request.into_parts();
        let path = parts.uri.path().to_owned();
        let Some((_, rest)) = path.split_once("/approvals") else {
            let (code, answer) = status(503, "ServiceUnavailable");
            return Ok(response(code, &answer));
        };
        let body = body.collect_bytes().await.expect("a body");
        let mood = *self.mood.lock().expect("lock");
        if mood == Mood::Silent {
            std::future::pending::<()>().await;
        }
        let (code, answer) = match (parts.method, mood) {
            (Method::POST, Mood::Forbids) => status(
                403,
                "approvals.podmender.io is forbidden: User \"x\" cannot create resource \"approvals\"",
            ),
            (Method::POST, Mood::Denies) => {
                status(403, "ValidatingAdmissionPolicy 'x' denied request: no")
            }
            (Method::POST, _) => self.create(&body, mood),
            (Method::GET, _) => {
                let kept = self.approvals.lock().expect("lock");
                let found = kept.get(rest.trim_start_matches('/'));
                found.map_or_else(|| status(404, "NotFound"), |found| (200, found.clone()))
            }
            (method, _) => panic!("{method} {path}"),
        };
        Ok(response(code, &answer))
    }

    fn create(&self, body: &[u8], mood: Mood) -> (u16, Value) {
        let mut object: Value = serde_json::from_slice(body).expect("JSON");
        object["metadata"]["creationTimestamp"] = json!("2026-11-21T09:00:00Z");
        let name = object["metadata"]["name"]
            .as_str()
            .expect("a name")
            .to_owned();
        let mut kept = self.approvals.lock().expect("lock");
        if kept.contains_key(&name) {
            return status(409, "AlreadyExists");
        }
        kept.insert(name, object.clone());
        if mood == Mood::LosesAnswers {
            return status(504, "Timeout");
        }
        (201, object)
    }

    /// Somebody has made this one.
    pub(crate) fn has(&self, name: &Name, spec: &ApprovalBody) {
        let object = crate::api::Approval::new(name.as_str(), spec.clone());
        let object = serde_json::to_vec(&object).expect("JSON");
        assert_eq!(self.create(&object, Mood::Well).0, 201);
    }

    /// What they go with.
    pub(crate) fn owners(&self) -> Vec<Value> {
        let kept = self.approvals.lock().expect("lock");
        let owner = |object: &Value| object["metadata"]["ownerReferences"][0].clone();
        kept.values().map(owner).collect()
    }

    /// The specs that were written.
    pub(crate) fn written(&self) -> Vec<Value> {
        let kept = self.approvals.lock().expect("lock");
        kept.values().map(|object| object["spec"].clone()).collect()
    }
}

/// A Slack: who there is, and what it was asked.
#[derive(Clone, Default)]
pub(super) struct Slack {
    pub(super) down: Arc<Mutex<bool>>,
    asked: Arc<Mutex<Vec<(String, Value)>>>,
}

/// Ada and Ben are members, Gil is a guest, Eve is of another workspace, Robo is an app. Ben is in the group S0ONCALL.
fn user(id: &str) -> Value {
    let team = if id == "U0EVE0001" {
        "T0OTHER01"
    } else {
        "T0SHOP001"
    };
    json!({"id": id, "team_id": team, "is_bot": id == "U0ROBO001", "is_restricted": id == "U0GIL0001"})
}

async fn slack(State(slack): State<Slack>, uri: Uri, body: Bytes) -> impl IntoResponse {
    if *slack.down.lock().expect("lock") {
        return (StatusCode::SERVICE_UNAVAILABLE, Json(json!({})));
    }
    let method = uri.path().trim_start_matches("/api/").to_owned();
    let query = uri.query().unwrap_or_default().to_owned();
    let asked = serde_json::from_slice(&body).unwrap_or_else(|_| json!(query));
    slack
        .asked
        .lock()
        .expect("lock")
        .push((method.clone(), asked));
    let answer = match method.as_str() {
        "auth.test" => json!({"ok": true, "team_id": "T0SHOP001", "user_id": "U0POD0001"}),
        "users.info" => json!({"ok": true, "user": user(query.trim_start_matches("user="))}),
        "usergroups.users.list" => json!({"ok": true, "users": ["U0BEN0001"]}),
        "chat.postEphemeral" | "views.open" => json!({"ok": true}),
        _ => json!({"ok": false, "error": "unknown_method"}),
    };
    (StatusCode::OK, Json(answer))
}

impl Slack {
    /// What was asked of a method.
    pub(super) fn asked(&self, method: &str) -> Vec<Value> {
        let asked = self.asked.lock().expect("lock");
        let of = asked.iter().filter(|(name, _)| name == method);
        of.map(|(_, body)| body.clone()).collect()
    }

    /// What people were told privately: to whom, and in which words.
    pub(super) fn told(&self) -> Vec<(String, String)> {
        let told = self.asked("chat.postEphemeral");
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        told.iter()
            .map(|body| (word(&body["user"]), word(&body["text"])))
            .collect()
    }
}

/// An agent that knows one incident under one policy.
pub(crate) struct Rig {
    pub(crate) ctx: Arc<Context>,
    pub(crate) server: Server,
    pub(super) slack: Slack,
    /// Where Slack is.
    pub(super) origin: String,
    /// Where its secrets are.
    pub(super) dir: std::path::PathBuf,
    _tasks: JoinSet<()>,
}

pub(crate) async fn rig(test: &str) -> Rig {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let dir = std::env::temp_dir().join(format!("podmender-intake-{test}-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("folder");
    std::fs::write(dir.join("SLACK_BOT_TOKEN"), "xoxb-1").expect("token");
    let world = Slack::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("port");
    let origin = format!("http://{}", listener.local_addr().expect("address"));
    let base = format!("{origin}/api/");
    let router = Router::new().fallback(slack).with_state(world.clone());
    let mut tasks = JoinSet::new();
    tasks.spawn(async move { axum::serve(listener, router).await.expect("serves") });
    let server = Server::default();
    let behind = server.clone();
    let service = tower::service_fn(move |request| behind.clone().answer(request));
    let secrets = Secrets::new(dir.clone());
    let metrics = Arc::new(Metrics::new("0", "test"));
    let clock = Clock::at(None);
    let slack = Arc::new(Apis::new(
        Url::parse(&base).expect("address"),
        secrets.clone(),
    ));
    let summaries = crate::llm::Summaries::new(
        secrets.clone(),
        Arc::clone(&metrics),
        Arc::new(move || clock.now()),
    );
    let ctx = Context {
        client: Client::new(service, "shop"),
        clock,
        world: Worlds::new(World::new(clock.now())),
        store: Store::default(),
        queue: Queue::default(),
        requests: Requests::default(),
        outlets: Outlets {
            events: mpsc::channel(8).0,
            logs: mpsc::channel(8).0,
        },
        alerts: Outbox::new(
            secrets,
            Arc::clone(&slack),
            Arc::clone(&metrics),
            Arc::new(move || clock.now()),
        ),
        summaries,
        slack,
        metrics,
        own_namespace: "podmender".into(),
    };
    Rig {
        ctx: Arc::new(ctx),
        server,
        slack: world,
        origin,
        dir,
        _tasks: tasks,
    }
}

impl Rig {
    /// Puts an incident and the one policy into the agent's memory.
    pub(crate) fn knows(&self, incident: &Incident, policy: Policy) {
        let mut state = self.ctx.store.lock();
        let stored = Stored {
            incident: incident.clone(),
            uid: "uid-i".into(),
            version: "1".to_owned(),
            dirty: false,
        };
        let workload = incident.spec.workload.clone();
        state.incidents.insert(workload, stored);
        state.policies = vec![Arc::new(policy)];
    }

    pub(super) fn counted(&self, kind: &str, result: &str) -> bool {
        let line =
            format!("podmender_slack_interactions_total{{kind=\"{kind}\",result=\"{result}\"}}");
        self.ctx.metrics.encode().contains(&line)
    }
}
