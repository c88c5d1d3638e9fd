//! Lines: time stamps off, JSON records unwrapped, stack traces folded into the line that they belong to.

use crate::bounds::LogLine;
use serde::Deserialize;
use std::borrow::Cow;

/// How bad a line says it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    /// Debug, trace or info.
    Low,
    /// It does not say.
    #[default]
    Unsaid,
    /// A warning.
    Warning,
    /// An error or worse.
    Error,
}

/// One line.
#[derive(Clone, Debug)]
pub(super) struct Line<'t> {
    pub(super) text: Cow<'t, str>,
    pub(super) level: Level,
    /// Part of a stack trace: never shown by itself.
    pub(super) frame: bool,
    /// Stack frames that follow it.
    pub(super) frames: u32,
    /// How often it stands here in a row.
    pub(super) repeats: u32,
}

impl Line<'_> {
    /// The line as a person sees it, with what was collapsed into it.
    pub(super) fn shown(&self, count: u32) -> LogLine {
        let mut tail = String::new();
        if self.frames > 0 {
            tail.push_str(&format!(" (+{} stack frames)", self.frames));
        }
        if count > 1 {
            tail.push_str(&format!(" (×{count})"));
        }
        // Room for the tail, so that a long line does not push it out.
        let room = 300usize.saturating_sub(tail.len());
        let mut text = self.text.as_ref().to_owned();
        if text.len() > room {
            let mut cut = room.saturating_sub('…'.len_utf8());
            while !text.is_char_boundary(cut) {
                cut -= 1;
            }
            text.truncate(cut);
            text.push('…');
        }
        LogLine::new(&(text + &tail))
    }
}

/// Reads all lines of a clean text.
pub(super) fn read(text: &str) -> Vec<Line<'_>> {
    let mut lines: Vec<Line<'_>> = Vec::new();
    let mut panicked = false;
    for raw in text.lines() {
        let line = one(raw);
        if line.text.is_empty() {
            continue;
        }
        if line.frame {
            let owner = lines.iter_mut().rev().find(|l| !l.frame);
            if let Some(owner) = owner {
                owner.frames = owner.frames.saturating_add(1);
                continue;
            }
        }
        // Rust writes the message of a panic on the line after its place.
        if std::mem::take(&mut panicked)
            && let Some(before) = lines.last_mut()
        {
            before.text = Cow::Owned(format!("{} {}", before.text, line.text));
            continue;
        }
        panicked = line.text.contains("panicked at ") && line.text.ends_with(':');
        match lines.last_mut() {
            Some(before) if before.text == line.text && before.frames == 0 => {
                before.repeats = before.repeats.saturating_add(1);
            }
            _ => lines.push(line),
        }
    }
    python(&mut lines);
    lines
}

/// A Python traceback ends in the exception, after its frames: the frames belong to it.
fn python(lines: &mut [Line<'_>]) {
    for at in 1..lines.len() {
        let frames = match lines.get(at - 1) {
            Some(head) if head.text.starts_with("Traceback (most recent call last)") => head.frames,
            _ => continue,
        };
        if let Some(exception) = lines.get_mut(at) {
            exception.frames = exception.frames.saturating_add(frames);
        }
        if let Some(head) = lines.get_mut(at - 1) {
            head.frame = true;
        }
    }
}

fn one(raw: &str) -> Line<'_> {
    let frame = is_frame(raw);
    let bare = without_time(raw.trim());
    let (text, level) = match record(bare) {
        Some((text, level)) => (Cow::Owned(text), level),
        None => (Cow::Borrowed(bare), level(bare)),
    };
    Line {
        text,
        level,
        frame,
        frames: 0,
        repeats: 1,
    }
}

/// The fields of a JSON log record that say something, by the names that loggers give them.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Record {
    #[serde(
        alias = "message",
        alias = "@message",
        alias = "event",
        alias = "MESSAGE",
        alias = "log"
    )]
    msg: Option<serde_json::Value>,
    #[serde(
        alias = "err",
        alias = "exception",
        alias = "error_message",
        alias = "cause"
    )]
    error: Option<serde_json::Value>,
    #[serde(
        alias = "lvl",
        alias = "severity",
        alias = "levelname",
        alias = "Level",
        alias = "@l"
    )]
    level: Option<serde_json::Value>,
    /// tracing-subscriber puts everything in here.
    fields: Option<Box<Record>>,
}

/// A JSON record as `message: error`. What it says of itself is text like any other: a forged one gains nothing.
fn record(line: &str) -> Option<(String, Level)> {
    if !line.starts_with('{') || !line.ends_with('}') {
        return None;
    }
    let outer: Record = serde_json::from_str(line).ok()?;
    let inner = outer.fields.unwrap_or_default();
    let msg = say(outer.msg.as_ref()).or_else(|| say(inner.msg.as_ref()));
    let error = say(outer.error.as_ref()).or_else(|| say(inner.error.as_ref()));
    let text = match (msg, error) {
        (Some(m), Some(e)) if !m.contains(&e) => format!("{m}: {e}"),
        (Some(m), _) => m,
        (None, Some(e)) => e,
        (None, None) => return None,
    };
    let level = say(outer.level.as_ref()).map_or(Level::Unsaid, |l| match l.as_str() {
        // Pino and bunyan count.
        "10" | "20" | "30" => Level::Low,
        "40" => Level::Warning,
        "50" | "60" => Level::Error,
        word => level(word),
    });
    Some((text, level))
}

