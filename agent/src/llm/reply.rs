//! What a model answered, read with tolerance and believed in nothing: the form may vary, the content is plain text or is
//! dropped.

mod content;
mod hostile;

use content::{Content, content};
use podmender_policy::{
    inert::Inert,
    summary::{Confidence, MAX_CITES, MAX_WORDS},
};
use serde_json::Value;

/// A reply that can be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guess {
    /// The probable cause.
    pub cause: Inert<1024>,
    /// What to look at next; may be empty.
    pub next: Inert<512>,
    /// Numbers of lines that were in the prompt.
    pub cites: Vec<usize>,
    /// How sure the model says it is; low where it does not say, or cites nothing.
    pub confidence: Confidence,
}

/// Why a reply is not shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unfit {
    /// Much more than was asked for, or broken off for its length.
    TooLong,
    /// Not what an endpoint of this kind answers, or without a cause.
    Unparsable,
    /// The model would not, or wrote what must not be shown: an approval that nobody gave, a call to destroy.
    Refused,
}

/// Reads the body of an answer. `shown`: the numbers of the lines that the model was shown.
///
/// # Errors
/// See [`Unfit`].
pub fn read(body: &[u8], shown: &[usize]) -> Result<Guess, Unfit> {
    let guess = match content(body)? {
        Content::Object(object) => of_object(&object, shown)?,
        Content::Prose(text) => {
            bearable(&text, "")?;
            Guess {
                cause: Inert::new(&text),
                next: Inert::default(),
                cites: Vec::new(),
                confidence: Confidence::Low,
            }
        }
    };
    bounded(guess)
}

fn of_object(object: &Value, shown: &[usize]) -> Result<Guess, Unfit> {
    let cause = words_of(object.get("cause")).ok_or(Unfit::Unparsable)?;
    let next = words_of(object.get("next")).unwrap_or_default();
    bearable(&cause, &next)?;
    let named = numbers(object.get("evidence"));
    let mut cites: Vec<usize> = named
        .iter()
        .copied()
        .filter(|n| shown.contains(n))
        .collect();
    cites.sort_unstable();
    cites.dedup();
    cites.truncate(MAX_CITES);
    if cites.is_empty() && !named.is_empty() {
        return Err(Unfit::Refused); // it rests on lines that do not exist
    }
    let said = confidence(object.get("confidence"));
    Ok(Guess {
        confidence: if cites.is_empty() {
            Confidence::Low
        } else {
            said
        },
        cause: Inert::new(&cause),
        next: Inert::new(&next),
        cites,
    })
}

/// A little too long can be shortened; twice too long is not what was asked for.
fn bearable(cause: &str, next: &str) -> Result<(), Unfit> {
    match words(cause) + words(next) > 2 * MAX_WORDS {
        true => Err(Unfit::TooLong),
        false => Ok(()),
    }
}

/// Holds a guess to its length and to what may be shown.
fn bounded(mut guess: Guess) -> Result<Guess, Unfit> {
    if guess.cause.is_empty() {
        return Err(Unfit::Unparsable);
    }
    let all = format!("{} {}", guess.cause, guess.next);
    if hostile::is_hostile(&all) {
        return Err(Unfit::Refused);
    }
    let cause = whole_sentences(guess.cause.as_str(), MAX_WORDS).ok_or(Unfit::TooLong)?;
    let left = MAX_WORDS.saturating_sub(words(&cause));
    let next = whole_sentences(guess.next.as_str(), left).unwrap_or_default();
    guess.cause = Inert::new(&cause);
    guess.next = Inert::new(&next);
    Ok(guess)
}

/// As many sentences as have at most `most` words together. `None`: not even one.
fn whole_sentences(text: &str, most: usize) -> Option<String> {
    if words(text) <= most && !text.ends_with('…') {
        return Some(text.to_owned());
    }
    let ends = text.char_indices().filter(|(at, c)| {
        let next = text.get(at + c.len_utf8()..).unwrap_or_default();
        match c {
            '.' | '!' | '?' => next.starts_with(' '),
            c => *c == '。',
        }
    });
    let fits = ends
        .filter_map(|(at, c)| text.get(..at + c.len_utf8()))
        .take_while(|part| words(part) <= most);
    fits.last().map(str::to_owned)
}

/// How many words a text has; where words are not set apart by spaces, two characters count as one.
#[must_use]
pub fn words(text: &str) -> usize {
    let dense = |c: &char| {
        matches!(c, '\u{0E00}'..='\u{0EFF}' | '\u{1000}'..='\u{109F}' | '\u{1780}'..='\u{17FF}' | '\u{3040}'..='\u{9FFF}'
            | '\u{20000}'..='\u{3FFFF}')
    };
    text.split_whitespace().count() + text.chars().filter(dense).count() / 2
}

/// A text, or several that belong together.
fn words_of(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) => Some(text.clone()),
        Value::Array(parts) => {
            let parts: Vec<&str> = parts.iter().filter_map(Value::as_str).collect();
            (!parts.is_empty()).then(|| parts.join(" "))
        }
        _ => None,
    }
}

/// Numbers of lines, however they are written: `3`, `"3"`, `"[3]"`, `[3, "[4]"]`.
fn numbers(value: Option<&Value>) -> Vec<usize> {
    match value {
        Some(Value::Number(n)) => vec![whole(n)],
        Some(Value::String(text)) => text
            .split(|c: char| !c.is_ascii_digit())
            .filter(|digits| !digits.is_empty())
            .map(|digits| digits.parse().unwrap_or(usize::MAX))
            .collect(),
        Some(Value::Array(all)) => all
            .iter()
            .take(64)
            .filter(|v| !v.is_array())
            .flat_map(|v| numbers(Some(v)))
            .collect(),
        _ => Vec::new(),
    }
}

/// No line has a number that is none.
fn whole(n: &serde_json::Number) -> usize {
    let whole = n.as_u64().and_then(|n| usize::try_from(n).ok());
    whole.unwrap_or(usize::MAX)
}

fn confidence(value: Option<&Value>) -> Confidence {
    let share = |n: f64| match if n > 1.0 { n / 100.0 } else { n } {
        n if n >= 0.8 => Confidence::High,
        n if n >= 0.5 => Confidence::Medium,
        _ => Confidence::Low,
    };
    match value {
        Some(Value::Number(n)) => n.as_f64().map_or(Confidence::Low, share),
        Some(Value::String(text)) => match text.trim().to_ascii_lowercase().as_str() {
            "high" => Confidence::High,
            "medium" => Confidence::Medium,
            _ => Confidence::Low,
        },
        _ => Confidence::Low,
    }
}

#[cfg(test)]
#[path = "reply_tests.rs"]
mod tests;
