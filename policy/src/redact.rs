//! `Evidence -> RedactedEvidence`: the only form in which evidence leaves the process.
//!
//! What nobody sees (control and zero-width characters, escape sequences) is taken out first. Five passes then find secrets, from the surest to the vaguest: private keys (`pem`), tokens of well-known shape (`tokens`),
//! addresses with credentials (`url`), what stands under a telling name (`keyed`), and long opaque strings where a word
//! before them tells (`opaque`). Each first asks for the few places that are worth a look, of all bytes at once (`scan`,
//! `quads`), and looks at no other. Nothing is kept, and their time is linear in the text. A secret becomes `<class-n>`;
//! equal secrets keep one number.

mod alphabet;
mod class;
mod families;
mod keyed;
mod names;
mod odd;
mod opaque;
mod pem;
mod quads;
mod scan;
#[cfg(test)]
mod tests;
mod tokens;
mod url;
mod value;

use crate::{
    bounds::{CleanLine, LogLine, Message, Text},
    diagnose::Evidence,
    hidden,
    observation::{EventSeen, LogCause},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{borrow::Cow, collections::BTreeMap, fmt::Write};

/// Evidence in which secrets are replaced by placeholders.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RedactedEvidence {
    /// The probable cause in one sentence.
    pub sentence: Message,
    /// How sure, in percent.
    pub confidence: u8,
    /// What the log says.
    pub cause: LogCause,
    /// The message of the state.
    pub message: Message,
    /// The log lines that matter.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    pub lines: Vec<LogLine>,
    /// The Event that says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<EventSeen>,
    /// The image of the container.
    pub image: Text<512>,
}

impl PartialEq<Evidence> for RedactedEvidence {
    /// Whether `raw` says the same, word for word: then it holds no secret, as this holds none.
    fn eq(&self, raw: &Evidence) -> bool {
        self.sentence == raw.sentence
            && self.confidence == raw.confidence
            && self.cause == raw.cause
            && self.message == raw.message
            && self.lines == raw.lines
            && self.event == raw.event
            && self.image == raw.image
    }
}

/// Replaces every secret in `evidence`.
#[must_use]
pub fn redact(evidence: &Evidence) -> RedactedEvidence {
    let mut seen = Redactor::default();
    RedactedEvidence {
        sentence: seen.text(&evidence.sentence),
        confidence: evidence.confidence,
        cause: evidence.cause,
        message: seen.text(&evidence.message),
        lines: evidence
            .lines
            .iter()
            .cloned()
            .map(CleanLine::into_text)
            .collect(),
        event: evidence.event.as_ref().map(|e| EventSeen {
            reason: seen.text(&e.reason),
            message: seen.text(&e.message),
            ..e.clone()
        }),
        image: seen.text(&evidence.image),
    }
}

/// Replaces every secret in one bounded text. What was cut off is gone: redact with [`raw`] before cutting.
#[must_use]
pub fn text<const MAX: usize>(raw: &Text<MAX>) -> Text<MAX> {
    Redactor::default().text(raw)
}

/// Replaces every secret in a whole text: to be used before a text is cut, so that no secret is cut in half.
#[must_use]
pub fn raw(text: &str) -> String {
    Redactor::default().apply(text).into_owned()
}

/// Replaces secrets in several texts; the same secret gets the same placeholder in all of them.
#[derive(Default)]
pub struct Redactor {
    /// For each class, the number of each secret seen so far. Lives as long as one piece of evidence is put together.
    known: BTreeMap<&'static str, BTreeMap<Box<str>, usize>>,
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Redactor({} secrets)", self.count())
    }
}

impl Redactor {
    /// How many different secrets were replaced so far.
    #[must_use]
    pub fn count(&self) -> usize {
        self.known.values().map(BTreeMap::len).sum()
    }

    /// Replaces every secret in `text`, and takes out what nobody sees: a colour, a NUL or a zero-width space would hide a
    /// secret from us, and from no one else.
    pub fn apply<'t>(&mut self, text: &'t str) -> Cow<'t, str> {
        let text = hidden::removed(text);
        let spans = find(&text);
        if spans.is_empty() {
            return text;
        }
        let mut out = String::with_capacity(text.len());
        let mut at = 0;
        for span in spans {
            out.push_str(text.get(at..span.start).unwrap_or_default());
            let secret = text.get(span.start..span.end).unwrap_or_default();
            let number = self.number(span.class, secret);
            let _ = write!(out, "<{}-{number}>", span.class);
            at = span.end;
        }
        out.push_str(text.get(at..).unwrap_or_default());
        Cow::Owned(out)
    }

    fn text<const MAX: usize>(&mut self, raw: &Text<MAX>) -> Text<MAX> {
        match self.apply(raw.as_str()) {
            Cow::Borrowed(_) => raw.clone(),
            Cow::Owned(clean) => Text::new(&clean),
        }
    }

    fn number(&mut self, class: &'static str, secret: &str) -> usize {
        let known = self.known.entry(class).or_default();
        if let Some(number) = known.get(secret) {
            return *number;
        }
        let number = known.len() + 1;
        known.insert(secret.into(), number);
        number
    }
}

/// A secret in a text, as byte positions at character boundaries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    start: usize,
    end: usize,
    class: &'static str,
}

/// All secrets of a text, in order, none overlapping.
fn find(text: &str) -> Vec<Span> {
    let mut spans = Vec::new();
    pem::find(text, &mut spans);
    tokens::find(text, &mut spans);
    url::find(text, &mut spans);
    keyed::find(text, &mut spans);
    opaque::find(text, &mut spans);
    spans.retain(|s| s.start < s.end && !is_placeholder(text.get(s.start..s.end)));
    // Stable: of spans that start together, the longest wins; of equal ones, the surer pass.
    spans.sort_by_key(|s| (s.start, std::cmp::Reverse(s.end)));
    let mut merged: Vec<Span> = Vec::with_capacity(spans.len());
    for span in spans {
        match merged.last_mut() {
            Some(before) if span.start < before.end => before.end = before.end.max(span.end),
            _ => merged.push(span),
        }
    }
    merged
}

/// Whether a value is one of our own placeholders: redacting twice changes nothing.
fn is_placeholder(value: Option<&str>) -> bool {
    let inner = value.and_then(|v| v.strip_prefix('<')?.strip_suffix('>'));
    inner.is_some_and(is_placeholder_inside)
}

/// `password-1`.
fn is_placeholder_inside(inner: &str) -> bool {
    inner.rsplit_once('-').is_some_and(|(class, number)| {
        let named = class
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        named
            && !class.is_empty()
            && !number.is_empty()
            && number.bytes().all(|b| b.is_ascii_digit())
    })
}

/// The nearest character boundary at or before `at`.
pub(crate) fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while at > 0 && !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}