/// The first line of a value: text, or the message of an error object.
fn say(value: Option<&serde_json::Value>) -> Option<String> {
    let text = match value? {
        serde_json::Value::String(s) => s.clone(),
        serde_json::Value::Number(n) => n.to_string(),
        serde_json::Value::Object(o) => {
            let named = o.get("message").or_else(|| o.get("msg"))?;
            named.as_str()?.to_owned()
        }
        _ => return None,
    };
    let first = text.lines().next().unwrap_or_default().trim();
    (!first.is_empty()).then(|| first.chars().filter(|c| !c.is_control()).collect())
}

/// What a line says of its level within its first words.
fn level(line: &str) -> Level {
    let head: String = line
        .chars()
        .take(48)
        .collect::<String>()
        .to_ascii_lowercase();
    let mut words = head.split(|c: char| !c.is_ascii_alphanumeric());
    words
        .find_map(|w| match w {
            "error" | "err" | "fatal" | "critical" | "crit" | "panic" | "severe" | "alert"
            | "emerg" => Some(Level::Error),
            "warn" | "warning" => Some(Level::Warning),
            "info" | "debug" | "trace" | "notice" => Some(Level::Low),
            _ => None,
        })
        .unwrap_or_default()
}

/// Removes a leading time (RFC 3339, `2026/11/21 09:00:00`, `[21/Nov/2026…]`, klog, epoch): lines that repeat must compare equal.
fn without_time(line: &str) -> &str {
    let mut rest = line;
    for _ in 0..3 {
        let word = rest.split([' ', '\t']).next().unwrap_or_default();
        let bare = word.trim_matches(['[', ']', '(', ')', ',']);
        let digits = bare.bytes().filter(u8::is_ascii_digit).count();
        let marks = bare
            .bytes()
            .filter(|b| matches!(b, b':' | b'-' | b'/' | b'.'))
            .count();
        let letters = bare.bytes().filter(u8::is_ascii_alphabetic).count();
        let clock =
            digits >= 4 && marks >= 2 && letters <= 3 && digits + marks + letters + 2 >= bare.len();
        let klog = bare.len() == 5 && digits == 4 && bare.starts_with(['I', 'W', 'E', 'F']);
        // An address is no time: `10.0.0.1:5432 refused`.
        let address = bare.split('.').count() == 4;
        if !(clock || klog) || address {
            break;
        }
        rest = rest.get(word.len()..).unwrap_or_default().trim_start();
    }
    rest
}

/// Whether a raw line is a frame of a stack trace (Java, Node, .NET; Python; Go; Rust).
fn is_frame(raw: &str) -> bool {
    let line = raw.trim_start();
    let indented = line.len() < raw.len();
    if line.starts_with("at ") && (indented || line.ends_with(')')) {
        return true;
    }
    let more = line.starts_with("... ")
        && (line.ends_with(" more") || line.ends_with("common frames omitted"));
    let python = indented && line.starts_with("File \"") && line.contains("\", line ");
    let go = line.starts_with("goroutine ") && line.ends_with(':')
        || line.starts_with("created by ")
        || line.starts_with("[signal SIG")
        || (line.contains('.') && line.ends_with(')') && !line.contains(' '))
        || (indented && line.contains(".go:"))
        || line.ends_with("(...)") && line.contains('.')
        || (line.contains("({0x") || line.contains("(0x")) && line.ends_with(')');
    let rust = indented
        && line.split_once(": ").is_some_and(|(n, what)| {
            !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()) && what.contains("::")
        });
    let python_code = raw.starts_with("    ") && !line.contains(": ")
        || line.bytes().all(|b| matches!(b, b'^' | b'~'));
    more || python || go || rust || python_code || line == "stack backtrace:"
}

/// What stays of a line when numbers, ids and hex are taken out: lines with one fingerprint are one line, repeated.
pub(crate) fn fingerprint(text: &str) -> u64 {
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut add = |b: u8| hash = (hash ^ u64::from(b)).wrapping_mul(PRIME);
    let is_word = |c: char| !c.is_ascii_alphanumeric();
    for piece in text.split_inclusive(is_word) {
        let word = piece.trim_end_matches(is_word);
        let digits = word.bytes().any(|b| b.is_ascii_digit());
        let hex = word.len() >= 6 && word.bytes().all(|b| b.is_ascii_hexdigit());
        if digits || hex {
            add(b'#');
        } else {
            word.bytes().for_each(&mut add);
        }
        piece.bytes().skip(word.len()).for_each(&mut add);
    }
    hash
}
