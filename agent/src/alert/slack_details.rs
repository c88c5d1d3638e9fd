//! The modal behind the button Details: the incident's timeline, evidence and commands, within Slack's limits of a view.

use crate::alert::{
    fact,
    notice::Notice,
    slack::{self, SECTION},
    slack_card::preformatted,
    story,
};
use jiff::Timestamp;
use podmender_policy::incident::Incident;
use serde_json::{Value, json};

/// So many blocks of timeline at most, of [`SECTION`] characters each. (Slack takes 100 blocks and 250 kB in a view.)
const TIMELINE: usize = 8;

/// The view to open.
#[must_use]
pub fn details_view(incident: &Incident, now: Timestamp) -> Value {
    let story = story::of(&Notice::of(incident), now);
    let mut blocks = vec![slack::header(&story.title)];
    let facts = story
        .facts
        .iter()
        .map(|(label, text)| format!("{label}: {text}"));
    let timeline = incident.status.timeline.iter().map(|record| {
        let at = story::clock(record.at, now);
        format!("{at}  {}", fact::words(&record.fact))
    });
    let attempts = incident.status.attempts.iter().map(story::attempt);
    for (heading, lines, most) in [
        ("What happens", facts.collect(), 1),
        ("What the cluster says", story.evidence, 1),
        ("What was tried", attempts.collect(), 1),
        ("Timeline", timeline.collect(), TIMELINE),
        ("Look closer", story.commands, 1),
    ] {
        let lines: Vec<String> = lines;
        if lines.is_empty() {
            continue;
        }
        blocks.push(slack::header(heading));
        blocks.extend(pages(&lines, most).into_iter().map(preformatted));
    }
    blocks.push(slack::context(&format!(
        "Incident {} · policy {}",
        incident.id, incident.spec.policy
    )));
    json!({
        "type": "modal",
        "title": {"type": "plain_text", "text": "Incident", "emoji": false},
        "close": {"type": "plain_text", "text": "Close", "emoji": false},
        "blocks": blocks,
    })
}

/// Cuts lines to at most `most` pieces that fit a block each; the last one counts what does not fit.
fn pages(lines: &[String], most: usize) -> Vec<&[String]> {
    let mut out = Vec::new();
    let mut rest = lines;
    while !rest.is_empty() && out.len() + 1 < most {
        let mut room = SECTION - 40;
        let fits = rest.iter().take_while(|line| {
            let left = room.checked_sub(line.chars().count() + 1);
            room = left.unwrap_or(0);
            left.is_some()
        });
        // A line that alone is too long is left to the last page, which says that it is left out.
        let fits = fits.count();
        if fits == 0 {
            break;
        }
        let (page, more) = rest.split_at(fits);
        out.push(page);
        rest = more;
    }
    if !rest.is_empty() {
        out.push(rest);
    }
    out
}
