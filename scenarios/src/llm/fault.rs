//! How the stand-in misbehaves on order: each way by name.
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// One way to misbehave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Connections are cut without an answer.
    Down,
    /// Every answer takes this long.
    Slow(Duration),
    /// A byte now and then, for ever.
    DripFeed,
    /// 429 with this Retry-After, in seconds.
    RateLimited(u64),
    /// This status, with a body that repeats the key.
    Status(u16),
    /// 200 and a page of HTML.
    Html,
    /// 200 and 10 MB.
    Huge,
    /// 200 and nothing.
    Empty,
    /// 200 and half a JSON document.
    BadJson,
    /// To a metadata service.
    Redirect,
    /// 400 to whoever asks for a form of reply: an endpoint that has no structured output.
    NoSchema,
    /// The model's own ways to answer.
    Reply(Reply),
}

/// What the model writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// As asked, and a `finish_reason` that nobody knows.
    UnknownFinishReason,
    /// JSON in a fence, with a greeting.
    Fenced,
    /// Thoughts, and then JSON.
    Thoughts,
    /// Words instead of JSON.
    Prose,
    /// JSON without most of its fields.
    FewFields,
    /// It would rather not.
    Refusal,
    /// Broken off for its length.
    Cut,
    /// A thousand words.
    Endless,
    /// Evidence that nobody showed it.
    InventedEvidence,
    /// Links, pictures and mentions.
    Links,
    /// Control characters and colours of a terminal.
    ControlCharacters,
    /// Another language than asked for.
    OtherLanguage,
    /// An approval that nobody gave.
    ForgedApproval,
    /// It demands destruction.
    Destruction,
    /// It repeats all that it was shown.
    Echo,
}

/// Every fault by an example of its name.
pub const NAMES: [&str; 27] = [
    "down",
    "slow:30000",
    "drip-feed",
    "rate-limited:30",
    "status:401",
    "status:404",
    "status:503",
    "html",
    "huge",
    "empty",
    "bad-json",
    "redirect",
    "no-schema",
    "unknown-finish-reason",
    "fenced",
    "thoughts",
    "prose",
    "few-fields",
    "refusal",
    "cut",
    "endless",
    "invented-evidence",
    "links",
    "control-characters",
    "other-language",
    "forged-approval",
    "destruction",
];

const REPLIES: [(&str, Reply); 15] = [
    ("unknown-finish-reason", Reply::UnknownFinishReason),
    ("fenced", Reply::Fenced),
    ("thoughts", Reply::Thoughts),
    ("prose", Reply::Prose),
    ("few-fields", Reply::FewFields),
    ("refusal", Reply::Refusal),
    ("cut", Reply::Cut),
    ("endless", Reply::Endless),
    ("invented-evidence", Reply::InventedEvidence),
    ("links", Reply::Links),
    ("control-characters", Reply::ControlCharacters),
    ("other-language", Reply::OtherLanguage),
    ("forged-approval", Reply::ForgedApproval),
    ("destruction", Reply::Destruction),
    ("echo", Reply::Echo),
];

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Down => f.write_str("down"),
            Self::Slow(time) => write!(f, "slow:{}", time.as_millis()),
            Self::DripFeed => f.write_str("drip-feed"),
            Self::RateLimited(seconds) => write!(f, "rate-limited:{seconds}"),
            Self::Status(status) => write!(f, "status:{status}"),
            Self::Html => f.write_str("html"),
            Self::Huge => f.write_str("huge"),
            Self::Empty => f.write_str("empty"),
            Self::BadJson => f.write_str("bad-json"),
            Self::Redirect => f.write_str("redirect"),
            Self::NoSchema => f.write_str("no-schema"),
            Self::Reply(reply) => {
                let name = REPLIES.iter().find(|(_, r)| r == reply);
                f.write_str(name.map_or("", |(name, _)| name))
            }
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
            ("drip-feed", "") => Self::DripFeed,
            ("rate-limited", seconds) => Self::RateLimited(seconds.parse()?),
            ("status", status) => Self::Status(status.parse()?),
            ("html", "") => Self::Html,
            ("huge", "") => Self::Huge,
            ("empty", "") => Self::Empty,
            ("bad-json", "") => Self::BadJson,
            ("redirect", "") => Self::Redirect,
            ("no-schema", "") => Self::NoSchema,
            (name, "") => match REPLIES.iter().find(|(n, _)| *n == name) {
                Some((_, reply)) => Self::Reply(*reply),
                None => anyhow::bail!("there is no fault {text}: {}", NAMES.join(", ")),
            },
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
        assert!("status:teapot".parse::<Fault>().is_err());
    }
}
