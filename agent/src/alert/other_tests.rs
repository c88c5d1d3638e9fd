//! Teams, Discord, PagerDuty and Alertmanager: the shapes that they document, their limits, and that text is only text.

use super::{
    alertmanager, digest::Digest, discord, lane::Form, notice::Notice, pagerduty, sample, teams,
};
use podmender_policy::{
    bounds::{LogLine, Message},
    incident::Phase,
};
use serde_json::{Value, json};
use std::sync::Arc;

const HOSTILE: &str =
    "@everyone <@1> [x](http://evil.example) http://evil.example ``` **b** <at>U</at> ";

fn notice() -> Notice {
    Notice::of(&sample::incident("api"))
}

fn hostile() -> Notice {
    let mut incident = sample::incident("api");
    let text = HOSTILE.repeat(8);
    let evidence = &mut incident.status.evidence;
    evidence.message = Message::new(&text);
    evidence.sentence = Message::new(&text);
    evidence.lines = vec![LogLine::new(&text); 10];
    incident.spec.workload.name = HOSTILE.into();
    Notice::of(&incident)
}

fn many() -> Digest {
    let notices = (0..300).map(|i| Arc::new(Notice::of(&sample::incident(&format!("app-{i}")))));
    Digest::of(notices.collect())
}

fn read(body: &[u8]) -> Value {
    serde_json::from_slice(body).expect("JSON")
}

#[test]
fn discord_mentions_nobody_and_parses_nothing() {
    let now = sample::now();
    let whole = read(&discord::incident(&notice(), Form::Full, now));
    let text = whole["embeds"][0]["description"].as_str().expect("text");
    assert!(
        text.contains("The database at db:5432 refuses connections."),
        "{text}"
    );
    for body in [
        discord::incident(&hostile(), Form::Full, now),
        discord::incident(&hostile(), Form::Plain, now),
        discord::digest(&many(), Form::Full),
        discord::test("podmender"),
    ] {
        let message = read(&body);
        assert_eq!(message["allowed_mentions"], json!({"parse": []}));
        let embed = &message["embeds"][0];
        let title = embed["title"].as_str().expect("title");
        let text = embed["description"].as_str().expect("text");
        assert!(title.chars().count() <= 256 && text.chars().count() <= 4096);
        let inner = text
            .strip_prefix("```\n")
            .and_then(|t| t.strip_suffix("\n```"));
        assert!(!inner.expect("a fence").contains("```"), "{text}");
        assert!(
            !title.contains("http://") && !title.contains("[x]"),
            "{title}"
        );
    }
}

#[test]
fn teams_gets_a_card_of_text_runs_within_its_limit() {
    let now = sample::now();
    for body in [
        teams::incident(&hostile(), Form::Full, now),
        teams::incident(&hostile(), Form::Plain, now),
        teams::digest(&many(), Form::Full),
        teams::test("podmender"),
    ] {
        assert!(body.len() <= 28_000, "{} bytes", body.len());
        let message = read(&body);
        assert_eq!(message["type"], "message");
        let attachment = &message["attachments"][0];
        assert_eq!(
            attachment["contentType"],
            "application/vnd.microsoft.card.adaptive"
        );
        let card = &attachment["content"];
        assert_eq!(card["type"], "AdaptiveCard");
        assert!(card["msteams"].get("entities").is_none());
        for block in card["body"].as_array().expect("body") {
            assert_eq!(block["type"], "RichTextBlock");
            for run in block["inlines"].as_array().expect("runs") {
                assert_eq!(run["type"], "TextRun");
            }
        }
    }
}

#[test]
fn a_pagerduty_event_has_the_documented_shape() {
    let event = read(&pagerduty::event(&notice(), "k", sample::now()));
    assert_eq!(event["event_action"], "trigger");
    assert_eq!(event["dedup_key"], "podmender/shop/api-1");
    let payload = &event["payload"];
    for (name, value) in [
        ("source", "shop/api"),
        ("severity", "warning"),
        ("component", "api"),
        ("group", "shop"),
        ("class", "CrashLoopBackOff"),
        ("timestamp", "2026-11-21T03:01:05Z"),
    ] {
        assert_eq!(payload[name], value, "{name}");
    }
    let body = pagerduty::event(&hostile(), "k", sample::now());
    assert!(body.len() <= 512_000);
    let summary = read(&body)["payload"]["summary"].clone();
    assert!(summary.as_str().expect("summary").chars().count() <= 1024);
}

#[test]
fn an_alert_keeps_its_labels_and_ends_when_the_incident_does() {
    let now = sample::now();
    let mut incident = sample::incident("api");
    let active = read(&alertmanager::alerts(
        &[Arc::new(Notice::of(&incident))],
        now,
    ));
    incident.status.phase = Phase::Resolved;
    incident.status.resolved_at = Some(now);
    incident.status.diagnosis.pods_failing = 0;
    let ended = read(&alertmanager::alerts(
        &[Arc::new(Notice::of(&incident))],
        now,
    ));
    assert_eq!(active[0]["labels"], ended[0]["labels"]);
    assert_eq!(active[0]["labels"]["alertname"], "PodmenderIncident");
    assert_eq!(active[0]["startsAt"], "2026-11-21T03:01:05Z");
    assert_eq!(active[0]["endsAt"], "2026-11-21T03:09:30Z");
    assert_eq!(ended[0]["endsAt"], "2026-11-21T03:04:30Z");
}
