//! The card of a Slack app: one message per incident, with buttons while a person is asked.
//!
//! Everything from the cluster stands in `rich_text` or `plain_text`, which Slack does not parse: no name and no log line
//! can become a mention, a link or an emoji. Limits: <https://docs.slack.dev/reference/block-kit/blocks>.

use crate::alert::{
    digest::Digest,
    lane::Form,
    notice::{Answers, Notice},
    sentence::Sentence,
    slack::{self, HEADER, SECTION},
    story::{self, Story},
};
use jiff::Timestamp;
use podmender_policy::{
    approval::ApprovalRequest,
    incident::Phase,
    remedy::{Effect, RemedyName},
    workload::WorkloadKind,
};
use serde_json::{Value, json};
use std::hash::{DefaultHasher, Hash, Hasher};

/// The block that holds the buttons.
pub const QUESTION: &str = "podmender_question";

/// A button of the card. Its `value` is a ticket and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Button {
    /// Do it.
    Approve,
    /// Leave it.
    Deny,
    /// Ask again in an hour.
    Snooze,
    /// Show the timeline.
    Details,
}

impl Button {
    /// Its `action_id`.
    #[must_use]
    pub fn action_id(self) -> &'static str {
        match self {
            Self::Approve => "podmender_approve",
            Self::Deny => "podmender_deny",
            Self::Snooze => "podmender_snooze",
            Self::Details => "podmender_details",
        }
    }

    fn json(self, ticket: &str) -> Value {
        let (label, style) = match self {
            Self::Approve => ("Approve", Some("primary")),
            Self::Deny => ("Deny", Some("danger")),
            Self::Snooze => ("Snooze 1 h", None),
            Self::Details => ("Details", None),
        };
        let mut button = json!({
            "type": "button",
            "action_id": self.action_id(),
            "text": {"type": "plain_text", "text": label, "emoji": false},
            "value": ticket,
        });
        if let Some(style) = style {
            button["style"] = style.into();
        }
        button
    }
}

/// A message of the app, without its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Card {
    /// What a notification shows.
    pub text: String,
    /// The blocks.
    pub blocks: Vec<Value>,
}

/// The card of an incident as it stands now: posted once, and replaced by its newer self.
#[must_use]
pub fn card(notice: &Notice, form: Form, now: Timestamp) -> Card {
    let story = story::of(notice, now);
    let mut blocks = match form {
        Form::Full => told(notice, &story, now),
        Form::Plain => vec![plain(&story.text())],
    };
    match notice.answers {
        Answers::ByButton => {
            let buttons = buttons(notice.phase).iter();
            let buttons: Vec<_> = buttons.map(|b| b.json(notice.ticket.as_str())).collect();
            blocks.push(json!({"type": "actions", "block_id": QUESTION, "elements": buttons}));
        }
        Answers::ByCommand if notice.phase == Phase::AwaitingApproval => {
            blocks.push(plain(
                "Nothing that is pressed in Slack reaches Podmender. To answer:",
            ));
            blocks.push(preformatted(&story::answers(notice)));
        }
        Answers::ByCommand => {}
    }
    blocks.push(slack::context(&format!(
        "Incident {} · policy {}",
        notice.id, notice.policy
    )));
    Card {
        text: slack::clip(&slack::escaped(&story.title), HEADER),
        blocks,
    }
}

