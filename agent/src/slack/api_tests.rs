//! The client against a peer that behaves like Slack, and then does not.

use super::{
    answer::ApiError,
    api::{Api, Message, Posted},
    secret::Secret,
};
use crate::alert::Secrets;
use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
    response::IntoResponse,
};
use reqwest::Url;
use std::{
    collections::VecDeque,
    path::PathBuf,
    sync::{Arc, Mutex},
};
use tokio::{net::TcpListener, task::JoinSet};

type Answer = (u16, &'static [(&'static str, &'static str)], &'static str);

/// Gives the next of its answers to each request, and keeps what it was asked: path, token, body.
#[derive(Clone, Default)]
struct Peer {
    answers: Arc<Mutex<VecDeque<Answer>>>,
    asked: Arc<Mutex<Vec<[String; 3]>>>,
}

async fn answer(
    State(peer): State<Peer>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> impl IntoResponse {
    let token = headers.get("authorization").and_then(|v| v.to_str().ok());
    let asked = [
        uri.to_string(),
        token.unwrap_or_default().to_owned(),
        String::from_utf8_lossy(&body).into_owned(),
    ];
    peer.asked.lock().expect("lock").push(asked);
    let next = peer.answers.lock().expect("lock").pop_front();
    let (status, fields, body) = next.unwrap_or((500, &[], "nothing is left to say"));
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.insert(*name, value.parse().expect("value"));
    }
    (StatusCode::from_u16(status).expect("status"), headers, body)
}

