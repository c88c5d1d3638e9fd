//! The live view: what is new in an incident, as lines of what was seen, decided, done and verified.
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::paint::{Paint, Tone, wrap};
use crate::slack::people;

/// Text columns: time, service, word, and the rest.
const WIDTH: usize = 82;

/// Prints what is new, and nothing twice.
pub struct View {
    paint: Paint,
    seen: BTreeMap<String, Shown>,
}

#[derive(Default)]
struct Shown {
    facts: usize,
    failures: BTreeSet<String>,
    decision: String,
    cause: String,
    is_guessed: bool,
}

/// One line of the view, without its time.
#[derive(Debug, PartialEq, Eq)]
pub struct Line {
    /// The service.
    pub who: String,
    /// What kind of step it is.
    pub word: &'static str,
    /// Its tone.
    pub tone: Tone,
    /// What there is to say.
    pub text: String,
}

impl View {
    /// Nothing shown yet.
    pub fn new(paint: Paint) -> Self {
        Self {
            paint,
            seen: BTreeMap::new(),
        }
    }

    /// What an incident says that was not said before.
    pub fn news(&mut self, incident: &Value) -> Vec<Line> {
        let text = |pointer: &str| text_at(incident, pointer).to_owned();
        let who = text("/spec/workload/name");
        let shown = self.seen.entry(text("/metadata/name")).or_default();
        let mut lines = Vec::new();
        if incident.pointer("/status/diagnosis").is_none() {
            return lines; // just created: its status follows
        }
        let mut say = |word, tone, text: String| {
            lines.push(Line {
                who: who.clone(),
                word,
                tone,
                text,
            });
        };
        // The kubelet goes back and forth between the two while it tries again.
        let failure = text("/status/diagnosis/failure").replace("ImagePullBackOff", "ErrImagePull");
        if shown.failures.insert(failure) {
            say("sees", Tone::Bad, sight(incident));
        }
        // Another run of the same failure has other seconds in it: no news.
        let cause = text("/status/evidence/sentence").replace(|c: char| c.is_ascii_digit(), "");
        if !cause.is_empty() && cause != shown.cause {
            say("explains", Tone::Agent, explanation(incident));
            shown.cause = cause;
        }
        if let Some(guess) = guess(incident).filter(|_| !shown.is_guessed) {
            say("guesses", Tone::Faint, guess);
            shown.is_guessed = true;
        }
        let timeline = incident
            .pointer("/status/timeline")
            .and_then(Value::as_array);
        let facts = timeline.map_or(&[] as &[Value], Vec::as_slice);
        let is_acting = facts
            .iter()
            .skip(shown.facts)
            .any(|f| text_at(f, "/fact/type") == "intended");
        let is_answered = facts
            .iter()
            .skip(shown.facts)
            .any(|f| text_at(f, "/fact/type") == "answered");
        let decision = format!("{} {}", text("/status/decision"), text("/status/reason"));
        let verifies = text("/status/reason") == "Verifying" || text("/status/phase") == "Resolved";
        if is_answered {
            // The answer is the decision; it follows as a fact.
        } else if is_acting && verifies {
            // Two steps since the last look: the first one's reason is no longer in the status.
            say(
                "decides",
                Tone::Agent,
                "Restart. It ran well before; a restart may help.".to_owned(),
            );
        } else if decision != shown.decision && !verifies && decision != " " {
            let tone = if text("/status/decision") == "Escalate" {
                Tone::Warn
            } else {
                Tone::Agent
            };
            say("decides", tone, decided(incident));
        }
        shown.decision = decision;
        for pair in facts.iter().enumerate().skip(shown.facts) {
            if let Some((word, tone, text)) = told(pair.1, facts) {
                say(word, tone, text);
            }
        }
        shown.facts = facts.len();
        lines
    }

    /// A line with its time, folded to the width of a terminal.
    pub fn format(&self, at: f64, line: &Line) -> String {
        let mut out = String::new();
        for (i, part) in wrap(&line.text, WIDTH).iter().enumerate() {
            if i == 0 {
                out = format!(
                    "{} {} {} {part}",
                    self.paint.tone(Tone::Faint, &format!("{at:5.1} s")),
                    self.paint.tone(Tone::Bold, &format!("{:<7}", line.who)),
                    self.paint.tone(line.tone, &format!("{:<8}", line.word)),
                );
            } else {
                out.push_str(&format!("\n{:25}{part}", ""));
            }
        }
        out
    }
}

