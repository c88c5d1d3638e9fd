//! How the stand-in misbehaves on order: each way by name.
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::Serialize;

/// One way to misbehave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Fault {
    /// Connections are cut without an answer, sockets too.
    Down,
    /// Every answer takes this long.
    Slow(Duration),
    /// Calls take effect, and their answers are held back while this lasts.
    HeldBack,
    /// 429 with this Retry-After, in seconds.
    RateLimited(u64),
    /// 200 with `ok: false` and this code.
    NotOk(String),
    /// The token was revoked.
    Revoked,
    /// The channel was archived.
    Archived,
    /// The message that is to be updated was deleted by a user.
    MessageDeleted,
    /// The socket is told `disconnect` with this reason (`warning`, `refresh_requested`, `link_disabled`) and closed.
    Disconnect(String),
    /// New sockets are told `disconnect` for `too_many_websockets`.
    TooManyWebsockets,
    /// Open sockets fall silent: nothing is sent, read or answered, and nothing is closed.
    HalfOpen,
    /// Each envelope is delivered a second time; over HTTP signed anew, as `X-Slack-Retry-Num: 1`.
    EnvelopeTwice,
    /// Each click is made twice, as by a nervous finger.
    ClickTwice,
    /// The same click comes again in an envelope of its own.
    NewEnvelopeSameClick,
    /// Over HTTP: the signature is made with another secret.
    BadSignature,
    /// Over HTTP: rightly signed, 301 seconds ago.
    StaleTimestamp,
    /// Over HTTP: the same request comes again, byte by byte.
    Replay,
    /// Over HTTP: rightly signed, and no UTF-8.
    WrongEncoding,
    /// Over HTTP: rightly signed, and a byte longer than 1 MiB.
    Oversize,
}

/// Every fault by an example of its name.
pub const NAMES: [&str; 21] = [
    "down",
    "slow:2000",
    "rate-limited:30",
    "not-ok:internal_error",
    "revoked",
    "archived",
    "message-deleted",
    "disconnect:warning",
    "disconnect:refresh_requested",
    "disconnect:link_disabled",
    "too-many-websockets",
    "half-open",
    "envelope-twice",
    "click-twice",
    "new-envelope-same-click",
    "bad-signature",
    "stale-timestamp",
    "replay",
    "wrong-encoding",
    "oversize",
    "held-back",
];

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Down => f.write_str("down"),
            Self::Slow(time) => write!(f, "slow:{}", time.as_millis()),
            Self::HeldBack => f.write_str("held-back"),
            Self::RateLimited(seconds) => write!(f, "rate-limited:{seconds}"),
            Self::NotOk(code) => write!(f, "not-ok:{code}"),
            Self::Revoked => f.write_str("revoked"),
            Self::Archived => f.write_str("archived"),
            Self::MessageDeleted => f.write_str("message-deleted"),
            Self::Disconnect(reason) => write!(f, "disconnect:{reason}"),
            Self::TooManyWebsockets => f.write_str("too-many-websockets"),
            Self::HalfOpen => f.write_str("half-open"),
            Self::EnvelopeTwice => f.write_str("envelope-twice"),
            Self::ClickTwice => f.write_str("click-twice"),
            Self::NewEnvelopeSameClick => f.write_str("new-envelope-same-click"),
            Self::BadSignature => f.write_str("bad-signature"),
            Self::StaleTimestamp => f.write_str("stale-timestamp"),
            Self::Replay => f.write_str("replay"),
            Self::WrongEncoding => f.write_str("wrong-encoding"),
            Self::Oversize => f.write_str("oversize"),
        }
    }
}

impl FromStr for Fault {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, detail) = text.split_once(':').unwrap_or((text, ""));
        Ok(match (name, detail) {
            ("down", "") => Self::Down,
            ("slow", ms) => Self::Slow(Duration::from_millis(ms.parse()?)),
            ("held-back", "") => Self::HeldBack,
            ("rate-limited", seconds) => Self::RateLimited(seconds.parse()?),
            ("not-ok", code) if !code.is_empty() => Self::NotOk(code.to_owned()),
            ("revoked", "") => Self::Revoked,
            ("archived", "") => Self::Archived,
            ("message-deleted", "") => Self::MessageDeleted,
            ("disconnect", reason) if !reason.is_empty() => Self::Disconnect(reason.to_owned()),
            ("too-many-websockets", "") => Self::TooManyWebsockets,
            ("half-open", "") => Self::HalfOpen,
            ("envelope-twice", "") => Self::EnvelopeTwice,
            ("click-twice", "") => Self::ClickTwice,
            ("new-envelope-same-click", "") => Self::NewEnvelopeSameClick,
            ("bad-signature", "") => Self::BadSignature,
            ("stale-timestamp", "") => Self::StaleTimestamp,
            ("replay", "") => Self::Replay,
            ("wrong-encoding", "") => Self::WrongEncoding,
            ("oversize", "") => Self::Oversize,
            _ => anyhow::bail!("there is no fault {text}: {}", NAMES.join(", ")),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Fault, NAMES};

    #[test]
    fn each_name_is_read_as_it_is_written() {
        for name in NAMES {
            assert_eq!(name.parse::<Fault>().unwrap().to_string(), name);
        }
        assert!("dwon".parse::<Fault>().is_err());
        assert!("slow:soon".parse::<Fault>().is_err());
    }
}
