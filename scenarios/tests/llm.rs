//! The agent's own path to a language model against the stand-in: each fault by name, met by the code that has to bear it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what these tests share fails as they do"
)]
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use podmender::alert::Secrets;
use podmender::llm::Trouble;
use podmender::llm::client::Caller;
use podmender::llm::endpoint::Endpoint;
use podmender::llm::prompt::{self, Prompt};
use podmender::llm::reply::Guess;
use podmender::llm::request::Form;
use podmender_policy::bounds::{CleanLine, LogLine, Message};
use podmender_policy::diagnose::FailureKind;
use podmender_policy::observation::{LogCause, LogFindings, Observation};
use podmender_policy::plan::plan;
use podmender_policy::rules::{Reach, Source, SummaryRules};
use podmender_policy::summary::{Brief, Confidence};
use podmender_policy::{logs, redact};
use scenarios::llm::fault::{Fault, NAMES, Reply};
use scenarios::llm::{self, Llm};
use support::{Shop, autonomous};

#[path = "../../policy/tests/support/secrets.rs"]
mod secrets;
#[path = "../../policy/tests/support/mod.rs"]
mod support;

/// A call takes at most this long here, and so nothing may hang.
const LIMIT: Duration = Duration::from_secs(3);
const KEY: &str = "sk-live-5tand1n";

fn rules(base: &str) -> SummaryRules {
    SummaryRules {
        base_url: Some(Source::Literal(base.into())),
        model: "stand-in".into(),
        api_key: Some(Source::Named("LLM_KEY".into())),
        language: "English".into(),
        per_minute: 60,
        per_day: 1000,
        reach: Reach::Private,
    }
}

