//! What the demo puts on the terminal: lines with their time as things happen, and at the end what to do next.
use std::path::Path;
use std::time::Instant;

use anyhow::Result;
use serde_json::Value;

use super::paint::{Paint, Tone, wrap};
use super::setup::Setup;
use super::shop;
use super::view::{Line, View, text_at};
use crate::chaos::alerts::Alert;
use crate::cluster::kubectl;
use crate::{env, ui};

/// The terminal.
pub(super) struct Screen {
    began: Instant,
    broke: Option<Instant>,
    paint: Paint,
    view: View,
    told: Vec<Value>,
}

impl Screen {
    /// Times count from `began` until the first thing breaks, and from there on after that.
    pub(super) fn new(began: Instant) -> Self {
        let paint = Paint::of_stdout();
        Self {
            began,
            broke: None,
            paint,
            view: View::new(paint),
            told: Vec::new(),
        }
    }

    /// A plain line.
    pub(super) fn say(&self, text: &str) {
        ui::result(text);
    }

    /// A line in bold.
    pub(super) fn heading(&self, text: &str) {
        ui::result(self.paint.tone(Tone::Bold, text));
    }

    /// Something that happens now.
    pub(super) fn event(&self, who: &str, word: &'static str, tone: Tone, text: &str) {
        let line = Line {
            who: who.to_owned(),
            word,
            tone,
            text: text.to_owned(),
        };
        let since = self.broke.map_or(0.0, |b| b.elapsed().as_secs_f64());
        ui::result(self.view.format(since, &line));
    }

    /// Something that the demo breaks now.
    pub(super) fn breaks(&mut self, who: &str, text: &str) {
        self.broke.get_or_insert_with(Instant::now);
        self.event(who, "breaks", Tone::Bad, text);
    }

    /// What is new in incidents and messages.
    pub(super) fn show(&mut self, incidents: &[Value], alerts: &[Alert]) {
        for incident in incidents {
            for line in self.view.news(incident) {
                self.event(&line.who, line.word, line.tone, &line.text);
            }
        }
        for alert in alerts.iter().skip(self.told.len()) {
            let title = alert
                .text("text")
                .lines()
                .next()
                .unwrap_or_default()
                .to_owned();
            let who = text_at(&alert.body, "/workload/name");
            self.event(who, "alert", Tone::Warn, &title);
        }
        self.told
            .extend(alerts.iter().skip(self.told.len()).map(|a| a.body.clone()));
    }

    /// Whether a message told of a service, in that phase if there is one.
    pub(super) fn was_told(&self, who: &str, phase: Option<&str>) -> bool {
        self.told.iter().any(|body| {
            let listed = body.get("incidents").and_then(Value::as_array);
            std::iter::once(body)
                .chain(listed.into_iter().flatten())
                .any(|one| {
                    text_at(one, "/workload/name") == who
                        && phase.is_none_or(|p| text_at(one, "/phase") == p)
                })
        })
    }

    /// One message in full, the list of incidents, and how to go on.
    pub(super) fn ending(&self, setup: &Setup) -> Result<()> {
        if let Some(message) = self
            .told
            .iter()
            .find(|b| text_at(b, "/workload/name") == "mail")
        {
            self.say("");
            self.heading("One of these messages, as the person on call reads it:");
            for line in text_at(message, "/text").lines() {
                for (i, part) in wrap(line, 92).into_iter().enumerate() {
                    let indent = line.len() - line.trim_start().len() + if i > 0 { 4 } else { 0 };
                    self.say(&format!(
                        "{} {:indent$}{part}",
                        self.paint.tone(Tone::Warn, "│"),
                        ""
                    ));
                }
            }
        }
        let took = self.broke.map_or(0.0, |b| b.elapsed().as_secs_f64());
        self.say("");
        let what = if self.was_told("orders", Some("Resolved")) {
            "Three mended and verified, one of them after a yes in Slack; two handed to a person with their cause"
        } else {
            "Two mended and verified, two handed to a person with their cause, one left as it is after a no in Slack"
        };
        self.heading(&format!(
            "{what}; {took:.0} s after they broke ({:.0} s in all).",
            self.began.elapsed().as_secs_f64()
        ));
        self.say(
            setup
                .podmender(&["incidents", "-n", shop::NAMESPACE, "--all"])?
                .trim_end(),
        );
        self.say("");
        self.heading("Look further:");
        let kubeconfig = short(&setup.session.state.kubeconfig());
        let program = short(&setup.image.program);
        // Who has none of their own uses ours.
        let kubectl = match env::find_program("kubectl") {
            Some(_) => "kubectl".to_owned(),
            None => short(&kubectl::program()?),
        };
        for line in [
            format!("export KUBECONFIG={kubeconfig}"),
            format!("{kubectl} get incidents,pods,events -n {}", shop::NAMESPACE),
            format!("{program} incidents show ID -n {}", shop::NAMESPACE),
            format!("{kubectl} logs deployment/podmender -n {}", shop::HOME),
        ] {
            self.say(&format!("  {}", self.paint.tone(Tone::Agent, &line)));
        }
        self.heading("Clean up:");
        self.say(&format!(
            "  {}",
            self.paint.tone(Tone::Agent, "make demo-clean")
        ));
        Ok(())
    }
}

/// A path as a person would type it.
fn short(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    if let Ok(relative) = path.strip_prefix(&here) {
        return relative.display().to_string();
    }
    match env::home().and_then(|home| path.strip_prefix(home).ok().map(Path::to_path_buf)) {
        Some(inner) => format!("~/{}", inner.display()),
        None => path.display().to_string(),
    }
}
