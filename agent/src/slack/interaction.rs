//! What a person did in Slack: raw bytes of either transport become one closed enum. Never trusted further than its shape.
//!
//! Source: <https://docs.slack.dev/reference/interaction-payloads>. Unknown fields are skipped, an unknown kind is
//! [`Interaction::Other`], and a form that can be read in two ways is refused. A click's `response_url` is not read, a command's is
//! followed on Slack's own host alone.

use super::{api::Id, response::ResponseUrl, verify::Proven};
use podmender_policy::bounds::Text;
use serde::Deserialize;

/// A body or frame of more bytes is not read at all.
pub const MAX_BODY: usize = 1 << 20;
/// The slash command that is ours.
const COMMAND: &str = "/podmender";

/// One thing that a person did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Interaction {
    /// Pressed one of our buttons.
    Click(Click),
    /// Typed `/podmender …`.
    Command(Command),
    /// Wrote `@podmender …`.
    Mention(Mention),
    /// Slack asks whether the endpoint is ours: it wants this text back.
    Challenge(Text<256>),
    /// Well-formed, and nothing of ours: acknowledged and left alone.
    Other,
}

/// A button that was pressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Click {
    /// Which one.
    pub button: Button,
    /// What it carried: opaque, and only of use if it is found among our own incidents.
    pub ticket: Text<64>,
    /// Who pressed it.
    pub speaker: Speaker,
    /// Where its message stands.
    pub channel: Id,
    /// Which message.
    pub message_ts: Id,
    /// Opens a modal, once, for three seconds.
    pub trigger: Text<128>,
}

/// Our buttons, by `action_id`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Button {
    /// `podmender_approve`.
    Approve,
    /// `podmender_deny`.
    Deny,
    /// `podmender_snooze`.
    Snooze,
    /// `podmender_details`.
    Details,
}

/// Who speaks, as Slack says it. Whether that person may is decided elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Speaker {
    /// The user.
    pub user: Id,
    /// The user's own workspace; in a shared channel that is not ours.
    pub team: Id,
    /// The organisation, if there is one.
    pub enterprise: Option<Id>,
}

/// A slash command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// What stood behind it.
    pub text: Text<256>,
    /// Who typed it.
    pub speaker: Speaker,
    /// Where.
    pub channel: Id,
    /// Where the answer may be sent.
    pub response: Option<ResponseUrl>,
}

/// A message that names the app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mention {
    /// The message with the name in front.
    pub text: Text<256>,
    /// Who wrote it.
    pub speaker: Speaker,
    /// Where.
    pub channel: Id,
    /// The message itself.
    pub ts: Id,
    /// The message whose thread it stands in.
    pub thread: Option<Id>,
    /// Slack's id of the delivery's content: the same again is a redelivery.
    pub event: Text<64>,
}

/// Why a body cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Malformed {
    /// More than [`MAX_BODY`]: 413.
    #[error("larger than 1 MiB")]
    TooLarge,
    /// Not UTF-8: 400.
    #[error("not UTF-8")]
    NotUtf8,
    /// No JSON of a shape that Slack sends: 400.
    #[error("not of the documented shape")]
    Shape,
    /// The form has no `payload`, or two: 400.
    #[error("the form is not exactly one payload")]
    Payload,
}

impl Malformed {
    /// A short word for metrics.
    #[must_use]
    pub fn category(self) -> &'static str {
        match self {
            Self::TooLarge => "too_large",
            Self::NotUtf8 => "not_utf8",
            Self::Shape => "shape",
            Self::Payload => "payload",
        }
    }
}

/// `POST /slack/interactions`: a form with the JSON in `payload`.
///
/// # Errors
/// See [`Malformed`].
pub fn interaction(proven: &Proven<'_>) -> Result<Interaction, Malformed> {
    form_payload(proven.body()).and_then(|json| actions(&json))
}

/// `POST /slack/commands`: a form.
///
/// # Errors
/// See [`Malformed`].
pub fn command(proven: &Proven<'_>) -> Result<Interaction, Malformed> {
    command_form(proven.body())
}