/// Text at a JSON pointer, empty if there is none.
pub fn text_at<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn number_at(value: &Value, pointer: &str) -> Option<i64> {
    value.pointer(pointer).and_then(Value::as_i64)
}

/// What was seen: the failure as Kubernetes spells it, the pod, the numbers.
fn sight(incident: &Value) -> String {
    let mut text = format!(
        "{} in pod {}",
        text_at(incident, "/status/diagnosis/failure"),
        text_at(incident, "/status/diagnosis/pod")
    );
    if let Some(code) = number_at(incident, "/status/diagnosis/exitCode") {
        text.push_str(&format!(", exit code {code}"));
    }
    match number_at(incident, "/status/diagnosis/restarts") {
        Some(0) | None => {}
        Some(1) => text.push_str(", 1 restart"),
        Some(n) => text.push_str(&format!(", {n} restarts")),
    }
    text
}

/// The probable cause, with the log line that shows it.
fn explanation(incident: &Value) -> String {
    let mut text = text_at(incident, "/status/evidence/sentence").to_owned();
    if let Some(percent) = number_at(incident, "/status/evidence/confidence").filter(|c| *c > 0) {
        text.push_str(&format!(" ({percent}% sure)"));
    }
    text
}

/// What a model says, where our own rules are not sure: marked as what it is.
fn guess(incident: &Value) -> Option<String> {
    let summary = incident.pointer("/status/summary")?;
    let sure = number_at(incident, "/status/evidence/confidence").unwrap_or_default();
    let cites = summary.get("cites").and_then(Value::as_array);
    let cites = cites.map_or(&[] as &[Value], Vec::as_slice);
    let lines: Vec<String> = cites
        .iter()
        .filter_map(|c| Some(format!("[{}]", number_at(c, "/line")?)))
        .collect();
    let cited = match lines.as_slice() {
        [] => String::new(),
        [one] => format!(" It cites line {one}."),
        more => format!(" It cites lines {}.", more.join(", ")),
    };
    let text = format!(
        "A language model's guess, checked by nobody and read by no decision: \u{201c}{}\u{201d}{cited} ({}, {} confidence)",
        text_at(summary, "/cause"),
        text_at(summary, "/model"),
        text_at(summary, "/confidence")
    );
    (sure < 50).then_some(text)
}

fn decided(incident: &Value) -> String {
    let what = match text_at(incident, "/status/decision") {
        "Remediate" => "Restart.",
        "RequestApproval" => "Ask a person.",
        "Escalate" => "Leave it to a person.",
        "Resolve" => "Done.",
        _ => "Wait.",
    };
    let message = text_at(incident, "/status/message");
    // The time of the next look is for programs.
    let why = message.split(" Next look at ").next().unwrap_or(message);
    format!("{what} {why}")
}

/// What a record of the timeline tells.
fn told(record: &Value, all: &[Value]) -> Option<(&'static str, Tone, String)> {
    match text_at(record, "/fact/type") {
        "intended" => {
            let pod = text_at(record, "/fact/effect/pod");
            Some((
                "does",
                Tone::Agent,
                format!("evicts pod {pod}; intent recorded first"),
            ))
        }
        "ended" => {
            let outcome = text_at(record, "/fact/outcome/type");
            let took =
                since_intent(record, all).map_or_else(String::new, |ms| format!(" after {ms} ms"));
            Some((
                "does",
                Tone::Agent,
                format!(
                    "{}{took}",
                    if outcome == "Executed" {
                        "accepted by the API server"
                    } else {
                        outcome
                    }
                ),
            ))
        }
        "answered" => {
            let (answer, by) = (text_at(record, "/fact/answer"), text_at(record, "/fact/by"));
            let known = people::cast().into_iter().find(|p| p.id == by);
            let by = known.map_or_else(|| by.to_owned(), |p| p.name);
            Some((
                "person",
                Tone::Good,
                format!("{by} answers: {answer}; recorded first"),
            ))
        }
        "verified" => Some(match text_at(record, "/fact/verdict") {
            "Recovered" => (
                "verifies",
                Tone::Good,
                "the new pod is Ready and stays so: it helped".to_owned(),
            ),
            "Relapsed" => (
                "verifies",
                Tone::Bad,
                "it fails again: it did not help".to_owned(),
            ),
            other => ("verifies", Tone::Agent, other.to_owned()),
        }),
        "resolved" => Some(("resolves", Tone::Good, "well again".to_owned())),
        _ => None,
    }
}