/// Everything but buttons.
fn told(notice: &Notice, story: &Story, now: Timestamp) -> Vec<Value> {
    let mut blocks = vec![slack::header(&story.title)];
    let asks = matches!(notice.phase, Phase::AwaitingApproval);
    let mut facts = Lines::default();
    for (label, text) in &story.facts {
        match *label {
            // With a question, these two are said more exactly below.
            "Decision" | "Next" if asks => {}
            // The card stands for hours: "3 minutes ago" would not stay true.
            "Since" if notice.phase != Phase::Resolved => {
                facts.fact_at("Since", notice.first_seen, now);
            }
            "Answer" => facts.answer(notice),
            label => facts.fact(label, text),
        }
    }
    blocks.push(facts.section());
    if !story.evidence.is_empty() {
        blocks.push(preformatted(&story.evidence));
    }
    if let Some(guess) = &story.guess {
        let mut lines = Lines::default();
        for (label, text) in &guess.facts {
            lines.fact(label, text);
        }
        blocks.push(slack::context(&guess.heading));
        blocks.push(lines.section());
    }
    if let Some(asked) = notice.approval.as_ref().filter(|_| asks) {
        blocks.push(question(notice, asked, now).section());
    }
    if let Some(until) = notice.snoozed_until.filter(|until| *until > now) {
        let mut lines = Lines::default();
        lines.fact_at("Snoozed until", until, now);
        if let Some(by) = &notice.snoozed_by {
            lines.sentence("Snoozed by", by);
        }
        blocks.push(lines.section());
    }
    blocks
}

/// What follows in the thread when a card's news must not be missed: what is the case now, and what is wanted.
///
/// Who answered is named as a member, which notifies them: whoever decided hears what came of it, once, and nobody else does. (The card
/// itself names them without a notice, as an update of a message gives none.)
#[must_use]
pub fn follow_up(notice: &Notice, form: Form, now: Timestamp) -> Card {
    let story = story::of(notice, now);
    let mut lines = Lines::default();
    lines.say(&story.title);
    for (label, text) in &story.facts {
        match *label {
            "Answer" => lines.answer(notice),
            "Tried" | "Decision" | "Now" | "Next" => lines.fact(label, text),
            _ => {}
        }
    }
    Card {
        text: slack::clip(&slack::escaped(&story.title), HEADER),
        blocks: match form {
            Form::Full => vec![lines.section()],
            Form::Plain => vec![plain(&story.title)],
        },
    }
}

/// The digest of many.
#[must_use]
pub fn digest(digest: &Digest, form: Form) -> Card {
    Card {
        text: slack::clip(&slack::escaped(&digest.title()), HEADER),
        blocks: match form {
            Form::Full => slack::digest_blocks(digest),
            Form::Plain => vec![plain(&digest.text())],
        },
    }
}

/// A number that is another one when the card would tell something else: not for each second that passes, and not for each
/// restart in a loop.
#[must_use]
pub(crate) fn face(notice: &Notice) -> u64 {
    let mut still = notice.clone();
    still.diagnosis.restarts = 0;
    still.told = None;
    let card = card(&still, Form::Full, notice.first_seen);
    let mut hasher = DefaultHasher::new();
    for block in &card.blocks {
        block.to_string().hash(&mut hasher);
    }
    hasher.finish()
}

/// Text without any mark-up.
fn plain(text: &str) -> Value {
    json!({"type": "section", "text": {"type": "plain_text", "text": slack::clip(text, SECTION), "emoji": false}})
}

/// Which buttons there are: an answer is possible only while one is wanted.
fn buttons(phase: Phase) -> &'static [Button] {
    match phase {
        Phase::AwaitingApproval => &[
            Button::Approve,
            Button::Deny,
            Button::Snooze,
            Button::Details,
        ],
        Phase::Detected | Phase::Remediating | Phase::Verifying | Phase::Escalated => {
            &[Button::Snooze, Button::Details]
        }
        Phase::Resolved => &[Button::Details],
    }
}

