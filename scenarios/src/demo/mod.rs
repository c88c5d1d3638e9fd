//! `make demo`: a real cluster, the shipped image, the charts, a shop that breaks in five ways, and the agent at work on it, live.
mod model;
pub mod paint;
mod screen;
mod setup;
pub mod shop;
pub mod svg;
pub mod view;

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};

use crate::chaos::{api, wait};
use crate::cluster::session::Session;
use crate::slack::world::{Delivery, Message};
use crate::ui;
pub use model::Endpoint;
use model::Model;
use paint::Tone;
use screen::Screen;
use setup::Setup;
use view::text_at;

/// What the user asked for.
pub struct Options<'a> {
    /// The cluster.
    pub context: Option<&'a str>,
    /// Cargo profile of the agent's image.
    pub profile: &'a str,
    /// Who presses the button.
    pub presses: Presses,
    /// Who explains; `None`: a stand-in on this machine.
    pub model: Option<Endpoint>,
}

/// Who answers the agent's question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presses {
    /// Whoever watches, on the page; the demo itself, if nobody does.
    Person,
    /// The demo: nobody watches.
    Demo,
}

impl Presses {
    /// So long after the question the demo presses the button.
    fn after(self) -> Duration {
        match self {
            Self::Person => Duration::from_secs(45),
            Self::Demo => Duration::from_secs(3),
        }
    }
}

/// How often the view looks.
const LOOK: Duration = Duration::from_millis(100);
/// After this long whatever has not ended is named as such.
const LIMIT: Duration = Duration::from_secs(180);
/// A run of this long counts as a good one (with some seconds of grace).
const GOOD_RUN: i64 = 17;

/// Runs the demo; an error if one of the five did not end as it must.
pub fn run(options: &Options<'_>) -> Result<()> {
    let began = Instant::now();
    let setup = Setup::prepare(options, began)?;
    let mut screen = Screen::new(began);
    screen.say("");
    screen.heading("A shop of six services. Five of them break now.");
    breaks(&setup, &mut screen)?;
    let ended = watch(&setup, &mut screen, options.presses);
    screen.ending(&setup)?;
    ended
}

/// Takes away what the demo brought: the cluster itself, where it is ours.
pub fn clean(context: Option<&str>) -> Result<()> {
    Session::open(context)?.down()
}

fn breaks(setup: &Setup, screen: &mut Screen) -> Result<()> {
    let api = &setup.api;
    wait::eventually("the shop is up", || shop::is_up(api))?;
    for app in ["cart", "orders"] {
        wait::eventually("it has run well for a while", || {
            let ran = now().duration_since(shop::running_since(api, app)?);
            ensure!(ran.as_secs() >= GOOD_RUN, "{app}: {} s", ran.as_secs());
            Ok(())
        })?;
    }
    screen.breaks("mail", "a new release whose image does not exist");
    api.apply(&shop::bad_mail())?;
    screen.breaks(
        "report",
        "is deployed with a memory limit that it can never fit into",
    );
    api.apply(&shop::hungry_report())?;
    screen.breaks(
        "cart",
        "its database goes away: kubectl scale deployment db --replicas=0",
    );
    shop::scale_db(api, 0)?;
    let pods = shop::pods(api, "search")?;
    let pod = text_at(pods.first().context("search has no pod")?, "/metadata/name");
    screen.breaks(
        "search",
        &format!("pod {pod}, one of two, no longer answers its readiness probe"),
    );
    touch(setup, pod, "/tmp/stuck")?;
    screen.breaks(
        "orders",
        "a StatefulSet whose journal is corrupt: it crashes until its pod is replaced",
    );
    touch(setup, "orders-0", "/state/corrupt")
}

fn touch(setup: &Setup, pod: &str, file: &str) -> Result<()> {
    setup
        .kubectl(&["exec", "-n", shop::NAMESPACE, pod, "--", "touch", file])
        .map(drop)
}

#[expect(
    clippy::disallowed_methods,
    reason = "compared with times that the cluster on this machine gives"
)]
fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

/// Shows what is new until all five have ended, and brings the database back as cart crash-loops.
fn watch(setup: &Setup, screen: &mut Screen, presses: Presses) -> Result<()> {
    let folder = api::path("podmender.io/v1alpha1", "Incident", Some(shop::NAMESPACE));
    let deadline = Instant::now() + LIMIT;
    let mut is_back = false;
    let mut question = Question::NotYet;
    loop {
        let incidents = setup.api.list(&folder)?;
        screen.show(&incidents, &setup.alerts.about(shop::NAMESPACE));
        if !is_back && is_acted_on(&incidents, "cart") {
            shop::scale_db(&setup.api, 1)?;
            screen.event("cart", "cluster", Tone::Faint, "its database comes back now; the kubelet's back-off would go on for 10 s, then 20, up to 5 min");
            is_back = true;
        }
        question = question.look(setup, screen, presses)?;
        let mut open = missing(&incidents, screen);
        open.extend(unexplained(setup));
        if open.is_empty() {
            return Ok(());
        }
        if Instant::now() > deadline {
            bail!(
                "after {} s still missing: {}",
                LIMIT.as_secs(),
                open.join("; ")
            );
        }
        sleep(LOOK);
    }
}