/// A client, its peer, and the folder with its token. The peer lives as long as the set.
async fn slack(test: &str, answers: &[Answer]) -> (Api, Peer, PathBuf, JoinSet<()>) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let dir = std::env::temp_dir().join(format!("podmender-slack-{test}-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("folder");
    std::fs::write(dir.join("SLACK_BOT_TOKEN"), "xoxb-s3cret-1\n").expect("token");
    let peer = Peer::default();
    peer.answers.lock().expect("lock").extend(answers);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("port");
    let base = format!("http://{}/api/", listener.local_addr().expect("address"));
    let router = Router::new().fallback(answer).with_state(peer.clone());
    let mut tasks = JoinSet::new();
    tasks.spawn(async move { axum::serve(listener, router).await.expect("serves") });
    let token = Secret::named(Secrets::new(dir.clone()), "SLACK_BOT_TOKEN");
    let api = Api::new(Url::parse(&base).expect("address"), token);
    (api, peer, dir, tasks)
}

const POSTED: Answer = (
    200,
    &[],
    r#"{"ok":true,"channel":"C1","ts":"1.2","message":{}}"#,
);

#[tokio::test]
async fn a_message_is_posted_with_the_token_of_the_moment() {
    let (api, peer, dir, _tasks) = slack("post", &[POSTED, POSTED]).await;
    let message = Message {
        text: "api fails".into(),
        thread_ts: Some("1.0".into()),
        ..Message::default()
    };
    let posted = api.post("#ops", &message).await.expect("posted");
    assert_eq!(
        posted,
        Posted {
            channel: "C1".into(),
            ts: "1.2".into()
        }
    );
    std::fs::write(dir.join("SLACK_BOT_TOKEN"), "xoxb-s3cret-2").expect("renewed");
    api.update("C1", "1.2", &message).await.expect("updated");
    std::fs::remove_file(dir.join("SLACK_BOT_TOKEN")).expect("removed");
    let missing = api
        .update("C1", "1.2", &message)
        .await
        .expect_err("no token");
    assert!(missing.to_string().contains("is not mounted"), "{missing}");

    let asked = peer.asked.lock().expect("lock").clone();
    let [first, second] = asked.as_slice() else {
        panic!("{} requests", asked.len())
    };
    assert_eq!(
        first[..2],
        [
            "/api/chat.postMessage".to_owned(),
            "Bearer xoxb-s3cret-1".into()
        ]
    );
    assert_eq!(
        second[..2],
        ["/api/chat.update".to_owned(), "Bearer xoxb-s3cret-2".into()]
    );
    let body: serde_json::Value = serde_json::from_str(&first[2]).expect("JSON");
    assert_eq!(body["thread_ts"], "1.0");
    for quiet in ["link_names", "unfurl_links", "unfurl_media"] {
        assert_eq!(body[quiet], false, "{quiet}");
    }
}

/// Row 50: Retry-After holds for everybody who shares the token, and for no other method.
#[tokio::test]
async fn fault_50_a_method_rests_as_long_as_slack_says() {
    let limited: Answer = (429, &[("retry-after", "30")], "");
    let (api, peer, _, _tasks) = slack("limited", &[limited, POSTED]).await;
    let message = Message::default();
    for _ in 0..3 {
        let told = api.clone().post("C1", &message).await.expect_err("limited");
        assert!(
            matches!(told, ApiError::RateLimited(wait) if wait.as_secs() >= 29),
            "{told}"
        );
    }
    api.update("C1", "1.2", &message)
        .await
        .expect("another method");
    assert_eq!(peer.asked.lock().expect("lock").len(), 2);
}

/// Row 51.
#[tokio::test]
async fn fault_51_whatever_slack_does_is_an_error_and_never_says_the_token() {
    let endless: &'static str = Box::leak(" ".repeat((1 << 20) + 1).into_boxed_str());
    let answers: [Answer; 4] = [
        (302, &[("location", "http://169.254.169.254/")], ""),
        (200, &[], endless),
        (200, &[], r#"{"ok":true,"channel":7}"#),
        (503, &[], "xoxb-s3cret-1"),
    ];
    let (api, _, _, mut tasks) = slack("odd", &answers).await;
    for _ in 0..answers.len() {
        let told = api.post("C1", &Message::default()).await.expect_err("odd");
        assert!(matches!(told, ApiError::Unreachable(_)), "{told}");
        assert!(
            !format!("{told} {told:?} {api:?}").contains("s3cret"),
            "{told:?}"
        );
    }
    tasks.shutdown().await;
    let gone = api.post("C1", &Message::default()).await.expect_err("gone");
    assert!(matches!(gone, ApiError::Unreachable(_)), "{gone}");
    assert!(!gone.to_string().contains("127.0.0.1"), "{gone}");
}

#[tokio::test]
async fn a_socket_without_tls_is_for_an_api_without_tls_only() {
    let answers: [Answer; 3] = [
        (
            200,
            &[],
            r#"{"ok":true,"url":"ws://127.0.0.1:1/socket?ticket=s3cret"}"#,
        ),
        (200, &[], r#"{"ok":true,"url":"http://127.0.0.1:1/socket"}"#),
        (200, &[], r#"{"ok":false,"error":"invalid_auth"}"#),
    ];
    let (api, peer, dir, _tasks) = slack("socket", &answers).await;
    std::fs::write(dir.join("SLACK_APP_TOKEN"), "xapp-s3cret").expect("token");
    let app = Secret::named(Secrets::new(dir), "SLACK_APP_TOKEN");
    let url = api.connections_open(&app).await.expect("address");
    assert_eq!(url.expose().path(), "/socket");
    assert_eq!(format!("{url:?}"), "(socket)");
    assert!(api.connections_open(&app).await.is_err());
    let revoked = api.connections_open(&app).await;
    assert!(matches!(revoked, Err(ApiError::Revoked(_))), "{revoked:?}");
    assert_eq!(peer.asked.lock().expect("lock")[0][1], "Bearer xapp-s3cret");
}

#[tokio::test]
async fn who_we_are_and_who_others_are() {
    let answers: [Answer; 3] = [
        (
            200,
            &[("x-oauth-scopes", "chat:write, users:read")],
            r#"{"ok":true,"team_id":"T1","user_id":"U0POD","bot_id":"B1"}"#,
        ),
        (
            200,
            &[],
            r#"{"ok":true,"user":{"id":"U1","team_id":"T1","is_restricted":true}}"#,
        ),
        (200, &[], r#"{"ok":true,"users":["U1","U2"]}"#),
    ];
    let (api, peer, _, _tasks) = slack("who", &answers).await;
    let me = api.auth_test().await.expect("identity");
    assert_eq!((me.team.as_str(), me.scopes.len()), ("T1", 2));
    assert!(api.user_info("U1").await.expect("user").is_restricted);
    assert_eq!(api.group_members("S1&x").await.expect("group").len(), 2);
    let asked = peer.asked.lock().expect("lock");
    assert_eq!(asked[1][0], "/api/users.info?user=U1");
    assert_eq!(asked[2][0], "/api/usergroups.users.list?usergroup=S1%26x");
}
