//! The whole way of a click by HTTP: signed, acknowledged, proven, recorded, told.

use super::{
    arrival::ROOM,
    entrance,
    intake::Intake,
    rig::{Rig, rig},
    sample::{asking, policy, ticket},
    secret::BOT_TOKEN,
};
use crate::{
    alert::{Channel, Source},
    observe::observe,
    queue::Turn,
    reconcile::follow_up,
};
use futures::future::join_all;
use hmac::{Hmac, KeyInit, Mac};
use podmender_policy::{
    approval::{Answer, Entrance},
    audit::{AuditRecord, Fact},
    decide::{Decision, DecisionKind, Reason},
    incident::{Phase, Post, Told},
    plan::Plan,
    rules::Alerting,
};
use sha2::Sha256;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{net::TcpListener, sync::mpsc};
use tokio_util::sync::CancellationToken;

const SECRET: &str = "8f742231b10e8888";

/// One click in an envelope of its own, as Slack posts it.
async fn click(client: &reqwest::Client, url: &str, rig: &Rig, ticket: &str, n: usize) -> Duration {
    let json = include_str!("corpus/click.json")
        .replace("abcdefghijklmnopqrstuvwxyz", ticket)
        .replace("1.2.abc", &format!("1.2.{n}"));
    let form: String = form_urlencoded::byte_serialize(json.as_bytes()).collect();
    let body = format!("payload={form}");
    let at = rig.ctx.clock.now().as_second();
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("key");
    mac.update(format!("v0:{at}:{body}").as_bytes());
    let digits = mac.finalize().into_bytes();
    let hex: String = digits.iter().map(|b| format!("{b:02x}")).collect();
    let began = Instant::now();
    let request = client
        .post(url)
        .header("x-slack-request-timestamp", at)
        .header("x-slack-signature", format!("v0={hex}"))
        .body(body);
    let answer = request.send().await.expect("answered");
    assert_eq!(answer.status(), 200);
    began.elapsed()
}

/// Rows 45 and 49: however often the same button is pressed, each press is acknowledged, one is the answer, the others read so.
#[tokio::test]
async fn fault_45_and_49_a_hundred_clicks_over_http_are_one_answer() {
    const CLICKS: usize = 100;
    let rig = rig("wire").await;
    std::fs::write(rig.dir.join("SLACK_SIGNING_SECRET"), SECRET).expect("secret");
    let incident = asking(rig.ctx.clock.now());
    rig.knows(&incident, policy());
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("port");
    let address = listener.local_addr().expect("address");
    let url = format!("http://{address}/slack/interactions");
    let (sink, arrivals) = mpsc::channel(ROOM);
    let (apis, metrics) = (Arc::clone(&rig.ctx.slack), Arc::clone(&rig.ctx.metrics));
    let serving = entrance::http(listener, apis, sink, metrics, rig.ctx.clock);
    let working = Intake::new(Arc::clone(&rig.ctx)).run(arrivals, CancellationToken::new());
    let client = reqwest::Client::builder()
        .tls_certs_only([])
        .build()
        .expect("client");
    let ticket = ticket(&incident);
    let clicking = async {
        let clicks = (0..CLICKS).map(|n| click(&client, &url, &rig, &ticket, n));
        let slowest = join_all(clicks).await.into_iter().max().unwrap_or_default();
        assert!(slowest < Duration::from_secs(3), "{slowest:?}");
        while rig.slack.told().len() < CLICKS - 1 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        served = serving => panic!("{served:?}"),
        () = working => panic!("ended"),
        clicked = tokio::time::timeout(Duration::from_secs(20), clicking) => clicked.expect("in time"),
    }
    assert_eq!(rig.server.written().len(), 1);
    assert!(rig.counted("approve", "recorded"));
    let said = rig.slack.told();
    assert!(
        said.iter()
            .all(|(to, said)| to == "U0ADA0001" && said == "You have answered so already.")
    );
    let acknowledged = format!("podmender_slack_ack_seconds_count {CLICKS}");
    assert!(rig.ctx.metrics.encode().contains(&acknowledged));
}

/// The first card after an answer says whose it was: what people read is what was written, not what was planned before it.
#[tokio::test]
async fn the_first_card_after_an_answer_names_who_gave_it() {
    let rig = rig("named").await;
    let mut planned = asking(rig.ctx.clock.now());
    planned.status.phase = Phase::Remediating;
    planned.status.reason = Reason::Approved;
    planned.status.approval = None;
    let (phase, at) = (Phase::AwaitingApproval, rig.ctx.clock.now());
    planned.status.told = Some(Told { phase, at });
    planned.status.posts = vec![Post {
        channel: "#ops".into(),
        conversation: "C0OPS0001".into(),
        ts: "1.2".into(),
    }];
    let mut written = planned.clone();
    written.status.timeline = vec![AuditRecord {
        seq: 1,
        at,
        incident: Some(written.id.clone()),
        fact: Fact::Answered {
            answer: Answer::Approve,
            by: "U0ADA0001".into(),
            approval: "a".into(),
            via: Entrance::Slack {
                user: "U0ADA0001".into(),
                team: "T0SHOP001".into(),
            },
        },
        prev: "".into(),
        hash: "".into(),
    }];
    rig.knows(&written, policy());
    let ops = Channel::SlackApp {
        channel: "#ops".into(),
        token: Source::Named(BOT_TOKEN.into()),
    };
    let alerting = Alerting {
        routes: vec![ops.into()],
        min_interval: Duration::ZERO,
    };
    rig.ctx.alerts.set_alerting(&planned.spec.policy, alerting);
    let workload = planned.spec.workload.clone();
    let sighting = observe(&workload, at, &rig.ctx).expect("a policy covers it");
    let decision = Decision {
        kind: DecisionKind::Remediate,
        reason: Reason::Approved,
        remedy: None,
    };
    let plan = Plan {
        incident: Some(planned),
        decision,
        act: None,
        spend: None,
        closes: None,
        facts: Vec::new(),
        wake_at: None,
    };
    let turn = Turn {
        workload,
        triggered: None,
    };
    let (policy, seen) = (&sighting.policy, &sighting.seen);
    follow_up(&turn, None, &plan, policy, seen, &rig.ctx);
    let drawn = async {
        while rig.slack.asked("chat.update").is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        () = rig.ctx.alerts.run(drop) => panic!("ended"),
        drawn = tokio::time::timeout(Duration::from_secs(20), drawn) => drawn.expect("in time"),
    }
    let card = rig.slack.asked("chat.update")[0]["blocks"].to_string();
    let name = r#""text":"Approved by ","type":"text"},{"type":"user","user_id":"U0ADA0001"}"#;
    assert!(
        card.contains(name) && !card.contains("by a person"),
        "{card}"
    );
}
