//! The card and the modal: what a person reads, which buttons there are, and that nothing from the cluster is more than text.

use super::*;
use crate::alert::{sample, slack_details::details_view};
use podmender_policy::{
    approval::Answer,
    audit::{AuditRecord, Fact},
    bounds::{LogLine, Message, Name},
    incident::Incident,
};

const HOSTILE: &str =
    "<!channel> <@U123> <http://x|OK> ``` *b* & http://evil.example/ :x: \u{202e}\u{200b}";

fn record(incident: &Incident, fact: Fact) -> AuditRecord {
    AuditRecord {
        seq: 1,
        at: sample::now(),
        incident: Some(incident.id.clone()),
        fact,
        prev: "".into(),
        hash: "".into(),
    }
}

fn evict() -> Effect {
    Effect::Evict {
        pod: "api-7c9f8d6b5-x2x4z".into(),
        uid: "uid-p".into(),
    }
}

fn drawn(incident: &Incident, effect: Option<&Effect>) -> Card {
    let mut incident = incident.clone();
    if let Some(asked) = &mut incident.status.approval {
        asked.effect = effect.cloned();
        asked.needed = 2;
        asked.votes = serde_json::from_value(json!([
            {"by": "ann", "via": {"type": "kubernetes"}, "proof": "Proven", "approval": "a1"},
        ]))
        .expect("votes");
    }
    card(&notice(&incident), Form::Full, sample::now())
}

/// For readers whose presses come in.
fn notice(incident: &Incident) -> Notice {
    Notice {
        answers: Answers::ByButton,
        ..Notice::of(incident)
    }
}

fn actions(card: &Card) -> Vec<&str> {
    let block = card.blocks.iter().find(|b| b["type"] == "actions");
    let elements = block
        .and_then(|b| b["elements"].as_array())
        .expect("buttons");
    for element in elements {
        let ticket = element["value"].as_str().expect("ticket");
        assert_eq!(ticket.len(), 26);
        assert_eq!(ticket, elements[0]["value"]);
    }
    elements
        .iter()
        .filter_map(|e| e["action_id"].as_str())
        .collect()
}

/// All the text of rich text blocks, as it is read.
fn read(blocks: &[Value]) -> String {
    fn walk(value: &Value, out: &mut String) {
        match value {
            Value::Array(all) => all.iter().for_each(|v| walk(v, out)),
            Value::Object(object) => {
                for key in ["text", "fallback", "elements"] {
                    match object.get(key) {
                        Some(Value::String(text)) => out.push_str(text),
                        Some(more) => walk(more, out),
                        None => {}
                    }
                }
            }
            _ => {}
        }
    }
    let mut out = String::new();
    for block in blocks.iter().filter(|b| b["type"] == "rich_text") {
        walk(block, &mut out);
    }
    out
}

#[test]
fn a_question_says_what_why_what_changes_and_until_when() {
    let card = drawn(&sample::asking(), Some(&evict()));
    let text = read(&card.blocks);
    let mut from = 0;
    for part in [
        "Workload: Deployment api in namespace shop",
        "Since: 03:01:05 UTC",
        "Pods: 2 failing, 1 of 3 ready",
        "Why: The database at db:5432 refuses connections.",
        "ERROR dial tcp",
        "Podmender asks: may it do this: restart by evicting pod api-7c9f8d6b5-x2x4z?",
        "Because: it is the last Ready replica",
        "What changes: pod api-7c9f8d6b5-x2x4z is evicted",
        "Without an answer: nothing is done",
        "Answers count until: 03:32:00 UTC",
        "Approvals: 1 of 2 (ann), from different people",
    ] {
        from += text[from..]
            .find(part)
            .unwrap_or_else(|| panic!("no {part:?} in\n{text}"));
    }
    assert_eq!(
        actions(&card),
        [
            "podmender_approve",
            "podmender_deny",
            "podmender_snooze",
            "podmender_details"
        ]
    );
}