fn folder() -> Secrets {
    static WRITTEN: OnceLock<PathBuf> = OnceLock::new();
    let dir = WRITTEN.get_or_init(|| {
        let dir = std::env::temp_dir().join(format!("podmender-llm-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        std::fs::write(dir.join("LLM_KEY"), KEY).unwrap();
        dir
    });
    Secrets::new(dir.clone())
}

/// What a crash loop with this log is told to a model.
fn brief(log: &str) -> Brief {
    let (shop, seen) = crashed(|seen| {
        let found = logs::analyse(log.as_bytes());
        seen.suspects[0].containers[0].log = found;
    });
    let incident = shop.incident.clone().expect("an incident");
    Brief::of(&incident, &seen, shop.now)
}

fn crashed(change: impl Fn(&mut Observation)) -> (Shop, Observation) {
    let mut shop = Shop::new().crash_loop();
    let mut seen = shop.observe();
    change(&mut seen);
    let planned = plan(&autonomous(), &shop.ledger, None, &seen, shop.now);
    shop.intend(&planned);
    (shop, seen)
}

fn prompt() -> Prompt {
    let log = "connecting to the database\nERROR dial tcp db:5432: connect: connection refused\n";
    prompt::of(&brief(log), &"English".into())
}

async fn ask_at(base: &str, form: Form) -> (Form, Result<Guess, Trouble>) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let endpoint = Endpoint::of(&rules(base), &folder()).expect("an endpoint");
    let caller = Caller::new(&endpoint, LIMIT).expect("a caller");
    caller
        .ask(
            &endpoint,
            "stand-in",
            &prompt(),
            form,
            std::future::ready(true),
        )
        .await
}

/// Asks once, with the stand-in so disposed.
async fn ask(fault: &str) -> Result<Guess, Trouble> {
    let llm = Llm::start("127.0.0.1:0").expect("stand-in");
    if !fault.is_empty() {
        llm.order(fault.parse().expect(fault));
    }
    let begin = Instant::now();
    let (_, result) = ask_at(&llm.base(), Form::Structured).await;
    // Two tries and the pause between them.
    assert!(
        begin.elapsed() < 2 * LIMIT + Duration::from_secs(30),
        "{fault}"
    );
    if let Err(trouble) = &result {
        let said = trouble.to_string() + &format!("{trouble:?}");
        assert!(!said.contains(KEY) && !said.contains("127.0.0.1"), "{said}");
    }
    result
}

#[tokio::test]
async fn a_model_that_behaves_is_understood() {
    let llm = Llm::start("127.0.0.1:0").expect("stand-in");
    let (form, result) = ask_at(&llm.base(), Form::Structured).await;
    let guess = result.expect("a guess");
    assert!(
        guess.cause.as_str().starts_with("Most likely this:"),
        "{guess:?}"
    );
    assert_eq!(
        (form, guess.confidence),
        (Form::Structured, Confidence::Medium)
    );
    assert!(!guess.cites.is_empty());
    let asked = llm.asked();
    assert_eq!(asked[0].key.as_deref(), Some(KEY));
    assert!(asked[0].body.contains("json_schema"));
}

#[tokio::test]
async fn an_endpoint_without_structured_output_is_asked_plainly_from_then_on() {
    let llm = Llm::start("127.0.0.1:0").expect("stand-in");
    llm.order(Fault::NoSchema);
    let (form, result) = ask_at(&llm.base(), Form::Structured).await;
    assert!(result.is_ok(), "{result:?}");
    assert_eq!((form, llm.asked().len()), (Form::Plain, 2));
    let (form, result) = ask_at(&llm.base(), form).await;
    assert!(result.is_ok() && form == Form::Plain);
    assert_eq!(llm.asked().len(), 3);
}

#[tokio::test]
async fn fault_56_an_endpoint_that_fails_is_named_and_costs_a_bounded_time() {
    for (fault, trouble) in [
        ("slow:30000", Trouble::Timeout),
        ("drip-feed", Trouble::Timeout),
        (
            "rate-limited:30",
            Trouble::RateLimited(Some(Duration::from_secs(30))),
        ),
        ("rate-limited:0", Trouble::RateLimited(Some(Duration::ZERO))),
        ("status:401", Trouble::Unauthorized),
        ("status:403", Trouble::Unauthorized),
        ("status:404", Trouble::UnknownModel),
        ("status:500", Trouble::Failing(500)),
        ("status:503", Trouble::Failing(503)),
        ("status:400", Trouble::NotUnderstood(400)),
        ("redirect", Trouble::Redirected),
    ] {
        assert_eq!(ask(fault).await, Err(trouble), "{fault}");
    }
    let down = ask("down").await.expect_err("down");
    assert!(matches!(down, Trouble::Unreachable(_)), "{down:?}");
    let (_, nobody) = ask_at("http://127.0.0.1:9/v1", Form::Structured).await;
    assert!(matches!(nobody, Err(Trouble::Unreachable(_))), "{nobody:?}");
}

#[tokio::test]
async fn fault_56_a_certificate_that_nobody_vouches_for_is_refused() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let base = llm::untrusted().expect("listens");
    let (_, result) = ask_at(&base, Form::Structured).await;
    assert!(matches!(result, Err(Trouble::Unreachable(_))), "{result:?}");
}

#[tokio::test]
async fn fault_56_one_retry_and_no_more() {
    for (fault, calls) in [
        ("status:503", 2),
        ("rate-limited:0", 2),
        ("rate-limited:30", 1),
        ("status:401", 1),
        ("redirect", 1),
        ("bad-json", 1),
        ("slow:30000", 1),
    ] {
        let llm = Llm::start("127.0.0.1:0").expect("stand-in");
        llm.order(fault.parse().expect(fault));
        let _ = ask_at(&llm.base(), Form::Structured).await;
        assert_eq!(llm.asked().len(), calls, "{fault}");
    }
}

#[tokio::test]
async fn fault_57_what_is_no_answer_gives_no_summary() {
    for (fault, trouble) in [
        ("html", Trouble::Unparsable),
        ("huge", Trouble::TooLong),
        ("empty", Trouble::Unparsable),
        ("bad-json", Trouble::Unparsable),
        ("cut", Trouble::TooLong),
        ("endless", Trouble::TooLong),
        ("refusal", Trouble::Refused),
        ("invented-evidence", Trouble::Refused),
        ("other-language", Trouble::OtherLanguage),
    ] {
        assert_eq!(ask(fault).await, Err(trouble), "{fault}");
    }
    for fault in [
        "unknown-finish-reason",
        "fenced",
        "thoughts",
        "prose",
        "few-fields",
    ] {
        assert!(ask(fault).await.is_ok(), "{fault}");
    }
    let odd = ask("control-characters").await.expect("text");
    assert_eq!(odd.cause.as_str(), "It fails now.");
}

