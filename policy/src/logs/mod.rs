//! What a log says, without an LLM: the lines that matter, the probable cause in a sentence, and how sure that is.
//!
//! A log is hostile text. It is cleaned, redacted whole (so that no secret is cut in half), read line by line against one
//! table of wordings, and what is found is only shown, never decided from.

mod cause;
mod clean;
mod extract;
mod line;
mod patterns;
mod sentence;
#[cfg(test)]
mod tests;

use crate::{
    bounds::{CleanLine, Message},
    observation::{LogCause, LogFindings},
    redact,
};
use line::Line;
pub(crate) use line::fingerprint;
use std::collections::HashMap;

/// At most this much of a log is read, from its end: what a container says last, it dies of (faults.md, row 74).
pub const MAX_BYTES: usize = 64 * 1024;
/// The most lines that are kept.
const MAX_LINES: usize = 10;
/// Where nothing matters, this many of the last lines are shown.
const TAIL: usize = 5;
/// The most different lines that are compared; the newest are read first.
const MAX_GROUPS: usize = 256;
/// How much the last line of a log outweighs the first.
const RECENCY: i32 = 20;
/// From this weight on, a wording names a cause; below, it only says that something is wrong.
const NAMES_A_CAUSE: i32 = 40;
/// A second cause as close as this makes the first less sure.
const RIVAL: i32 = 6;

/// Lines that say the same but for numbers and ids.
struct Group {
    /// The place of the newest of them.
    at: usize,
    count: u32,
    hit: patterns::Hit,
    score: i32,
}

/// Finds what matters in a log. `None`: there is no readable text in it.
#[must_use]
pub fn analyse(bytes: &[u8]) -> Option<LogFindings> {
    let text = redact::raw(&clean::text(bytes));
    let lines = line::read(&text);
    let last = lines.iter().rev().find(|l| !l.frame)?;
    let groups = groups(&lines);
    let shown = shown(&lines, &groups);
    let best = groups.iter().max_by_key(|g| (g.score, g.at));
    let found = best.filter(|g| g.hit.weight >= NAMES_A_CAUSE);
    let (cause, confidence, sentence) = match (found, best) {
        (Some(g), _) => {
            let said = lines.get(g.at).map_or("", |l| l.text.as_ref());
            (
                g.hit.cause,
                confidence(g, &groups),
                sentence::of(&g.hit, said),
            )
        }
        (None, Some(g)) => {
            let said = lines.get(g.at).map_or("", |l| l.text.as_ref());
            (
                LogCause::Unknown,
                25,
                format!("its log says: {}", extract::head(said)),
            )
        }
        (None, None) => {
            let said = extract::head(&last.text);
            (LogCause::Unknown, 10, format!("its log ends with: {said}"))
        }
    };
    Some(LogFindings {
        cause,
        confidence,
        sentence: Message::new(&sentence),
        lines: shown,
    })
}

/// The lines with a hit, newest first, those that say the same taken together.
fn groups(lines: &[Line<'_>]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut known: HashMap<u64, usize> = HashMap::new();
    let total = i32::try_from(lines.len().max(1)).unwrap_or(i32::MAX);
    for (at, line) in lines.iter().enumerate().rev() {
        let Some(hit) = patterns::best(line) else {
            continue;
        };
        let key = line::fingerprint(&line.text);
        if let Some(group) = known.get(&key).and_then(|i| groups.get_mut(*i)) {
            group.count = group.count.saturating_add(line.repeats);
            continue;
        }
        if groups.len() >= MAX_GROUPS {
            break;
        }
        let place = i32::try_from(at).unwrap_or(total).saturating_add(1);
        let score = hit.weight + RECENCY.saturating_mul(place) / total;
        known.insert(key, groups.len());
        groups.push(Group {
            at,
            count: line.repeats,
            hit,
            score,
        });
    }
    groups
}

/// How sure the cause is, in percent: the wording's own weight, less if another cause is as likely.
fn confidence(best: &Group, groups: &[Group]) -> u8 {
    let rival = groups.iter().any(|g| {
        g.hit.cause != best.hit.cause
            && g.hit.weight >= NAMES_A_CAUSE
            && best.score - g.score <= RIVAL
    });
    let sure = best.hit.weight + if best.count > 1 { 3 } else { 0 } - if rival { 15 } else { 0 };
    u8::try_from(sure.clamp(5, 95)).unwrap_or(5)
}

/// The lines to show, in the log's order: the weightiest, then the last ones for want of others.
fn shown(lines: &[Line<'_>], groups: &[Group]) -> Vec<CleanLine> {
    let mut weighty: Vec<&Group> = groups.iter().collect();
    weighty.sort_by_key(|g| std::cmp::Reverse((g.score, g.at)));
    let mut chosen: Vec<(usize, u32)> = weighty
        .iter()
        .take(MAX_LINES)
        .map(|g| (g.at, g.count))
        .collect();
    let mut fill = lines.iter().enumerate().rev();
    while chosen.len() < TAIL
        && let Some((at, line)) = fill.next()
    {
        let same = |i: &usize| {
            let other = lines.get(*i).map(|l| line::fingerprint(&l.text));
            other == Some(line::fingerprint(&line.text))
        };
        if !line.frame && !chosen.iter().any(|(i, _)| same(i)) {
            chosen.push((at, line.repeats));
        }
    }
    chosen.sort_unstable();
    let text =
        |(at, count): (usize, u32)| lines.get(at).map(|line| CleanLine::new(&line.shown(count)));
    chosen.into_iter().filter_map(text).collect()
}
