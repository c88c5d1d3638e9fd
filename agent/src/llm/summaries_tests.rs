//! Who is asked, how often, and that nobody waits for it.

use super::*;
use crate::{alert::sample, llm::sample as llm};
use axum::{Router, extract::State as Peer, http::StatusCode, response::IntoResponse};
use podmender_policy::{
    bounds::LogLine,
    incident::{Phase, Post, Told},
    rules::{AgentPolicySpec, Ground, Reach, Source},
};
use serde_json::json;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::{net::TcpListener, task::JoinSet, time::timeout};

/// An endpoint that counts what it is asked.
#[derive(Clone)]
struct Model {
    asked: Arc<AtomicUsize>,
    status: StatusCode,
}

async fn answer(Peer(model): Peer<Model>) -> impl IntoResponse {
    model.asked.fetch_add(1, Ordering::Relaxed);
    let content = json!({"cause": "The database is away.", "evidence": [4], "confidence": "high"});
    let message = json!({"content": content.to_string()});
    let body = json!({"choices": [{"message": message, "finish_reason": "stop"}]});
    (model.status, body.to_string())
}

/// Rules that lead to it; it lives as long as the set.
async fn model(status: StatusCode) -> (SummaryRules, Model, JoinSet<()>) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let model = Model {
        asked: Arc::default(),
        status,
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("port");
    let base = format!("http://{}/v1", listener.local_addr().expect("address"));
    let router = Router::new().fallback(answer).with_state(model.clone());
    let mut tasks = JoinSet::new();
    tasks.spawn(async move { axum::serve(listener, router).await.expect("serves") });
    let rules = SummaryRules {
        base_url: Some(Source::Literal(base.as_str().into())),
        reach: Reach::Private,
        ..llm::rules()
    };
    (rules, model, tasks)
}

fn policy(rules: &SummaryRules) -> Policy {
    let ground = Ground {
        own: "podmender".into(),
        granted: ["shop".into()].into(),
    };
    let parsed = Policy::parse("shop", "podmender", &AgentPolicySpec::default(), &ground);
    Policy {
        summary: Some(rules.clone()),
        ..parsed.expect("a policy").policy
    }
}

/// An incident of which people were told.
fn told(name: &str) -> Incident {
    let mut incident = sample::incident(name);
    incident.status.told = Some(Told {
        phase: Phase::Detected,
        at: sample::now(),
    });
    incident
}

/// One whose log says that.
fn saying(name: &str, line: &str) -> Incident {
    let mut incident = told(name);
    incident.status.evidence.lines = vec![LogLine::new(line)];
    incident
}

fn summaries() -> Summaries {
    let metrics = Arc::new(Metrics::new("0", "0"));
    let secrets = Secrets::new("/nonexistent".into());
    Summaries::new(secrets, metrics, Arc::new(sample::now)).with_timeout(Duration::from_millis(500))
}

fn offer(to: &Summaries, incident: &Incident, rules: &SummaryRules) {
    to.offer(incident, &policy(rules), &llm::observation(incident, &[]));
}

/// Runs until `enough` incidents are explained, or the deadline.
async fn explained(summaries: &Summaries, enough: usize) -> Vec<Explained> {
    explained_if(summaries, enough, &|_| std::future::ready(true).boxed()).await
}

/// The same, with somebody who pays.
async fn explained_if<'a>(
    summaries: &'a Summaries,
    enough: usize,
    pay: &'a Pay<'a>,
) -> Vec<Explained> {
    let got = Mutex::new(Vec::new());
    let full = Notify::new();
    let news = |news| {
        let mut got = got.lock().expect("lock");
        got.push(news);
        if got.len() >= enough {
            full.notify_one();
        }
    };
    let run = summaries.run(news, pay);
    let done = async {
        tokio::select! {
            () = run => {}
            () = full.notified() => {}
        }
    };
    let _ = timeout(Duration::from_secs(3), done).await;
    got.into_inner().expect("lock")
}

