//! The forms on the wire: Slack's limits, inert text, the JSON schema, digests.

use crate::alert::{digest::Digest, lane::Form, notice::Notice, payload, sample, slack};
use podmender_policy::{
    bounds::{LogLine, Message, Name, Text},
    decide::Reason,
    diagnose::FailureKind,
    incident::{Incident, Phase},
    observation::EventSeen,
};
use serde_json::Value;
use std::sync::Arc;

const HOSTILE: &str = "<!channel> <@U123> <http://x|OK> ``` *b* & http://evil.example/ :x:";

fn slack(incident: &Incident) -> Value {
    parsed(&slack::incident(
        &Notice::of(incident),
        Form::Full,
        sample::now(),
    ))
}

fn parsed(body: &[u8]) -> Value {
    serde_json::from_slice(body).expect("JSON")
}

fn hostile() -> Incident {
    let mut i = sample::incident("api");
    let text = HOSTILE.repeat(8);
    i.status.evidence.message = Message::new(&text);
    i.status.evidence.sentence = Message::new(&text);
    i.status.evidence.lines = vec![LogLine::new(&text); 10];
    i.status.evidence.event = Some(EventSeen {
        reason: Text::new(HOSTILE),
        message: Message::new(&text.replace('x', "y")),
        last: sample::now(),
        count: 3,
    });
    i.status.message = Message::new(&text);
    i.status.diagnosis.pod = Name::new(HOSTILE);
    i.status.attempts = vec![sample::evicted(podmender_policy::verify::Verdict::Relapsed); 16];
    i
}

/// Every limit that Slack puts on a message, and that nothing from the cluster is more than text.
fn check(message: &Value) {
    assert_eq!(message["unfurl_links"], false);
    assert!(message["text"].as_str().expect("text").chars().count() <= 3000);
    let blocks = message["blocks"].as_array().expect("blocks");
    assert!(blocks.len() <= 50, "{} blocks", blocks.len());
    let mut total = 0;
    for block in blocks {
        if block["type"] == "header" {
            assert!(
                block["text"]["text"]
                    .as_str()
                    .expect("text")
                    .chars()
                    .count()
                    <= 150
            );
        }
        if block["type"] != "section" {
            continue;
        }
        let text = block["text"]["text"].as_str().expect("text");
        assert!(text.chars().count() <= 3000, "{}", text.len());
        assert!(!text.is_empty());
        assert_eq!(block["text"]["verbatim"], true);
        assert!(!text.contains('<') && !text.contains('>'), "{text}");
        assert!(matches!(text.matches("```").count(), 0 | 2), "{text}");
        total += text.chars().count();
    }
    assert!(total <= 13_000, "{total}");
}

#[test]
fn text_from_the_cluster_is_inert_and_bounded() {
    check(&slack(&sample::incident("api")));
    let mut i = hostile();
    for phase in [
        Phase::Detected,
        Phase::Escalated,
        Phase::AwaitingApproval,
        Phase::Resolved,
    ] {
        i.status.phase = phase;
        check(&slack(&i));
    }
    let plain = parsed(&slack::incident(
        &Notice::of(&i),
        Form::Plain,
        sample::now(),
    ));
    let text = plain["text"].as_str().expect("text");
    assert!(
        text.chars().count() <= 3000 && !text.contains('<') && text.ends_with("```"),
        "{text}"
    );
}

#[test]
fn log_lines_that_do_not_fit_are_counted() {
    let message = slack(&hostile());
    let evidence = message["blocks"][2]["text"]["text"].as_str().expect("text");
    assert!(evidence.contains("more lines"), "{evidence}");
}

fn storm(count: usize, name: &str) -> Vec<Arc<Notice>> {
    let mut all = Vec::new();
    for i in 0..count {
        let mut incident = sample::incident(&format!("{name}{i}"));
        incident.status.reason = Reason::Storm;
        if i % 10 == 0 {
            incident.status.diagnosis.failure = FailureKind::OOMKilled;
        }
        if i % 50 == 0 {
            incident.status.phase = Phase::Escalated;
        }
        all.push(Arc::new(Notice::of(&incident)));
    }
    all
}

#[test]
fn a_digest_reads_well() {
    let mut all = storm(4, "app-");
    let mut well = sample::incident("db");
    well.spec.workload.kind = podmender_policy::workload::WorkloadKind::StatefulSet;
    well.status.phase = Phase::Resolved;
    all.push(Arc::new(Notice::of(&well)));
    assert_eq!(
        Digest::of(all).text(),
        "\
🟠 3 workloads are failing, 1 needs a person, 1 is well again
🟠 Needs a person
  shop: OOMKilled (1): app-0
🔴 Failing
  shop: CrashLoopBackOff (3): app-1, app-2, app-3
✅ Well again
  shop: CrashLoopBackOff (1): StatefulSet/db
So much fails at once that Podmender touches no pod until it is calm. Look for one shared cause: a node, the network, the registry, a database.
  kubectl -n shop get incidents"
    );
}

#[test]
fn one_digest_names_200_workloads_within_slacks_limits() {
    let digest = Digest::of(storm(200, "app-"));
    assert_eq!((digest.named.len(), digest.more), (200, 0));
    let message = parsed(&slack::digest(&digest, Form::Full));
    check(&message);
    let text = message.to_string();
    for i in 0..200 {
        assert!(text.contains(&format!("app-{i}")), "app-{i}");
    }
}

#[test]
fn what_does_not_fit_comes_with_the_next_digest() {
    let long = "x".repeat(240);
    let all = storm(200, &long);
    let digest = Digest::of(all);
    assert!(digest.more > 0 && digest.named.len() + digest.more == 200);
    check(&parsed(&slack::digest(&digest, Form::Full)));
    assert!(digest.text().contains("more in the next message."));
    assert!(parsed(&payload::digest(&digest))["more"].as_u64() > Some(0));
}

#[test]
fn the_json_is_the_documented_one() {
    let body = parsed(&payload::incident(
        &Notice::of(&sample::incident("api")),
        Form::Full,
        sample::now(),
    ));
    for (key, value) in [
        ("version", Value::from(1)),
        ("kind", "incident".into()),
        ("incident", "api-1".into()),
        ("policy", "podmender/shop".into()),
        ("namespace", "shop".into()),
        ("failure", "CrashLoopBackOff".into()),
        ("reason", "CrashLoopBackOff".into()),
        ("phase", "Detected".into()),
        ("decision", "Hold".into()),
        ("decisionReason", "EvidencePending".into()),
        ("followUp", false.into()),
        ("exitCode", 1.into()),
        ("causeKind", "ConnectionRefused".into()),
        ("confidence", 90.into()),
        ("since", "2026-11-21T03:01:05Z".into()),
    ] {
        assert_eq!(body[key], value, "{key} in {body:#}");
    }
    assert_eq!(body["workload"]["kind"], "Deployment");
    assert_eq!(body["workload"]["name"], "api");
    assert!(
        body["evidence"]["lines"][0]
            .as_str()
            .is_some_and(|l| l.starts_with("ERROR"))
    );
    assert!(
        body["text"]
            .as_str()
            .is_some_and(|t| t.contains("refuses connections"))
    );
    let digest = parsed(&payload::digest(&Digest::of(storm(2, "app-"))));
    assert_eq!(digest["kind"], "digest");
    assert_eq!(digest["incidents"][1]["workload"]["name"], "app-1");
    assert_eq!(parsed(&payload::test("x"))["kind"], "test");
}