#[test]
fn a_rollout_restart_shows_the_one_line_that_it_adds() {
    let effect = Effect::RolloutRestart {
        uid: "uid-w".into(),
        generation: 7,
        stamp: sample::now(),
    };
    let text = read(&drawn(&sample::asking(), Some(&effect)).blocks);
    assert!(
        text.contains("+ kubectl.kubernetes.io/restartedAt: "),
        "{text}"
    );
}

#[test]
fn after_an_answer_the_card_says_whose_and_takes_no_other() {
    let mut incident = sample::asking();
    let expires_at = sample::now();
    let asked = record(&incident, Fact::Asked { expires_at });
    let answered = |answer| Fact::Answered {
        answer,
        by: "U0123".into(),
        approval: "x".into(),
        via: podmender_policy::approval::Entrance::Kubernetes,
    };
    incident.status.approval = None;
    for (fact, phase, says) in [
        (
            answered(Answer::Approve),
            Phase::Verifying,
            "Answer: Approved by U0123.",
        ),
        (
            answered(Answer::Deny),
            Phase::Escalated,
            "Answer: Denied by U0123.",
        ),
        (
            Fact::Expired,
            Phase::Escalated,
            "Answer: Nobody answered in time.",
        ),
    ] {
        incident.status.phase = phase;
        incident.status.timeline = vec![asked.clone(), record(&incident, fact)];
        let card = drawn(&incident, None);
        assert!(read(&card.blocks).contains(says), "{says}");
        assert_eq!(actions(&card), ["podmender_snooze", "podmender_details"]);
    }
    // Two who approved, one of them in Slack; and nothing says "a person" beside their names.
    let mut second = answered(Answer::Approve);
    if let Fact::Answered { by, via, .. } = &mut second {
        *by = "U0BEN0001".into();
        let (user, team) = (by.as_str().into(), "T0SHOP".into());
        *via = podmender_policy::approval::Entrance::Slack { user, team };
    }
    incident.status.timeline = [asked.clone(), record(&incident, answered(Answer::Approve))].into();
    incident.status.timeline.push(record(&incident, second));
    incident.status.phase = Phase::Remediating;
    incident.status.reason = podmender_policy::decide::Reason::Approved;
    incident.status.message = incident.status.reason.explain().into();
    let card = drawn(&incident, None);
    assert!(read(&card.blocks).contains("Answer: Approved by U0123 and "));
    assert!(!read(&card.blocks).contains("a person."));
    let names: Vec<_> = card.blocks[1]["elements"][0]["elements"]
        .as_array()
        .expect("elements")
        .iter()
        .filter(|e| e["type"] == "user")
        .map(|e| &e["user_id"])
        .collect();
    assert_eq!(names, ["U0BEN0001"], "a Kubernetes user is text");
    // A newer question is open again.
    incident.status.timeline.push(asked);
    assert!(!read(&drawn(&incident, None).blocks).contains("Answer:"));
}

#[test]
fn a_snoozed_question_says_until_when_and_keeps_its_buttons() {
    let mut incident = sample::asking();
    let until = sample::time("2026-11-21T04:04:30Z");
    incident.status.snoozed_until = Some(until);
    let put_off = Fact::Snoozed {
        until,
        by: "ann".into(),
        approval: "a1".into(),
        via: podmender_policy::approval::Entrance::Kubernetes,
    };
    incident.status.timeline = vec![record(&incident, put_off)];
    let card = card(&notice(&incident), Form::Full, sample::now());
    assert!(read(&card.blocks).contains("Snoozed until: 04:04:30 UTC\nSnoozed by: ann\n"));
    assert_eq!(actions(&card).len(), 4);
    assert!(!read(&card.blocks).contains("Approvals:"));
}

