//! Where alerts go, as a policy names it.

use crate::alert::address::AddressError;
use podmender_policy::bounds::{Name, Text};
use std::fmt;

/// A value of a policy that may be a secret.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// Written in the policy itself.
    Literal(Text<2048>),
    /// `${NAME}`: the file of that name in the folder where Secrets are mounted.
    Named(Name),
}

impl fmt::Debug for Source {
    /// Never the value: webhook addresses are passwords.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(_) => f.write_str("(literal)"),
            Self::Named(name) => write!(f, "${{{name}}}"),
        }
    }
}

/// One place that alerts go to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Channel {
    /// A Slack incoming webhook.
    SlackWebhook {
        /// Its address.
        url: Source,
    },
    /// A Slack app that posts to a channel (not supported yet).
    SlackApp {
        /// The channel's name or id.
        channel: Text<80>,
        /// The bot token.
        token: Source,
    },
    /// Any HTTP endpoint that takes JSON (`alert::payload` is its schema).
    Webhook {
        /// Its address.
        url: Source,
    },
}

impl Channel {
    /// The kind of channel: a metric label.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::SlackWebhook { .. } => "slackWebhook",
            Self::SlackApp { .. } => "slackApp",
            Self::Webhook { .. } => "webhook",
        }
    }

    /// The address to post to, or why it cannot be posted to.
    pub(crate) fn source(&self) -> Result<&Source, AddressError> {
        match self {
            Self::SlackWebhook { url } | Self::Webhook { url } => Ok(url),
            Self::SlackApp { .. } => Err(AddressError::NotSupported),
        }
    }
}

impl fmt::Display for Channel {
    /// As conditions and logs name it: never an address.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SlackWebhook { url } => write!(f, "Slack webhook {url:?}"),
            Self::SlackApp { channel, .. } => write!(f, "Slack channel {channel}"),
            Self::Webhook { url } => write!(f, "webhook {url:?}"),
        }
    }
}
