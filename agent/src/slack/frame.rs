//! What comes over the socket (Socket Mode): frames of text, each a greeting, an envelope or a farewell.
//!
//! Source: <https://docs.slack.dev/apis/events-api/using-socket-mode>. Pure: `socket.rs` owns the connection.

use super::interaction::{self, Interaction, MAX_BODY, Malformed};
use podmender_policy::bounds::Text;
use serde::Deserialize;
use serde_json::{json, value::RawValue};
use std::collections::{HashSet, VecDeque};

/// Deliveries that are remembered: Slack delivers again within minutes, if at all.
const REMEMBERED: usize = 4096;

/// One frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// The socket is open.
    Hello,
    /// It will be closed: a new one is to be opened first.
    Disconnect(Farewell),
    /// Something that a person did. It must be acknowledged by its id, also if its payload cannot be read.
    Envelope {
        /// What to acknowledge.
        id: EnvelopeId,
        /// What was done.
        payload: Result<Interaction, Malformed>,
    },
    /// Well-formed, and nothing of ours.
    Other,
}

/// An envelope's id.
pub type EnvelopeId = Text<128>;

/// Why Slack closes a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Farewell {
    /// Closes in about ten seconds.
    Warning,
    /// Its time is over: the usual, every few hours.
    Refresh,
    /// Socket Mode was switched off for the app: trying again at once is of no use.
    LinkDisabled,
    /// More sockets are open than an app may have (10).
    TooMany,
    /// A reason that is not documented.
    Unknown,
}

#[derive(Deserialize)]
struct Raw<'a> {
    r#type: String,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    envelope_id: Option<EnvelopeId>,
    #[serde(borrow, default)]
    payload: Option<&'a RawValue>,
}

/// Reads one frame.
///
/// # Errors
/// If it is too large or no JSON: it cannot be acknowledged then.
pub fn read(frame: &str) -> Result<Frame, Malformed> {
    if frame.len() > MAX_BODY {
        return Err(Malformed::TooLarge);
    }
    let raw: Raw<'_> = serde_json::from_str(frame).map_err(|_| Malformed::Shape)?;
    let payload = raw.payload.map_or("null", RawValue::get);
    let payload = match raw.r#type.as_str() {
        "hello" => return Ok(Frame::Hello),
        "disconnect" => return Ok(Frame::Disconnect(farewell(raw.reason.as_deref()))),
        "interactive" => interaction::actions(payload),
        "slash_commands" => interaction::command_json(payload),
        "events_api" => interaction::events(payload),
        _ => Ok(Interaction::Other),
    };
    Ok(match raw.envelope_id.filter(|id| !id.is_empty()) {
        Some(id) => Frame::Envelope { id, payload },
        None => Frame::Other,
    })
}

fn farewell(reason: Option<&str>) -> Farewell {
    match reason {
        Some("warning") => Farewell::Warning,
        Some("refresh_requested") => Farewell::Refresh,
        Some("link_disabled") => Farewell::LinkDisabled,
        Some("too_many_websockets") => Farewell::TooMany,
        _ => Farewell::Unknown,
    }
}

/// The answer that ends Slack's waiting. Nothing else is in it.
#[must_use]
pub fn acknowledgement(id: &EnvelopeId) -> String {
    json!({ "envelope_id": id }).to_string()
}

/// Envelopes or events that were taken: the same one may come again, also over another socket.
#[derive(Debug, Default)]
pub struct Deliveries {
    order: VecDeque<EnvelopeId>,
    seen: HashSet<EnvelopeId>,
}

impl Deliveries {
    /// Whether this is the first time.
    pub fn is_new(&mut self, id: &EnvelopeId) -> bool {
        if !self.seen.insert(id.clone()) {
            return false;
        }
        self.order.push_back(id.clone());
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.seen.remove(&oldest);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SEEDS: [&str; 5] = [
        include_str!("corpus/hello.json"),
        include_str!("corpus/disconnect.json"),
        include_str!("corpus/envelope-click.json"),
        include_str!("corpus/envelope-command.json"),
        include_str!("corpus/envelope-mention.json"),
    ];

    #[test]
    fn frames_are_told_apart() {
        let frames: Vec<Frame> = SEEDS.iter().map(|seed| read(seed).expect(seed)).collect();
        assert_eq!(frames[0], Frame::Hello);
        assert_eq!(frames[1], Frame::Disconnect(Farewell::Refresh));
        let kinds = frames[2..].iter().map(|frame| match frame {
            Frame::Envelope {
                payload: Ok(Interaction::Click(_)),
                ..
            } => "click",
            Frame::Envelope {
                payload: Ok(Interaction::Command(_)),
                ..
            } => "command",
            Frame::Envelope {
                payload: Ok(Interaction::Mention(_)),
                ..
            } => "mention",
            _ => "other",
        });
        assert_eq!(kinds.collect::<Vec<_>>(), ["click", "command", "mention"]);
    }

    #[test]
    fn an_envelope_is_acknowledged_although_its_payload_is_unreadable() {
        let frame =
            r#"{"type":"interactive","envelope_id":"e-1","payload":{"type":"block_actions"}}"#;
        let Ok(Frame::Envelope { id, payload }) = read(frame) else {
            panic!("no envelope")
        };
        assert_eq!(payload, Err(Malformed::Shape));
        assert_eq!(acknowledgement(&id), r#"{"envelope_id":"e-1"}"#);
        assert_eq!(read(r#"{"type":"brand_new"}"#), Ok(Frame::Other));
        assert_eq!(read("not json"), Err(Malformed::Shape));
    }

    /// Row 49.
    #[test]
    fn fault_49_an_envelope_that_comes_again_is_known() {
        let mut deliveries = Deliveries::default();
        assert!(deliveries.is_new(&"a".into()));
        assert!(!deliveries.is_new(&"a".into()));
        for n in 0..REMEMBERED + 10 {
            assert!(deliveries.is_new(&format!("{n}").into()));
        }
        assert_eq!(
            (deliveries.order.len(), deliveries.seen.len()),
            (REMEMBERED, REMEMBERED)
        );
    }

    proptest! {
        #[test]
        fn nothing_makes_it_fall_over(
            which in 0..SEEDS.len(),
            cuts in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        ) {
            let mut frame = SEEDS[which].as_bytes().to_vec();
            for (at, byte) in cuts {
                let at = at.index(frame.len());
                frame[at] = byte;
            }
            if let Ok(frame) = std::str::from_utf8(&frame) {
                let _ = read(frame);
            }
        }
    }
}
