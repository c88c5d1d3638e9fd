//! Whether an HTTP request is Slack's: HMAC over the raw body, in constant time, before anything in it is read.
//!
//! Source: <https://docs.slack.dev/authentication/verifying-requests-from-slack>. Pure: the time is an argument.

use super::secret::Value;
use hmac::{Hmac, KeyInit, Mac};
use jiff::{SignedDuration, Timestamp};
use sha2::Sha256;
use std::collections::{HashSet, VecDeque};

/// How far a request's time may be from ours, in either direction.
pub const WINDOW: SignedDuration = SignedDuration::from_secs(300);
/// Signatures that are remembered. More than this in [`WINDOW`] forgets the oldest: a decision is taken once even then,
/// because it is a compare-and-swap.
const REMEMBERED: usize = 16_384;

/// A request as it came in.
#[derive(Clone, Copy)]
pub struct Signed<'a> {
    /// `X-Slack-Request-Timestamp`.
    pub timestamp: Option<&'a [u8]>,
    /// `X-Slack-Signature`.
    pub signature: Option<&'a [u8]>,
    /// The body, byte by byte as it was sent.
    pub body: &'a [u8],
}

/// The body of a request that is proven to be Slack's. Only [`verify`] makes one.
#[derive(Clone, Copy)]
pub struct Proven<'a> {
    body: &'a [u8],
    sent: Timestamp,
    signature: Signature,
}

type Signature = [u8; 32];

impl<'a> Proven<'a> {
    /// The body.
    #[must_use]
    pub fn body(&self) -> &'a [u8] {
        self.body
    }
}

/// Why a request is not taken: all of them are 401. A metric counts them by this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// The signing secret is empty: nothing can be proven, so nothing is believed.
    #[error("the signing secret is empty")]
    NoSecret,
    /// There is no time, more than one, or something else.
    #[error("the time of the request is missing or malformed")]
    NoTimestamp,
    /// Sent too long ago, or by a clock that is ahead.
    #[error(
        "the time of the request is more than 300 s from ours: a replay, or one of the clocks is wrong"
    )]
    OutOfWindow,
    /// There is no signature of version 0.
    #[error("the signature is missing or of another form than v0=HEX")]
    NoSignature,
    /// Sent before this agent began: the one before may have taken it, and what that one remembered is gone.
    #[error("the request is older than this agent, so it may have come before")]
    BeforeStart,
    /// The signature is not of this body, this time and our secret.
    #[error("the signature does not fit")]
    BadSignature,
}

impl Refusal {
    /// A short word for metrics.
    #[must_use]
    pub fn category(self) -> &'static str {
        match self {
            Self::NoSecret => "no_secret",
            Self::NoTimestamp => "no_timestamp",
            Self::OutOfWindow => "out_of_window",
            Self::NoSignature => "no_signature",
            Self::BeforeStart => "before_start",
            Self::BadSignature => "bad_signature",
        }
    }
}

/// Proves a request. Reads nothing of the body.
///
/// # Errors
/// See [`Refusal`].
pub fn verify<'a>(
    secret: &Value,
    request: Signed<'a>,
    now: Timestamp,
) -> Result<Proven<'a>, Refusal> {
    if secret.expose().is_empty() {
        return Err(Refusal::NoSecret);
    }
    let raw = request.timestamp.ok_or(Refusal::NoTimestamp)?;
    let sent = seconds(raw).ok_or(Refusal::NoTimestamp)?;
    if now.duration_since(sent).abs() > WINDOW {
        return Err(Refusal::OutOfWindow);
    }
    let signature = request
        .signature
        .and_then(|s| s.strip_prefix(b"v0="))
        .and_then(unhex)
        .ok_or(Refusal::NoSignature)?;
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes())
        .map_err(|_| Refusal::NoSecret)?;
    for part in [b"v0:".as_slice(), raw, b":", request.body] {
        mac.update(part);
    }
    // Compares in constant time.
    mac.verify_slice(&signature)
        .map_err(|_| Refusal::BadSignature)?;
    Ok(Proven {
        body: request.body,
        sent,
        signature,
    })
}