/// The question about `orders`, in Slack.
enum Question {
    NotYet,
    /// It stands there, with a button, since then.
    Open(Message, Instant),
    Answered,
}

impl Question {
    /// Says where to answer when there is something to answer, and answers it if nobody does.
    fn look(self, setup: &Setup, screen: &Screen, presses: Presses) -> Result<Self> {
        const APPROVE: &str = "podmender_approve";
        let slack = &setup.slack;
        let world = slack.world();
        match self {
            Self::NotYet => {
                let mut cards = world.messages.into_iter();
                let Some(card) = cards.find(|m| m.has(APPROVE)) else {
                    return Ok(self);
                };
                let wait = presses.after().as_secs();
                screen.event("orders", "asks", Tone::Warn, &format!(
                    "in Slack. Be the person on call: open http://{} and press Approve (in {wait} s the demo does it)",
                    slack.address
                ));
                Ok(Self::Open(card, Instant::now()))
            }
            Self::Open(card, since) => {
                let decides = |d: &Delivery| {
                    let action = text_at(&d.payload, "/actions/0/action_id");
                    matches!(action, APPROVE | "podmender_deny")
                };
                if world.deliveries.iter().any(decides) {
                    return Ok(Self::Answered);
                }
                if since.elapsed() >= presses.after() {
                    screen.event(
                        "orders",
                        "demo",
                        Tone::Faint,
                        "nobody pressed anything, so the demo does, as ada",
                    );
                    slack.click("ada", &card.channel, &card.ts, APPROVE)?;
                }
                Ok(Self::Open(card, since))
            }
            Self::Answered => Ok(self),
        }
    }
}

/// Whether a remedy was intended.
fn is_acted_on(incidents: &[Value], who: &str) -> bool {
    incidents.iter().any(|i| {
        text_at(i, "/spec/workload/name") == who && i.pointer("/status/attempts/0").is_some()
    })
}

/// What has not ended as it must: mended or handed over, and people told.
fn missing(incidents: &[Value], screen: &Screen) -> Vec<String> {
    let expected = [
        ("mail", "Escalated"),
        ("report", "Escalated"),
        ("cart", "Resolved"),
        ("search", "Resolved"),
        ("orders", "Resolved"),
    ];
    let mut open = Vec::new();
    for (who, phase) in expected {
        let of_it = |i: &&Value| text_at(i, "/spec/workload/name") == who;
        let stands = |i: &Value| text_at(i, "/status/phase") == phase;
        if incidents.iter().filter(of_it).any(is_denied) {
            continue; // whoever watches said no
        }
        if !incidents.iter().filter(of_it).any(stands) {
            open.push(format!("{who} is not {phase}"));
        } else if !screen.was_told(who, (phase == "Resolved").then_some(phase)) {
            // What was clear at once is told at once, and not again when it is left to a person.
            open.push(format!("nobody was told that {who} is {phase}"));
        }
    }
    open
}

/// Whether the stand-in's guess is still missing on the card about `orders`. What a real model says, and when, is its own.
fn unexplained(setup: &Setup) -> Option<String> {
    let Model::StandIn(_) = setup.model else {
        return None;
    };
    let cards = setup.slack.world().messages;
    let guessed = |words: &str| words.contains("orders") && words.contains("checked by nobody");
    let shown = cards.iter().any(|card| guessed(&card.words()));
    (!shown).then(|| "the card about orders shows no guess of the model".to_owned())
}

fn is_denied(incident: &Value) -> bool {
    text_at(incident, "/status/reason") == "Denied"
}

/// The Secret with the address of the receiver, the tokens for Slack, and the model's key if it has one.
fn secrets(url: &str, model: &Model) -> Value {
    let mut secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "alerts", "namespace": shop::HOME},
        "stringData": {"ALERTS_URL": url, "SLACK_BOT_TOKEN": "xoxb-demo", "SLACK_APP_TOKEN": "xapp-demo"},
    });
    crate::chaos::objects::merge(&mut secret, json!({"stringData": model.secret()}));
    secret
}

/// A namespace.
fn namespace(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
}

/// Says how long a step of the preparation took.
fn step<T>(what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let began = Instant::now();
    let done = work()?;
    ui::say(format!("{what} ({:.1} s)", began.elapsed().as_secs_f64()));
    Ok(done)
}