#[tokio::test]
async fn fault_60_what_a_hostile_model_writes_is_plain_text_or_nothing() {
    assert_eq!(ask("destruction").await, Err(Trouble::Refused));
    assert_eq!(ask("forged-approval").await, Err(Trouble::Refused));
    let links = ask("links").await.expect("text").cause;
    for sign in ["http", "<", "@", "evil", "]("] {
        assert!(!links.as_str().contains(sign), "{links:?}");
    }
}

#[tokio::test]
async fn every_fault_has_its_test() {
    let source = include_str!("llm.rs");
    for name in NAMES.iter().filter(|n| **n != "no-schema") {
        assert!(source.contains(&format!("\"{name}\"")), "{name}");
    }
}

/// Every secret of the corpus, in a log, in an Event, in a termination message and in an image's address: none is in any
/// prompt that was captured on the wire, nor in what is made of a reply that repeats it all.
#[tokio::test]
async fn fault_59_no_secret_of_the_corpus_is_in_any_captured_prompt() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let llm = Llm::start("127.0.0.1:0").expect("stand-in");
    llm.order(Fault::Reply(Reply::Echo));
    let endpoint = Endpoint::of(&rules(&llm.base()), &folder()).expect("an endpoint");
    let caller = Caller::new(&endpoint, Duration::from_secs(10)).expect("a caller");
    let cases = secrets::cases(&mut secrets::Random::new(7), 1);
    // What the redactor itself misses (under 1 % of a class, held by its own test) is not this test's matter.
    let cases: Vec<_> = cases
        .iter()
        .filter(|case| !redact::raw(&case.text).contains(&case.secret))
        .filter(|case| case.secret.len() >= 8)
        .collect();
    assert!(cases.len() >= 250, "{}", cases.len());
    for case in &cases {
        let log = format!("starting\nERROR {}\nbye\n", case.text);
        let (shop, seen) = crashed(|seen| {
            let pod = &mut seen.suspects[0];
            let c = &mut pod.containers[0];
            c.log = logs::analyse(log.as_bytes()).or_else(|| {
                Some(LogFindings {
                    cause: LogCause::Unknown,
                    confidence: 10,
                    sentence: Message::new(&redact::raw(&case.text)),
                    lines: vec![CleanLine::new(&LogLine::new(&redact::raw(&case.text)))],
                })
            });
            let short = case.text.len() <= 512;
            if let Some(last) = c.last.as_mut().filter(|_| short) {
                last.message = Message::new(&case.text);
            }
            if short {
                pod.events.push(podmender_policy::observation::EventSeen {
                    reason: "Failed".into(),
                    message: Message::new(&case.text),
                    last: pod.created,
                    count: 1,
                });
            }
        });
        let incident = shop.incident.clone().expect("an incident");
        assert_eq!(
            incident.status.diagnosis.failure,
            FailureKind::CrashLoopBackOff
        );
        let brief = Brief::of(&incident, &seen, shop.now);
        let prompt = prompt::of(&brief, &"English".into());
        let (_, result) = caller
            .ask(
                &endpoint,
                "stand-in",
                &prompt,
                Form::Structured,
                std::future::ready(true),
            )
            .await;
        let told = result.map(|guess| format!("{guess:?}")).unwrap_or_default();
        assert!(!told.contains(&case.secret), "{}: {told}", case.class);
    }
    let asked = llm.asked();
    assert_eq!(asked.len(), cases.len());
    for (case, asked) in cases.iter().zip(&asked) {
        let body: serde_json::Value = serde_json::from_str(&asked.body).expect("JSON");
        let text = body["messages"].to_string();
        let prompt = body["messages"][1]["content"].as_str().unwrap_or_default();
        let held = text.contains(&case.secret) || prompt.contains(&case.secret);
        assert!(!held, "{}: {prompt}", case.class);
    }
}