/// From the record of the intent to that of its outcome.
fn since_intent(ended: &Value, all: &[Value]) -> Option<i64> {
    let action = ended.pointer("/fact/action")?;
    let intent = all.iter().find(|r| {
        text_at(r, "/fact/type") == "intended" && r.pointer("/fact/action") == Some(action)
    })?;
    let at = |r: &Value| text_at(r, "/at").parse::<jiff::Timestamp>().ok();
    Some(i64::try_from(at(ended)?.duration_since(at(intent)?).as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Line, Paint, Tone, View};

    #[test]
    fn a_mend_is_told_step_by_step_and_once() {
        let mut incident = json!({
            "metadata": {"name": "i"}, "spec": {"workload": {"name": "cart"}},
            "status": {
                "phase": "Detected", "decision": "Hold", "reason": "TooFewOccurrences", "message": "Seen too few times.",
                "diagnosis": {"failure": "Error", "pod": "cart-1", "exitCode": 1, "restarts": 1},
                "evidence": {"sentence": "Connection refused", "confidence": 90},
                "timeline": [{"at": "2026-01-01T00:00:00Z", "fact": {"type": "detected"}}],
            },
        });
        let mut view = View::new(Paint::plain());
        let words: Vec<_> = view.news(&incident).iter().map(|l| l.word).collect();
        assert_eq!(words, ["sees", "explains", "decides"]);
        assert!(view.news(&incident).is_empty());
        incident["status"]["reason"] = json!("Verifying");
        incident["status"]["timeline"] = json!([
            {"at": "2026-01-01T00:00:00Z", "fact": {"type": "detected"}},
            {"at": "2026-01-01T00:00:01Z", "fact": {"type": "intended", "action": "a", "effect": {"pod": "cart-1"}}},
            {"at": "2026-01-01T00:00:01.030Z", "fact": {"type": "ended", "action": "a", "outcome": {"type": "Executed"}}},
        ]);
        let texts: Vec<_> = view.news(&incident).into_iter().map(|l| l.text).collect();
        assert_eq!(texts.len(), 3);
        assert!(texts[0].starts_with("Restart."));
        assert_eq!(texts[2], "accepted by the API server after 30 ms");
    }

    #[test]
    fn a_guess_is_told_once_as_a_guess_and_only_where_the_rules_are_unsure() {
        let mut incident = json!({
            "metadata": {"name": "i"}, "spec": {"workload": {"name": "orders"}},
            "status": {
                "phase": "Detected", "diagnosis": {"failure": "Error", "pod": "orders-0"},
                "evidence": {"sentence": "", "confidence": 40},
                "summary": {"cause": "The disk.", "cites": [{"line": 4, "text": "x"}], "model": "m", "confidence": "low"},
            },
        });
        let mut view = View::new(Paint::plain());
        let told = view.news(&incident);
        let text = &told.iter().find(|l| l.word == "guesses").unwrap().text;
        assert!(
            text.contains("checked by nobody") && text.contains("line [4]"),
            "{text}"
        );
        assert!(view.news(&incident).is_empty());
        incident["metadata"]["name"] = json!("other");
        incident["status"]["evidence"]["confidence"] = json!(92);
        assert!(view.news(&incident).iter().all(|l| l.word != "guesses"));
    }

    #[test]
    fn long_lines_are_folded_under_themselves() {
        let line = Line {
            who: "cart".into(),
            word: "sees",
            tone: Tone::Bad,
            text: "word ".repeat(30),
        };
        let text = View::new(Paint::plain()).format(1.0, &line);
        assert!(text.lines().all(|l| l.chars().count() <= 107));
        assert!(text.lines().count() > 1);
    }
}