/// Runs until nothing waits for an answer any more.
async fn settled<'a>(summaries: &'a Summaries, pay: &'a Pay<'a>) {
    let idle = async {
        while !summaries.state().jobs.is_empty() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    let idle = timeout(Duration::from_secs(30), idle);
    tokio::select! {
        () = summaries.run(|_| {}, pay) => {}
        idle = idle => idle.expect("no question stays open"),
    }
}

#[tokio::test]
async fn an_incident_is_explained_with_the_lines_that_the_model_names() {
    let (rules, model, _tasks) = model(StatusCode::OK).await;
    let summaries = summaries();
    let incident = told("api");
    offer(&summaries, &incident, &rules);
    offer(&summaries, &incident, &rules);
    let got = explained(&summaries, 1).await;
    let [
        Explained {
            incident: id,
            summary,
        },
    ] = got.as_slice()
    else {
        panic!("{got:?}")
    };
    assert_eq!(*id, incident.id);
    assert_eq!(summary.cause.as_str(), "The database is away.");
    let cited: Vec<_> = summary.cites.iter().map(|c| c.text.as_str()).collect();
    assert_eq!(
        cited,
        ["ERROR dial tcp 10.96.0.7:5432: connect: connection refused"]
    );
    assert_eq!(summary.explains, incident.status.diagnosis.failure);
    assert_eq!(model.asked.load(Ordering::Relaxed), 1);
    assert_eq!(summaries.problem(&rules), None);
    let mut known = incident;
    known.status.summary = Some(summary.clone());
    assert!(
        !is_due(&known, &policy(&rules), sample::now()),
        "asked once"
    );
}

#[tokio::test]
async fn fault_61_a_thousand_incidents_of_one_kind_are_one_question() {
    let (rules, model, _tasks) = model(StatusCode::OK).await;
    let summaries = summaries();
    let all: Vec<Incident> = (0..1000).map(|n| told(&format!("api-{n}"))).collect();
    for incident in &all {
        offer(&summaries, incident, &rules);
    }
    assert_eq!(explained(&summaries, MAX_ASKERS).await.len(), MAX_ASKERS);
    for incident in all.iter().skip(MAX_ASKERS) {
        offer(&summaries, incident, &rules);
    }
    let rest = 1000 - MAX_ASKERS;
    assert_eq!(explained(&summaries, rest).await.len(), rest);
    assert_eq!(model.asked.load(Ordering::Relaxed), 1);
}

/// An Event that follows a crash made a second question of the same failure.
#[tokio::test]
async fn evidence_that_grows_while_the_model_thinks_is_no_second_question() {
    let (rules, model, _tasks) = model(StatusCode::OK).await;
    let summaries = summaries();
    let grown = saying("api", "it says more by now");
    offer(&summaries, &told("api"), &rules);
    let while_it_is_asked = |_: &Text<128>| {
        offer(&summaries, &grown, &rules);
        std::future::ready(true).boxed()
    };
    let got = explained_if(&summaries, 1, &while_it_is_asked).await;
    assert_eq!(got.len(), 1);
    assert!(summaries.state().jobs.is_empty(), "nothing more is asked");
    assert_eq!(model.asked.load(Ordering::Relaxed), 1);
    // If that gave it no summary, the next pass asks with what is known by then.
    offer(&summaries, &grown, &rules);
    assert_eq!(explained(&summaries, 1).await.len(), 1);
    assert_eq!(model.asked.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn fault_61_a_thousand_different_failures_are_as_many_calls_as_the_policy_allows() {
    let (rules, model, _tasks) = model(StatusCode::OK).await;
    let rules = SummaryRules {
        per_minute: 6,
        ..rules
    };
    let summaries = summaries();
    let words = [
        "red", "blue", "green", "black", "white", "brown", "pink", "grey", "gold", "cyan",
    ];
    for n in 0..1000_usize {
        let said = [n / 100, n / 10 % 10, n % 10].map(|i| words[i]).join(" ");
        let incident = saying(&format!("api-{n}"), &said);
        offer(&summaries, &incident, &rules);
    }
    assert!(summaries.state().jobs.len() <= MAX_JOBS);
    let got = explained(&summaries, 7).await;
    let asked = model.asked.load(Ordering::Relaxed);
    assert!((1..=6).contains(&asked), "{asked} calls");
    assert_eq!(got.len(), asked);
}

#[tokio::test]
async fn an_endpoint_that_fails_is_named_in_the_condition_and_left_alone() {
    let (rules, model, _tasks) = model(StatusCode::UNAUTHORIZED).await;
    let summaries = summaries();
    for n in 0..8_usize {
        let mut incident = told("api");
        let said = ["a", "b", "c", "d", "e", "f", "g", "h"][n];
        incident.status.evidence.lines = vec![LogLine::new(said)];
        offer(&summaries, &incident, &rules);
    }
    assert_eq!(explained(&summaries, 1).await, []);
    let asked = model.asked.load(Ordering::Relaxed);
    assert!((3..=4).contains(&asked), "then it rests: {asked}");
    let problem = summaries.problem(&rules).expect("a problem");
    assert!(
        problem.as_str().contains("does not accept the key"),
        "{problem}"
    );
    let counted = summaries.metrics.encode();
    let line = format!("podmender_summaries_total{{result=\"unauthorized\"}} {asked}");
    assert!(counted.contains(&line), "{counted}");
}

#[tokio::test]
async fn what_is_missing_is_said_before_anything_fails() {
    let rules = SummaryRules {
        api_key: Some(Source::Named("ABSENT".into())),
        ..llm::rules()
    };
    let problem = summaries().problem(&rules).expect("a problem");
    assert!(
        problem.as_str().contains("ABSENT} is not mounted")
            || problem.as_str().contains("is not mounted"),
        "{problem}"
    );
}

#[test]
fn the_alert_comes_first_and_what_is_over_is_not_explained() {
    let rules = llm::rules();
    let mut policy = policy(&rules);
    let channel = podmender_policy::rules::Channel::Webhook {
        url: Source::Named("HOOK".into()),
        signing: None,
    };
    let now = sample::now();
    let due = |incident: &Incident, policy: &Policy| is_due(incident, policy, now);
    let mut fresh = sample::incident("api");
    fresh.spec.first_seen = now;
    assert!(due(&fresh, &policy), "nobody is to be told");
    policy.alerting.routes = vec![channel.into()];
    assert!(!due(&fresh, &policy), "the alert is not out");
    assert!(due(&told("api"), &policy));
    let mut card = fresh.clone();
    card.note_post(
        &"#ops".into(),
        Some(Post {
            channel: "#ops".into(),
            conversation: "C1".into(),
            ts: "1.1".into(),
        }),
    );
    assert!(due(&card, &policy), "a card stands");
    fresh.spec.first_seen = sample::time("2026-11-21T03:03:00Z");
    assert!(due(&fresh, &policy), "it cannot get out");
    let change = |change: fn(&mut Incident)| {
        let mut incident = told("api");
        incident.spec.first_seen = now;
        change(&mut incident);
        incident
    };
    for (not, why) in [
        (
            change(|i| {
                i.status.phase = Phase::Resolved;
                i.status.resolved_at = Some(sample::now() - jiff::SignedDuration::from_mins(11));
            }),
            "over",
        ),
        (change(|i| i.status.reason = Reason::Storm), "a storm"),
        (
            change(|i| i.status.standing = Standing::Suspected),
            "nothing failed yet",
        ),
        (
            change(|i| i.status.evidence.lines.clear()),
            "its log is being read",
        ),
        (
            change(|i| i.status.summary = Some(llm::summary())),
            "explained",
        ),
    ] {
        assert!(!due(&not, &policy), "{why}");
    }
    let short = |facts: Vec<Fact>| {
        let incident = change(|i| {
            i.status.evidence.lines.clear();
            i.status.phase = Phase::Resolved;
            i.status.resolved_at = Some(sample::now());
        });
        let state = crate::store::State::default();
        state.chain(incident, facts, now).incident
    };
    let soon = short(Vec::new());
    assert!(due(&soon, &policy), "it ended before its log was there");
    let held = Fact::Held {
        reason: Reason::Storm,
    };
    assert!(!due(&short(vec![held]), &policy), "it was one of many");
    let other = change(|i| {
        let mut summary = llm::summary();
        summary.explains = podmender_policy::diagnose::FailureKind::OOMKilled;
        i.status.summary = Some(summary);
    });
    assert!(due(&other, &policy), "it fails in another way now");
    let same = change(|i| {
        use podmender_policy::diagnose::FailureKind;
        i.status.summary = Some(Summary {
            explains: FailureKind::ErrImagePull,
            ..llm::summary()
        });
        i.status.diagnosis.failure = FailureKind::ImagePullBackOff;
    });
    assert!(!due(&same, &policy), "it only backs off");
}

#[tokio::test]
async fn a_doctor_asks_for_the_list_of_models_and_nothing_else() {
    use crate::llm::client::{Caller, Known};
    async fn known(answer: (StatusCode, &'static str)) -> Result<Known, Trouble> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("port");
        let base = format!("http://{}/v1", listener.local_addr().expect("address"));
        let models = axum::routing::get(move || async move { answer });
        let router = Router::new().route("/v1/models", models);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { axum::serve(listener, router).await.expect("serves") });
        let rules = SummaryRules {
            base_url: Some(Source::Literal(base.as_str().into())),
            reach: Reach::Private,
            ..llm::rules()
        };
        let endpoint = Endpoint::of(&rules, &Secrets::new("/nonexistent".into()))?;
        let caller = Caller::new(&endpoint, Duration::from_secs(5))?;
        caller.knows(&endpoint, "a-model").await
    }
    let ok = StatusCode::OK;
    for (answer, says) in [
        (
            (ok, r#"{"data":[{"id":"b"},{"id":"a-model"}]}"#),
            Ok(Known::Yes),
        ),
        ((ok, r#"{"data":[{"id":"b"}]}"#), Ok(Known::NotListed)),
        ((ok, "<html>"), Ok(Known::NoList)),
        ((StatusCode::NOT_FOUND, ""), Ok(Known::NoList)),
        (
            (StatusCode::UNAUTHORIZED, "sk-1"),
            Err(Trouble::Unauthorized),
        ),
        ((StatusCode::BAD_GATEWAY, ""), Err(Trouble::Failing(502))),
    ] {
        assert_eq!(known(answer).await, says, "{answer:?}");
    }
}

#[tokio::test]
async fn fault_61_a_restart_gives_no_new_day() {
    let (rules, model, _tasks) = model(StatusCode::OK).await;
    let rules = SummaryRules {
        per_day: 3,
        ..rules
    };
    let stored = |name: &str, hours: i64| {
        let mut incident = told(name);
        let at = sample::now() - jiff::SignedDuration::from_hours(hours);
        incident.status.summary = Some(Summary {
            at,
            ..llm::summary()
        });
        incident
    };
    // Two of the last day (one answer stands in two incidents), and one of the week before.
    let old = [
        stored("a", 1),
        stored("b", 1),
        stored("c", 20),
        stored("d", 100),
    ];
    let summaries = summaries();
    summaries.remember(&Ledger::default(), old.iter());
    for said in ["red", "blue", "green"] {
        offer(&summaries, &saying("api", said), &rules);
    }
    assert_eq!(explained(&summaries, 2).await.len(), 1);
    assert_eq!(model.asked.load(Ordering::Relaxed), 1);
    let counted = summaries.metrics.encode();
    let line = "podmender_summaries_total{result=\"over_budget\"} 2";
    assert!(counted.contains(line), "{counted}");
    // The next one that is not asked says why.
    offer(&summaries, &saying("api", "black"), &rules);
    assert_eq!(explained(&summaries, 1).await, []);
    let problem = summaries.problem(&rules).expect("a problem");
    assert!(problem.as_str().contains("perDay"), "{problem}");
}

#[tokio::test]
async fn fault_61_calls_that_gave_nothing_count_over_any_number_of_restarts() {
    for status in [
        StatusCode::BAD_REQUEST,
        StatusCode::UNAUTHORIZED,
        StatusCode::OK,
    ] {
        let (rules, model, _tasks) = model(status).await;
        let rules = SummaryRules {
            per_day: 5,
            ..rules
        };
        // What stays of each life: the ledger.
        let ledger = Mutex::new(Ledger::default());
        let pay = |model: &Text<128>| {
            let noted = ledger.lock().expect("lock").note_call(model, sample::now());
            std::future::ready(noted.is_ok()).boxed()
        };
        for said in ["red", "blue", "green", "black", "white"] {
            let summaries = summaries();
            let known = ledger.lock().expect("lock").clone();
            summaries.remember(&known, std::iter::empty());
            for more in ["a", "b"] {
                offer(
                    &summaries,
                    &saying("api", &format!("{said} {more}")),
                    &rules,
                );
            }
            settled(&summaries, &pay).await;
        }
        assert_eq!(model.asked.load(Ordering::Relaxed), 5, "{status}");
        assert_eq!(ledger.lock().expect("lock").calls[0].calls, 5);
    }
}

#[tokio::test]
async fn fault_61_a_call_that_cannot_be_written_down_is_not_made() {
    let (rules, model, _tasks) = model(StatusCode::OK).await;
    let summaries = summaries();
    offer(&summaries, &told("api"), &rules);
    let pay = |_: &Text<128>| std::future::ready(false).boxed();
    assert_eq!(explained_if(&summaries, 1, &pay).await, []);
    assert_eq!(model.asked.load(Ordering::Relaxed), 0);
    let problem = summaries.problem(&rules).expect("a problem");
    assert!(problem.as_str().contains("ledger"), "{problem}");
    let counted = summaries.metrics.encode();
    let line = "podmender_summaries_total{result=\"unwritten\"} 1";
    assert!(counted.contains(line), "{counted}");
}

#[tokio::test]
async fn every_trouble_has_its_sentence_and_its_count() {
    let secrets = Secrets::new("/nonexistent".into());
    let endpoint = Endpoint::of(&llm::rules(), &secrets).expect("an endpoint");
    let _ = rustls::crypto::ring::default_provider().install_default();
    let caller = Caller::new(&endpoint, Duration::from_secs(1)).expect("a caller");
    let metrics = Metrics::new("0", "0");
    for (trouble, label, says) in [
        (
            Trouble::Misconfigured("baseUrl is none".to_owned()),
            "misconfigured",
            "baseUrl is none",
        ),
        (
            Trouble::Unauthorized,
            "unauthorized",
            "put a valid one into the Secret",
        ),
        (
            Trouble::UnknownModel,
            "unknown_model",
            "check model and baseUrl",
        ),
        (Trouble::RateLimited(None), "rate_limited", "429"),
        (Trouble::Timeout, "timeout", "no answer within 20 s"),
        (
            Trouble::Unreachable("no route".to_owned()),
            "unreachable",
            "cannot be reached: no route",
        ),
        (Trouble::Failing(503), "failing", "answers 503"),
        (Trouble::Redirected, "redirected", "write the final baseUrl"),
        (Trouble::NotUnderstood(400), "not_understood", "400"),
        (Trouble::TooLong, "too_long", "too long"),
        (Trouble::Unparsable, "unparsable", "cannot be read"),
        (Trouble::Refused, "refused", "cannot be shown"),
        (Trouble::OtherLanguage, "other_language", "summary.language"),
        (Trouble::OverBudget, "over_budget", "perDay"),
        (Trouble::Unwritten, "unwritten", "ledger"),
    ] {
        let mut known = Known::new(&llm::rules(), None, Uptime::start());
        let ended = Ended {
            key: llm::key(),
            form: Form::Structured,
            caller: Some(caller.clone()),
            result: Err(trouble.clone()),
        };
        known.learn(&ended, Duration::ZERO);
        let said = known.problem.expect("a problem");
        let fits = said.as_str().starts_with("summary: ") && said.as_str().contains(says);
        assert!(fits, "{label}: {said}");
        metrics.summarised(trouble.result());
        let line = format!("podmender_summaries_total{{result=\"{label}\"}} 1");
        assert!(metrics.encode().contains(&line), "{label}");
    }
}

#[tokio::test]
async fn fault_61_a_second_try_is_a_call_too() {
    let (rules, model, _tasks) = model(StatusCode::BAD_REQUEST).await;
    let rules = SummaryRules {
        per_day: 3,
        ..rules
    };
    let summaries = summaries();
    for said in ["red", "blue", "green"] {
        offer(&summaries, &saying("api", said), &rules);
    }
    // Each is asked in the full form, and what is left of the budget in the plain one.
    assert_eq!(explained(&summaries, 1).await, []);
    assert_eq!(model.asked.load(Ordering::Relaxed), 3);
}