/// Plain digits only: what was signed is these bytes, and no two spellings of a time may pass.
fn seconds(raw: &[u8]) -> Option<Timestamp> {
    let plain = (1..=12).contains(&raw.len()) && raw.iter().all(u8::is_ascii_digit);
    let seconds: i64 = std::str::from_utf8(raw)
        .ok()
        .filter(|_| plain)?
        .parse()
        .ok()?;
    Timestamp::from_second(seconds).ok()
}

/// 64 hex digits, in lower case as Slack writes them.
fn unhex(raw: &[u8]) -> Option<Signature> {
    let digit = |c: u8| match c {
        b'0'..=b'9' => Some(c - b'0'),
        b'a'..=b'f' => Some(c - b'a' + 10),
        _ => None,
    };
    let mut out = Signature::default();
    if raw.len() != 2 * out.len() {
        return None;
    }
    for (byte, pair) in out.iter_mut().zip(raw.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(out)
}

/// Whether a proven request came before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// For the first time.
    First,
    /// Again, byte by byte: answered like the first, and nothing is done.
    Again,
    /// Nobody can tell: it was sent before anything was noted.
    Unknown,
}

/// Requests that were taken within [`WINDOW`]: at most 16,384, about 1 MiB.
#[derive(Debug, Default)]
pub struct Replays {
    since: Option<Timestamp>,
    order: VecDeque<(Timestamp, Signature)>,
    seen: HashSet<Signature>,
}

impl Replays {
    /// Begins now: what was sent earlier cannot be told from a replay. (Slack's times have a grain of a second.)
    #[must_use]
    pub fn since(now: Timestamp) -> Self {
        Self {
            since: Timestamp::from_second(now.as_second()).ok(),
            ..Self::default()
        }
    }