/// `POST /slack/events`: JSON.
///
/// # Errors
/// See [`Malformed`].
pub fn event(proven: &Proven<'_>) -> Result<Interaction, Malformed> {
    text(proven.body()).and_then(events)
}

fn text(body: &[u8]) -> Result<&str, Malformed> {
    if body.len() > MAX_BODY {
        return Err(Malformed::TooLarge);
    }
    std::str::from_utf8(body).map_err(|_| Malformed::NotUtf8)
}

fn form_payload(body: &[u8]) -> Result<String, Malformed> {
    let mut found = form_urlencoded::parse(text(body)?.as_bytes())
        .filter(|(key, _)| key == "payload")
        .map(|(_, value)| value.into_owned());
    match (found.next(), found.next()) {
        (Some(json), None) => Ok(json),
        _ => Err(Malformed::Payload),
    }
}

fn command_form(body: &[u8]) -> Result<Interaction, Malformed> {
    let mut fields = serde_json::Map::new();
    for (key, value) in form_urlencoded::parse(text(body)?.as_bytes()) {
        // A field that stands twice can be read in two ways.
        if fields.insert(key.into_owned(), value.into()).is_some() {
            return Err(Malformed::Shape);
        }
    }
    let command = serde_json::from_value(fields.into()).map_err(|_| Malformed::Shape)?;
    Ok(commanded(command))
}

#[derive(Deserialize)]
struct RawCommand {
    command: String,
    #[serde(default)]
    text: Text<256>,
    user_id: Id,
    team_id: Id,
    #[serde(default)]
    enterprise_id: Option<Id>,
    #[serde(default)]
    channel_id: Id,
    #[serde(default)]
    response_url: Option<ResponseUrl>,
}

/// The payload of a slash command in a socket's envelope.
///
/// # Errors
/// See [`Malformed`].
pub(super) fn command_json(json: &str) -> Result<Interaction, Malformed> {
    serde_json::from_str(json)
        .map(commanded)
        .map_err(|_| Malformed::Shape)
}

fn commanded(raw: RawCommand) -> Interaction {
    if raw.command != COMMAND {
        return Interaction::Other;
    }
    Interaction::Command(Command {
        text: raw.text,
        speaker: Speaker {
            user: raw.user_id,
            team: raw.team_id,
            enterprise: raw.enterprise_id.filter(|e| !e.is_empty()),
        },
        channel: raw.channel_id,
        response: raw.response_url,
    })
}

#[derive(Deserialize)]
struct Kind {
    r#type: String,
}

