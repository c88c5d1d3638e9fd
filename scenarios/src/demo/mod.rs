//! `make demo`: a real cluster, the shipped image, the charts, a shop that breaks in four ways, and the agent at work on it, live.
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
use crate::ui;
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
}

/// How often the view looks.
const LOOK: Duration = Duration::from_millis(100);
/// After this long whatever has not ended is named as such.
const LIMIT: Duration = Duration::from_secs(120);
/// A run of this long counts as a good one (with some seconds of grace).
const GOOD_RUN: i64 = 17;

/// Runs the demo; an error if one of the four did not end as it must.
pub fn run(options: &Options<'_>) -> Result<()> {
    let began = Instant::now();
    let setup = Setup::prepare(options, began)?;
    let mut screen = Screen::new(began);
    screen.say("");
    screen.heading("A shop of five services. Four of them break now.");
    breaks(&setup, &mut screen)?;
    let ended = watch(&setup, &mut screen);
    screen.ending(&setup)?;
    ended
}

/// Takes away what the demo brought: the cluster itself, where it is ours.
pub fn clean(context: Option<&str>) -> Result<()> {
    Session::open(context)?.down()
}

fn breaks(setup: &Setup, screen: &mut Screen) -> Result<()> {
    let api = &setup.api;
    wait::until("the shop is up", 60, || shop::is_up(api))?;
    wait::until("cart has run well for a while", 60, || {
        let ran = now().duration_since(shop::running_since(api, "cart")?);
        ensure!(ran.as_secs() >= GOOD_RUN, "for {} s", ran.as_secs());
        Ok(())
    })?;
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
    setup
        .kubectl(&[
            "exec",
            "-n",
            shop::NAMESPACE,
            pod,
            "--",
            "touch",
            "/tmp/stuck",
        ])
        .map(drop)
}

#[expect(
    clippy::disallowed_methods,
    reason = "compared with times that the cluster on this machine gives"
)]
fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

/// Shows what is new until all four have ended, and brings the database back as cart crash-loops.
fn watch(setup: &Setup, screen: &mut Screen) -> Result<()> {
    let folder = api::path("podmender.io/v1alpha1", "Incident", Some(shop::NAMESPACE));
    let deadline = Instant::now() + LIMIT;
    let mut is_back = false;
    loop {
        let incidents = setup.api.list(&folder)?;
        screen.show(&incidents, &setup.alerts.about(shop::NAMESPACE));
        if !is_back && is_acted_on(&incidents, "cart") {
            shop::scale_db(&setup.api, 1)?;
            screen.event("cart", "cluster", Tone::Faint, "its database comes back now; the kubelet's back-off would go on for 10 s, then 20, up to 5 min");
            is_back = true;
        }
        let open = missing(&incidents, screen);
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
    ];
    let mut open = Vec::new();
    for (who, phase) in expected {
        let stands = incidents.iter().any(|i| {
            text_at(i, "/spec/workload/name") == who && text_at(i, "/status/phase") == phase
        });
        if !stands {
            open.push(format!("{who} is not {phase}"));
        } else if !screen.was_told(who, (phase == "Resolved").then_some(phase)) {
            // What was clear at once is told at once, and not again when it is left to a person.
            open.push(format!("nobody was told that {who} is {phase}"));
        }
    }
    open
}

/// The Secret with the address of the receiver.
fn secret(url: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "alerts", "namespace": shop::HOME},
        "stringData": {"ALERTS_URL": url},
    })
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