fn hostile() -> Incident {
    let mut incident = sample::asking();
    let text = HOSTILE.repeat(8);
    let status = &mut incident.status;
    status.evidence.message = Message::new(&text);
    status.evidence.sentence = Message::new(&text);
    status.evidence.lines = vec![LogLine::new(&text); 10];
    status.message = Message::new(&text);
    status.diagnosis.pod = Name::new(HOSTILE);
    status.attempts = vec![sample::evicted(podmender_policy::verify::Verdict::Relapsed); 16];
    let fact = Fact::Answered {
        answer: Answer::Deny,
        by: podmender_policy::bounds::Text::new(&text),
        approval: Name::new(HOSTILE),
        via: podmender_policy::approval::Entrance::Kubernetes,
    };
    incident.status.timeline = vec![record(&incident, fact); 64];
    incident
}

/// Nothing that Slack would parse, nothing longer than it takes.
fn inert(blocks: &[Value], most: usize) {
    assert!(blocks.len() <= most, "{} blocks", blocks.len());
    for block in blocks {
        let json = block.to_string();
        assert!(!json.contains("mrkdwn"), "{json}");
        for kind in [
            "\"link\"",
            "\"user\"",
            "\"broadcast\"",
            "\"emoji\",",
            "\"channel\"",
        ] {
            assert!(!json.contains(&format!("\"type\":{kind}")), "{json}");
        }
        assert!(!json.contains(['\u{202e}', '\u{200b}']), "{json}");
        let length = read(std::slice::from_ref(block)).chars().count();
        assert!(length <= 3000, "{length}");
        if block["type"] == "header" {
            let title = block["text"]["text"].as_str().expect("title");
            assert!(title.chars().count() <= 150);
        }
    }
}

/// Row 55.
#[test]
fn fault_55_nothing_from_the_cluster_is_more_than_text_on_the_card() {
    let mut incident = hostile();
    let effect = Effect::Evict {
        pod: Name::new(HOSTILE),
        uid: "u".into(),
    };
    for phase in [
        Phase::Detected,
        Phase::AwaitingApproval,
        Phase::Escalated,
        Phase::Resolved,
    ] {
        incident.status.phase = phase;
        let reply = follow_up(&Notice::of(&incident), Form::Full, sample::now());
        let plain = card(&notice(&incident), Form::Plain, sample::now());
        let deaf = card(&Notice::of(&incident), Form::Full, sample::now());
        for card in [drawn(&incident, Some(&effect)), reply, plain, deaf] {
            inert(&card.blocks, 50);
            assert!(!card.text.contains(['<', '>']), "{}", card.text);
        }
    }
}

/// Each second and each restart would be a reason to write to Slack otherwise.
#[test]
fn a_face_changes_with_what_matters_only() {
    let incident = sample::incident("api");
    let before = face(&Notice::of(&incident));
    let mut later = incident.clone();
    later.status.diagnosis.restarts += 3;
    later.status.diagnosis.last = sample::now();
    assert_eq!(face(&Notice::of(&later)), before);
    let mut other = incident.clone();
    other.status.replicas.ready = 0;
    assert_ne!(face(&Notice::of(&other)), before);
    other = incident;
    other.status.attempts = vec![sample::evicted(podmender_policy::verify::Verdict::Pending)];
    assert_ne!(face(&Notice::of(&other)), before);
}

/// Row 55.
#[test]
fn fault_55_nothing_from_the_cluster_is_more_than_text_in_the_modal() {
    let view = details_view(&hostile(), sample::now());
    inert(view["blocks"].as_array().expect("blocks"), 100);
    assert!(view["title"]["text"].as_str().expect("title").len() <= 24);
    assert!(view.to_string().len() < 250_000);
}

#[test]
fn the_modal_tells_the_whole_timeline() {
    let mut incident = sample::asking();
    let seen = Fact::Detected {
        failure: incident.spec.failure,
    };
    incident.status.timeline = vec![record(&incident, seen), record(&incident, Fact::Expired)];
    let view = details_view(&incident, sample::now());
    let text = read(view["blocks"].as_array().expect("blocks"));
    for part in [
        "seen: CrashLoopBackOff",
        "nobody answered in time",
        "ERROR dial tcp",
        "podmender approve api-1 -n shop",
    ] {
        assert!(text.contains(part), "no {part:?} in\n{text}");
    }
}