fn question(notice: &Notice, asked: &ApprovalRequest, now: Timestamp) -> Lines {
    let mut lines = Lines::default();
    let effect = asked.effect.as_ref();
    let what = match effect {
        Some(effect) => story::effect(effect),
        None => asked.remedy.as_str().to_owned(),
    };
    lines.fact("Podmender asks", &format!("may it do this: {what}?"));
    lines.fact("Because", asked.because.as_str());
    lines.fact("What changes", &changes(notice, asked.remedy, effect));
    lines.fact(
        "Without an answer",
        "nothing is done, and it is left to a person",
    );
    lines.fact_at("Answers count until", asked.expires_at, now);
    if asked.needed > 1 {
        let mut said = Sentence::text(format!("{} of {}", asked.votes.len(), asked.needed));
        for (n, vote) in asked.votes.iter().enumerate() {
            let before = if n == 0 { " (" } else { ", " };
            said = said.then(before).by(vote.by.as_str(), &vote.via);
        }
        let so_far = if asked.votes.is_empty() { "" } else { ")" };
        let said = said.then(format!("{so_far}, from different people; one Deny ends it"));
        lines.sentence("Approvals", &said);
    }
    lines
}

/// What the cluster would look like afterwards.
fn changes(notice: &Notice, remedy: RemedyName, effect: Option<&Effect>) -> String {
    match effect {
        Some(Effect::Evict { pod, .. }) => {
            let keeper = match notice.workload.kind {
                WorkloadKind::Foreign => "its owner",
                kind => kind.as_str(),
            };
            format!(
                "pod {pod} is evicted, within the PodDisruptionBudgets; {keeper} {} starts a new one. No spec is changed",
                notice.workload.name
            )
        }
        Some(Effect::RolloutRestart { .. }) => "every pod is replaced, as the rollout strategy says. In spec.template.metadata.annotations: + kubectl.kubernetes.io/restartedAt: (the time of the act)".to_owned(),
        None => format!(
            "what {} does under this policy to {}",
            remedy.as_str(),
            story::place(&notice.workload)
        ),
    }
}

/// Lines of label and text that are shown as they are.
#[derive(Default)]
struct Lines {
    elements: Vec<Value>,
    length: usize,
}

impl Lines {
    fn say(&mut self, text: &str) {
        self.length += text.chars().count();
        self.elements
            .push(json!({"type": "text", "text": format!("{text}\n"), "style": {"bold": true}}));
    }

    fn fact(&mut self, label: &str, text: &str) {
        let element = json!({"type": "text", "text": format!("{text}\n")});
        self.push(label, vec![element], text);
    }

    /// In which members of Slack are shown by name. On a card that is brought up to date that notifies nobody; in its thread
    /// it tells who decided what came of it.
    fn sentence(&mut self, label: &str, said: &Sentence) {
        let line = said.clone().then("\n");
        self.push(label, line.elements(SECTION), &said.words());
    }

    /// What came of the question.
    fn answer(&mut self, notice: &Notice) {
        if let Some(answer) = &notice.answer {
            self.sentence("Answer", answer);
        }
    }

    /// With a time that each reader sees in their own zone; where that is not possible, in ours.
    fn fact_at(&mut self, label: &str, at: Timestamp, now: Timestamp) {
        let date = json!({
            "type": "date",
            "timestamp": at.as_second(),
            "format": "{date_short_pretty} {time_secs}",
            "fallback": story::clock(at, now),
        });
        let end = json!({"type": "text", "text": "\n"});
        self.push(label, vec![date, end], "a date, and the time of day");
    }

    /// A whole line or none.
    fn push(&mut self, label: &str, elements: Vec<Value>, shown: &str) {
        let length = label.chars().count() + shown.chars().count() + 3;
        if self.length + length > SECTION {
            return;
        }
        self.length += length;
        let label = format!("{label}: ");
        self.elements
            .push(json!({"type": "text", "text": label, "style": {"bold": true}}));
        self.elements.extend(elements);
    }

    fn section(self) -> Value {
        let section = json!({"type": "rich_text_section", "elements": self.elements});
        json!({"type": "rich_text", "elements": [section]})
    }
}

/// Lines of the cluster's own words. What does not fit is counted.
pub(super) fn preformatted(lines: &[String]) -> Value {
    let text = json!({"type": "text", "text": slack::fitting(lines)});
    json!({"type": "rich_text", "elements": [{"type": "rich_text_preformatted", "elements": [text]}]})
}

#[cfg(test)]
#[path = "slack_card_tests.rs"]
mod tests;