    /// Notes a request. It is forgotten when its own time could no longer pass.
    pub fn note(&mut self, proven: &Proven<'_>, now: Timestamp) -> Sight {
        if self.since.is_some_and(|since| proven.sent < since) {
            return Sight::Unknown;
        }
        // A request may be from as far ahead as WINDOW, and then passes for twice as long.
        while let Some((at, oldest)) = self.order.front() {
            let over = now.duration_since(*at) > WINDOW + WINDOW;
            if !over && self.order.len() < REMEMBERED {
                break;
            }
            self.seen.remove(oldest);
            self.order.pop_front();
        }
        if !self.seen.insert(proven.signature) {
            return Sight::Again;
        }
        self.order.push_back((now, proven.signature));
        Sight::First
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";
    /// Slack's own example, from its documentation.
    const AT: &str = "1531420618";
    const BODY: &str = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
    const SIGNATURE: &str = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";

    fn now() -> Timestamp {
        Timestamp::from_second(1_531_420_618).expect("time")
    }

    fn judged(secret: &str, at: &str, signature: &str, body: &str) -> Result<(), Refusal> {
        let request = Signed {
            timestamp: Some(at.as_bytes()),
            signature: Some(signature.as_bytes()),
            body: body.as_bytes(),
        };
        verify(&secret.into(), request, now()).map(drop)
    }

    #[test]
    fn the_example_of_slacks_documentation_passes() {
        assert_eq!(judged(SECRET, AT, SIGNATURE, BODY), Ok(()));
    }

    /// Row 43.
    #[test]
    fn fault_43_what_is_not_signed_by_slack_is_refused() {
        use Refusal::*;
        let v1 = SIGNATURE.replacen("v0", "v1", 1);
        let upper = SIGNATURE.to_uppercase().replacen("V0", "v0", 1);
        for (secret, at, signature, body, refusal) in [
            ("", AT, SIGNATURE, BODY, NoSecret),
            ("other", AT, SIGNATURE, BODY, BadSignature),
            (SECRET, AT, v1.as_str(), BODY, NoSignature),
            (SECRET, AT, upper.as_str(), BODY, NoSignature),
            (SECRET, AT, "v0=", BODY, NoSignature),
            (SECRET, AT, "", BODY, NoSignature),
            (SECRET, AT, &SIGNATURE[..66], BODY, NoSignature),
            (SECRET, AT, SIGNATURE, &BODY[1..], BadSignature),
            (SECRET, "1531420619", SIGNATURE, BODY, BadSignature),
            (SECRET, "", SIGNATURE, BODY, NoTimestamp),
            (SECRET, "+1531420618", SIGNATURE, BODY, NoTimestamp),
            (SECRET, " 1531420618", SIGNATURE, BODY, NoTimestamp),
            (SECRET, "1531420618.0", SIGNATURE, BODY, NoTimestamp),
            (SECRET, "-99", SIGNATURE, BODY, NoTimestamp),
            (SECRET, "9223372036854775808", SIGNATURE, BODY, NoTimestamp),
        ] {
            assert_eq!(
                judged(secret, at, signature, body),
                Err(refusal),
                "{at} {signature}"
            );
        }
        let bare = Signed {
            timestamp: None,
            signature: None,
            body: b"",
        };
        assert_eq!(verify(&SECRET.into(), bare, now()).err(), Some(NoTimestamp));
    }

    /// Row 44.
    #[test]
    fn fault_44_a_replay_is_recognised_and_an_old_or_future_one_refused() {
        let request = Signed {
            timestamp: Some(AT.as_bytes()),
            signature: Some(SIGNATURE.as_bytes()),
            body: BODY.as_bytes(),
        };
        let at = |seconds| now() + SignedDuration::from_secs(seconds);
        let secret = SECRET.into();
        let mut replays = Replays::default();
        let first = verify(&secret, request, at(-300)).expect("within");
        assert_eq!(replays.note(&first, at(-300)), Sight::First);
        let last = verify(&secret, request, at(300)).expect("within");
        assert_eq!(replays.note(&last, at(300)), Sight::Again);
        // An agent that was restarted remembers nothing, and believes nothing that is older than itself.
        for (began, sight) in [(-1, Sight::First), (0, Sight::First), (1, Sight::Unknown)] {
            let mut restarted = Replays::since(at(began));
            assert_eq!(restarted.note(&last, at(2)), sight, "{began}");
        }
        for late in [301, -301, 86_400] {
            let refused = verify(&secret, request, at(late)).err();
            assert_eq!(refused, Some(Refusal::OutOfWindow), "{late}");
        }
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut replays = Replays::default();
        for n in 0..REMEMBERED as u64 + 10 {
            let mut signature = Signature::default();
            signature[..8].copy_from_slice(&n.to_le_bytes());
            let proven = Proven {
                body: b"",
                sent: now(),
                signature,
            };
            assert_eq!(replays.note(&proven, now()), Sight::First);
        }
        assert_eq!(
            (replays.order.len(), replays.seen.len()),
            (REMEMBERED, REMEMBERED)
        );
    }

    proptest! {
        #[test]
        fn one_altered_byte_is_enough(at in 0..BODY.len(), flip in 1..=255_u8) {
            let mut body = BODY.as_bytes().to_vec();
            body[at] ^= flip;
            let request = Signed {
                timestamp: Some(AT.as_bytes()),
                signature: Some(SIGNATURE.as_bytes()),
                body: &body,
            };
            prop_assert_eq!(verify(&SECRET.into(), request, now()).err(), Some(Refusal::BadSignature));
        }

        #[test]
        fn no_headers_make_it_fall_over(at in any::<Vec<u8>>(), signature in any::<Vec<u8>>()) {
            let request = Signed { timestamp: Some(&at), signature: Some(&signature), body: b"x" };
            prop_assert!(verify(&SECRET.into(), request, now()).is_err());
        }
    }
}
