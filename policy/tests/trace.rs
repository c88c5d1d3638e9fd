//! No word of a model, and no word of the cluster, is an input to a decision: over hundreds of texts that try to be one, the
//! trace of decisions is the same, byte for byte, with the model off, on and hostile (faults.md, row 58).
#![allow(clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

#[path = "support/injections.rs"]
mod injections;
mod support;

use podmender_policy::{
    bounds::{CleanLine, LogLine, Message, Name},
    diagnose::FailureKind,
    inert::Inert,
    observation::{EventSeen, LogCause, LogFindings, Observation},
    plan::{Plan, plan},
    rules::Policy,
    summary::{Brief, Cite, Confidence, Summary},
};
use std::fmt::Write;
use support::{Shop, autonomous, policy};

/// What a model does with what it is shown.
#[derive(Clone, Copy)]
enum Model {
    Off,
    Helpful,
    Hostile,
}

/// Where a text is put.
#[derive(Clone, Copy, Debug)]
enum Place {
    Log,
    Event,
    TerminationMessage,
    Image,
    EnvironmentInAMessage,
    ContainerName,
    PodName,
    /// Annotations and labels are read as enums, numbers and times; what is left of their text is the revision.
    Annotation,
}

const PLACES: [Place; 8] = [
    Place::Log,
    Place::Event,
    Place::TerminationMessage,
    Place::Image,
    Place::EnvironmentInAMessage,
    Place::ContainerName,
    Place::PodName,
    Place::Annotation,
];

fn put(text: &str, place: Place, seen: &mut Observation) {
    if matches!(place, Place::Annotation) {
        seen.workload.rollout.revision = Some(Name::new(text));
    }
    let Some(pod) = seen.suspects.first_mut() else {
        return;
    };
    let at = pod.created;
    let Some(c) = pod.containers.first_mut() else {
        return;
    };
    match place {
        Place::Log => {
            c.log = Some(LogFindings {
                cause: LogCause::Unknown,
                confidence: 10,
                sentence: Message::new(text),
                lines: vec![CleanLine::new(&LogLine::new(text))],
            });
        }
        Place::Event => pod.events.push(EventSeen {
            reason: "Failed".into(),
            message: Message::new(text),
            last: at,
            count: 1,
        }),
        Place::TerminationMessage => {
            if let Some(last) = &mut c.last {
                last.message = Message::new(text);
            }
        }
        Place::Image => c.image = Message::new(text),
        Place::EnvironmentInAMessage => {
            if let Some(last) = &mut c.last {
                last.message = Message::new(&format!("env: MOTD={text}"));
            }
        }
        Place::ContainerName => c.name = Name::new(text),
        Place::PodName => pod.name = Name::new(text),
        Place::Annotation => pod.revision = Some(Name::new(text)),
    }
}

/// What the model makes of the incident is put where the agent puts it: into the stored status, between two passes.
fn explain(shop: &mut Shop, model: Model, text: &str) {
    let Some(incident) = &mut shop.incident else {
        return;
    };
    let words = match model {
        Model::Off => return,
        Model::Helpful => "The database refuses connections; look at its pods.",
        Model::Hostile => text,
    };
    incident.status.summary = Some(Summary {
        cause: Inert::new(words),
        next: Inert::new(words),
        cites: vec![Cite {
            line: 1,
            text: LogLine::new(words),
        }],
        confidence: Confidence::High,
        model: words.into(),
        at: shop.now,
        explains: FailureKind::CrashLoopBackOff,
    });
}

/// Everything that was decided, done, paid, recorded and planned, over a crash loop that ends with a person.
fn trace(policy: &Policy, text: &str, place: Place, model: Model) -> String {
    let mut shop = Shop::new().crash_loop();
    let mut trace = String::new();
    for step in 0..14 {
        let mut seen = shop.observe();
        put(text, place, &mut seen);
        let planned = plan(policy, &shop.ledger, shop.incident.clone(), &seen, shop.now);
        write(&mut trace, &planned);
        shop.intend(&planned);
        if planned.act.is_some() {
            let outcome = shop.carry_out(&planned);
            shop.conclude(&planned, outcome);
        }
        explain(&mut shop, model, text);
        if step == 8 {
            shop.heal();
        }
        shop.wait(45);
    }
    let head = serde_json::to_string(&shop.chain.head).expect("a head");
    write!(trace, "{head}{:?}", shop.acts).expect("written");
    trace
}

fn write(trace: &mut String, plan: &Plan) {
    let mut bare = plan.clone();
    if let Some(incident) = &mut bare.incident {
        incident.status.summary = None;
    }
    writeln!(trace, "{bare:?}").expect("written");
}

#[test]
fn fault_58_decisions_are_the_same_with_the_model_off_on_and_hostile() {
    let texts = injections::all();
    assert!(texts.len() >= 300, "{}", texts.len());
    let policies = [autonomous(), policy("scope: {namespaces: [shop]}")];
    for (policy, text) in policies.iter().cycle().zip(&texts) {
        for place in PLACES {
            let off = trace(policy, text, place, Model::Off);
            assert!(off.contains("Evict"), "something is done at all: {off}");
            let same = |model| {
                let on = trace(policy, text, place, model);
                assert!(on == off, "{place:?}: {text:?}\n{off}\n{on}");
            };
            same(Model::Hostile);
            same(Model::Helpful);
        }
    }
}

#[test]
fn fault_58_no_text_of_the_cluster_changes_what_is_decided() {
    let policy = autonomous();
    let decided = |text: &str, place: Place| {
        let mut shop = Shop::new().crash_loop();
        let mut decided = Vec::new();
        for _ in 0..10 {
            let mut seen = shop.observe();
            put(text, place, &mut seen);
            let planned = plan(
                &policy,
                &shop.ledger,
                shop.incident.clone(),
                &seen,
                shop.now,
            );
            decided.push((
                planned.decision,
                planned.act.clone(),
                planned.spend.clone(),
                planned.facts.clone(),
                planned.wake_at,
            ));
            shop.intend(&planned);
            if planned.act.is_some() {
                let outcome = shop.carry_out(&planned);
                shop.conclude(&planned, outcome);
            }
            shop.wait(45);
        }
        decided
    };
    for place in [
        Place::Log,
        Place::Event,
        Place::TerminationMessage,
        Place::Image,
    ] {
        let calm = decided("listening on port 8080", place);
        for text in injections::all() {
            assert_eq!(decided(&text, place), calm, "{place:?}: {text:?}");
        }
    }
}

#[test]
fn fault_58_what_a_model_is_told_is_data_on_lines_of_its_own() {
    for text in injections::all() {
        let mut shop = Shop::new().crash_loop();
        let mut seen = shop.observe();
        for place in PLACES {
            put(&text, place, &mut seen);
        }
        let planned = plan(&autonomous(), &shop.ledger, None, &seen, shop.now);
        shop.intend(&planned);
        let incident = shop.incident.expect("an incident");
        let brief = Brief::of(&incident, &seen, shop.now);
        for line in brief.lines() {
            let odd = line
                .text()
                .chars()
                .any(|c| c.is_control() || c == '\u{2028}');
            assert!(!odd && line.text().len() <= 512, "{line:?}");
        }
    }
}