fn kind(json: &str) -> Result<String, Malformed> {
    serde_json::from_str::<Kind>(json)
        .map(|k| k.r#type)
        .map_err(|_| Malformed::Shape)
}

#[derive(Deserialize)]
struct RawActions {
    user: RawUser,
    #[serde(default)]
    team: Option<Named>,
    #[serde(default)]
    enterprise: Option<Named>,
    #[serde(default)]
    channel: Option<Named>,
    #[serde(default)]
    container: Container,
    #[serde(default)]
    trigger_id: Text<128>,
    actions: Vec<RawAction>,
}

#[derive(Deserialize)]
struct RawUser {
    id: Id,
    #[serde(default)]
    team_id: Option<Id>,
}

#[derive(Deserialize)]
struct Named {
    id: Id,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Container {
    message_ts: Id,
    channel_id: Id,
}

#[derive(Deserialize)]
struct RawAction {
    action_id: String,
    /// Only buttons have one of this form.
    #[serde(default)]
    value: Option<String>,
}

/// The payload of an interaction: of a form, or in a socket's envelope.
///
/// # Errors
/// See [`Malformed`].
pub(super) fn actions(json: &str) -> Result<Interaction, Malformed> {
    if kind(json)? != "block_actions" {
        return Ok(Interaction::Other);
    }
    let raw: RawActions = serde_json::from_str(json).map_err(|_| Malformed::Shape)?;
    let [action] = raw.actions.as_slice() else {
        return Ok(Interaction::Other);
    };
    let button = match action.action_id.as_str() {
        "podmender_approve" => Button::Approve,
        "podmender_deny" => Button::Deny,
        "podmender_snooze" => Button::Snooze,
        "podmender_details" => Button::Details,
        _ => return Ok(Interaction::Other),
    };
    let value = action.value.as_deref().ok_or(Malformed::Shape)?;
    // The user's own workspace counts, not the one in which the channel is shared.
    let team = raw.user.team_id.or(raw.team.map(|t| t.id));
    let channel = raw.channel.map(|c| c.id);
    Ok(Interaction::Click(Click {
        button,
        ticket: Text::new(value),
        speaker: Speaker {
            user: raw.user.id,
            team: team.unwrap_or_default(),
            enterprise: raw.enterprise.map(|e| e.id),
        },
        channel: channel.unwrap_or(raw.container.channel_id),
        message_ts: raw.container.message_ts,
        trigger: raw.trigger_id,
    }))
}

#[derive(Deserialize)]
struct RawEvent {
    event: RawMention,
    #[serde(default)]
    team_id: Id,
    #[serde(default)]
    enterprise_id: Option<Id>,
    event_id: Text<64>,
}

#[derive(Deserialize)]
struct RawMention {
    r#type: String,
    #[serde(default)]
    user: Id,
    #[serde(default)]
    text: Text<256>,
    #[serde(default)]
    channel: Id,
    #[serde(default)]
    ts: Id,
    #[serde(default)]
    thread_ts: Option<Id>,
    #[serde(default)]
    user_team: Option<Id>,
    #[serde(default)]
    team: Option<Id>,
    #[serde(default)]
    bot_id: Option<Id>,
}

/// The payload of an event: a body, or in a socket's envelope.
///
/// # Errors
/// See [`Malformed`].
pub(super) fn events(json: &str) -> Result<Interaction, Malformed> {
    #[derive(Deserialize)]
    struct Asked {
        challenge: Text<256>,
    }
    match kind(json)?.as_str() {
        "url_verification" => serde_json::from_str::<Asked>(json)
            .map(|asked| Interaction::Challenge(asked.challenge))
            .map_err(|_| Malformed::Shape),
        "event_callback" => {
            let raw: RawEvent = serde_json::from_str(json).map_err(|_| Malformed::Shape)?;
            Ok(mentioned(raw))
        }
        _ => Ok(Interaction::Other),
    }
}

fn mentioned(raw: RawEvent) -> Interaction {
    let event = raw.event;
    // What apps write is never answered: two of them would talk for ever.
    if event.r#type != "app_mention" || event.bot_id.is_some() || event.user.is_empty() {
        return Interaction::Other;
    }
    Interaction::Mention(Mention {
        text: event.text,
        speaker: Speaker {
            user: event.user,
            team: event.user_team.or(event.team).unwrap_or(raw.team_id),
            enterprise: raw.enterprise_id,
        },
        channel: event.channel,
        ts: event.ts,
        thread: event.thread_ts,
        event: raw.event_id,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CLICK: &str = include_str!("corpus/click.json");
    const CLICK_ORG: &str = include_str!("corpus/click-org.json");
    const CLICK_FORM: &str = include_str!("corpus/click.form");
    const COMMAND_FORM: &str = include_str!("corpus/command.form");
    const MENTION: &str = include_str!("corpus/mention.json");

    fn click(json: &str) -> Click {
        match actions(json) {
            Ok(Interaction::Click(click)) => click,
            other => panic!("no click: {other:?}"),
        }
    }

    #[test]
    fn a_click_is_read_alike_from_a_form_and_from_json() {
        let read = click(CLICK);
        assert_eq!(read.button, Button::Approve);
        assert_eq!(read.ticket.as_str(), "abcdefghijklmnopqrstuvwxyz");
        assert_eq!(read.speaker.user.as_str(), "U0ADA0001");
        assert_eq!(read.message_ts.as_str(), "1763721870.000100");
        assert_eq!(
            click(&form_payload(CLICK_FORM.as_bytes()).expect("payload")),
            read
        );
    }

    /// Row 47: in a shared channel the speaker's own workspace counts; an organisation has no team.
    #[test]
    fn fault_47_whose_workspace_it_is_is_the_speakers_own() {
        let read = click(CLICK_ORG);
        assert_eq!(read.speaker.team.as_str(), "T0OTHER01");
        assert_eq!(read.speaker.enterprise, Some("E0BIG0001".into()));
        let foreign = CLICK.replacen("\"team_id\":\"T0SHOP001\"", "\"team_id\":\"T0EVIL001\"", 1);
        assert_eq!(click(&foreign).speaker.team.as_str(), "T0EVIL001");
    }

    #[test]
    fn a_command_and_a_mention_are_read() {
        let Ok(Interaction::Command(typed)) = command_form(COMMAND_FORM.as_bytes()) else {
            panic!("no command")
        };
        assert_eq!(typed.text.as_str(), "status shop/api");
        let Ok(Interaction::Mention(said)) = events(MENTION) else {
            panic!("no mention")
        };
        assert_eq!(said.text.as_str(), "<@U0POD0001> snooze 2h");
        assert_eq!(said.thread, Some("1763721870.000100".into()));
        let by_a_bot = MENTION.replacen("\"user\":", "\"bot_id\":\"B1\",\"user\":", 1);
        assert_eq!(events(&by_a_bot), Ok(Interaction::Other));
        let challenge = events(include_str!("corpus/challenge.json"));
        assert!(matches!(challenge, Ok(Interaction::Challenge(_))));
    }

    #[test]
    fn what_is_not_ours_is_left_alone_and_what_is_unclear_refused() {
        assert_eq!(
            actions(include_str!("corpus/view.json")),
            Ok(Interaction::Other)
        );
        let foreign = CLICK.replace("podmender_approve", "other_approve");
        assert_eq!(actions(&foreign), Ok(Interaction::Other));
        let twice = [CLICK_FORM, "&", CLICK_FORM].concat();
        assert_eq!(form_payload(twice.as_bytes()), Err(Malformed::Payload));
        assert_eq!(form_payload(b"x=1"), Err(Malformed::Payload));
        let two_users = [COMMAND_FORM, "&user_id=U0EVIL001"].concat();
        assert_eq!(command_form(two_users.as_bytes()), Err(Malformed::Shape));
        let two_users = CLICK.replacen("\"id\":", "\"id\":\"U0EVIL001\",\"id\":", 1);
        assert_eq!(actions(&two_users), Err(Malformed::Shape));
        assert_eq!(form_payload(b"payload=\xff"), Err(Malformed::NotUtf8));
        assert_eq!(
            form_payload(&vec![b'a'; MAX_BODY + 1]),
            Err(Malformed::TooLarge)
        );
        assert_eq!(actions(&"[".repeat(100_000)), Err(Malformed::Shape));
    }

    fn all(body: &[u8]) {
        let _ = form_payload(body).and_then(|json| actions(&json));
        let _ = command_form(body);
        let _ = text(body).and_then(actions);
        let _ = text(body).and_then(events);
        let _ = text(body).and_then(command_json);
    }

    proptest! {
        #[test]
        fn nothing_makes_it_fall_over(
            which in 0..5_usize,
            cuts in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
            end in any::<prop::sample::Index>(),
        ) {
            let seed = [CLICK, CLICK_ORG, CLICK_FORM, COMMAND_FORM, MENTION][which];
            let mut body = seed.as_bytes().to_vec();
            all(&body);
            for (at, byte) in cuts {
                let at = at.index(body.len());
                body[at] = byte;
            }
            all(&body);
            body.truncate(end.index(body.len()));
            all(&body);
        }

        #[test]
        fn no_ticket_is_longer_than_its_bound(value in ".{0,300}") {
            let json = CLICK.replace("abcdefghijklmnopqrstuvwxyz", &value.escape_default().to_string());
            if let Ok(Interaction::Click(click)) = actions(&json) {
                prop_assert!(click.ticket.as_str().len() <= 64);
            }
        }
    }
}
