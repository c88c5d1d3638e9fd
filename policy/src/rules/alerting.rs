//! Whom to tell, and where: addresses are passwords, so they are named (`${NAME}`) rather than written down.

use super::problem::{Problems, quoted};
use super::spec::{AlertingSpec, ChannelKind, ChannelSpec, MatchSpec};
use crate::{
    bounds::{Name, Text},
    diagnose::FailureKind,
    severity::Severity,
};
use std::{collections::BTreeSet, fmt, time::Duration};

/// Alerts of a policy.
#[derive(Clone, Debug, PartialEq)]
pub struct Alerting {
    /// Where they go; empty: nowhere but the incident and its Events.
    pub routes: Vec<Route>,
    /// The least time between two messages to one channel.
    pub min_interval: Duration,
}

/// A channel, and what goes there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Route {
    /// Where.
    pub channel: Channel,
    /// What.
    pub only: Only,
}

impl From<Channel> for Route {
    /// Everything goes there.
    fn from(channel: Channel) -> Self {
        Self {
            channel,
            only: Only::default(),
        }
    }
}

/// What goes to a channel: an incident that fits each of these. Empty: everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Only {
    /// Its namespace is one of these.
    pub namespaces: BTreeSet<Name>,
    /// It is or was at least that bad.
    pub min_severity: Severity,
    /// What fails is one of these.
    pub failures: BTreeSet<FailureKind>,
}

impl Only {
    /// Whether an incident goes there.
    #[must_use]
    pub fn admits(&self, namespace: &Name, severity: Severity, failure: FailureKind) -> bool {
        (self.namespaces.is_empty() || self.namespaces.contains(namespace))
            && severity >= self.min_severity
            && (self.failures.is_empty() || self.failures.contains(&failure))
    }
}

/// A value of a policy that may be a secret.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// Written in the policy itself.
    Literal(Text<2048>),
    /// `${NAME}`: the file of that name in the folder where the chart mounts Secrets.
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
    /// A Slack app that posts to a channel.
    SlackApp {
        /// The channel's name or id.
        channel: Text<80>,
        /// The bot token.
        token: Source,
    },
    /// Any HTTP endpoint that takes JSON.
    Webhook {
        /// Its address.
        url: Source,
        /// The secret by which messages are signed; `None`: they are not.
        signing: Option<Source>,
    },
    /// A workflow of Microsoft Teams that takes an Adaptive Card.
    Teams {
        /// Its address.
        url: Source,
    },
    /// A Discord webhook.
    Discord {
        /// Its address.
        url: Source,
    },
    /// The Events API v2 of PagerDuty.
    PagerDuty {
        /// The integration key.
        key: Source,
        /// Where events go; `None`: to PagerDuty's usual address.
        url: Option<Source>,
    },
    /// An Alertmanager (API v2).
    Alertmanager {
        /// Its address, without the API's path.
        url: Source,
    },
}

impl Source {
    /// Reads `${NAME}` or a literal value. `None`: a placeholder that is none (`x${NAME}`, `${}`, `${a/b}`).
    #[must_use]
    pub fn parse(raw: &str) -> Option<Self> {
        if !raw.contains("${") {
            return Some(Self::Literal(Text::new(raw)));
        }
        let name = raw.strip_prefix("${")?.strip_suffix('}')?;
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        // A file name: it must not leave the folder.
        let fits = !name.is_empty()
            && name.len() <= 253
            && !name.starts_with('.')
            && name.chars().all(plain);
        fits.then(|| Self::Named(Name::new(name)))
    }
}

/// Reads `spec.alerting`. What could be better, but works, goes to `warnings`.
pub(super) fn parse(
    spec: &AlertingSpec,
    problems: &mut Problems,
    warnings: &mut Problems,
) -> Alerting {
    let path = "spec.alerting";
    let min_interval = super::duration::MIN_INTERVAL.require(
        &spec.min_interval,
        &format!("{path}.minInterval"),
        problems,
    );
    if spec.channels.len() > 16 {
        problems.add(
            format!("{path}.channels"),
            "more than 16 channels",
            "remove some",
        );
    }
    let mut routes: Vec<Route> = Vec::new();
    for (index, channel) in spec.channels.iter().enumerate().take(16) {
        let path = format!("{path}.channels[{index}]");
        let only = parse_match(channel.only.as_ref(), &path, problems);
        let channel = parse_channel(channel, &path, problems, warnings);
        routes.extend(channel.map(|channel| Route { channel, only }));
    }
    routes.sort();
    routes.dedup();
    if !spec.enabled {
        routes.clear();
    }
    Alerting {
        routes,
        min_interval,
    }
}

fn parse_match(spec: Option<&MatchSpec>, path: &str, problems: &mut Problems) -> Only {
    let Some(spec) = spec else {
        return Only::default();
    };
    let path = format!("{path}.match");
    if spec.namespaces.len() > 64 {
        problems.add(
            format!("{path}.namespaces"),
            "more than 64 namespaces",
            "leave some out, or write another channel for them",
        );
    }
    for name in &spec.namespaces {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name.is_empty() || !name.as_str().chars().all(plain) {
            problems.add(
                format!("{path}.namespaces"),
                format!("{} is not a namespace", quoted(name.as_str())),
                "write its name; there are no wildcards",
            );
        }
    }
    Only {
        namespaces: spec.namespaces.iter().take(64).cloned().collect(),
        min_severity: spec.min_severity.unwrap_or_default(),
        failures: spec.failures.iter().copied().collect(),
    }
}

fn parse_channel(
    spec: &ChannelSpec,
    path: &str,
    problems: &mut Problems,
    warnings: &mut Problems,
) -> Option<Channel> {
    if spec.kind != ChannelKind::Webhook && spec.signing_secret.is_some() {
        problems.add(
            format!("{path}.signingSecret"),
            "only a webhook's messages are signed here",
            "remove it",
        );
        return None;
    }
    if spec.kind != ChannelKind::PagerDuty && spec.routing_key.is_some() {
        problems.add(
            format!("{path}.routingKey"),
            "only PagerDuty has a routing key",
            "remove it",
        );
        return None;
    }
    match (
        spec.kind,
        &spec.webhook,
        &spec.channel,
        &spec.token,
        &spec.url,
    ) {
        (ChannelKind::Slack, Some(webhook), None, None, None) => {
            let url = hook(webhook, path, problems, warnings)?;
            Some(Channel::SlackWebhook { url })
        }
        (ChannelKind::Teams, Some(webhook), None, None, None) => {
            let url = hook(webhook, path, problems, warnings)?;
            Some(Channel::Teams { url })
        }
        (ChannelKind::Discord, Some(webhook), None, None, None) => {
            let url = hook(webhook, path, problems, warnings)?;
            Some(Channel::Discord { url })
        }
        (ChannelKind::PagerDuty, None, None, None, url) => {
            let Some(key) = &spec.routing_key else {
                problems.add(path, "no key", "write routingKey: ${NAME}");
                return None;
            };
            let key = secret(key, &format!("{path}.routingKey"), problems);
            let url = match url {
                Some(url) => Some(any_address(url, &format!("{path}.url"), problems)?),
                None => None,
            };
            Some(Channel::PagerDuty { key: key?, url })
        }
        (ChannelKind::Alertmanager, None, None, None, Some(url)) => {
            let url = any_address(url, &format!("{path}.url"), problems)?;
            Some(Channel::Alertmanager { url })
        }
        (ChannelKind::Slack, None, Some(channel), Some(token), None) => {
            let token = secret(token, &format!("{path}.token"), problems);
            if channel.is_empty() || channel.len() > 80 {
                problems.add(
                    format!("{path}.channel"),
                    format!("{} is not a channel", quoted(channel)),
                    "write a name such as #ops, or an id",
                );
                return None;
            }
            Some(Channel::SlackApp {
                channel: Text::new(channel),
                token: token?,
            })
        }
        (ChannelKind::Webhook, None, None, None, Some(url)) => {
            let url = any_address(url, &format!("{path}.url"), problems)?;
            let signing = match &spec.signing_secret {
                None => None,
                Some(raw) => Some(secret(raw, &format!("{path}.signingSecret"), problems)?),
            };
            Some(Channel::Webhook { url, signing })
        }
        (ChannelKind::Slack, ..) => {
            problems.add(
                path,
                "not one of the two kinds of Slack channel",
                "write either webhook, or channel and token, and nothing else",
            );
            None
        }
        (ChannelKind::Webhook, ..) => {
            problems.add(
                path,
                "not a webhook",
                "write url, and signingSecret if the receiver checks it, and nothing else",
            );
            None
        }
        (ChannelKind::Teams | ChannelKind::Discord, ..) => {
            problems.add(
                path,
                "not a channel of that kind",
                "write webhook, and nothing else",
            );
            None
        }
        (ChannelKind::PagerDuty, ..) => {
            problems.add(
                path,
                "not a PagerDuty service",
                "write routingKey, and url if it is not in the United States, and nothing else",
            );
            None
        }
        (ChannelKind::Alertmanager, ..) => {
            problems.add(path, "not an Alertmanager", "write url, and nothing else");
            None
        }
    }
}

/// The address of an incoming webhook: whoever has it can post.
fn hook(raw: &str, path: &str, problems: &mut Problems, warnings: &mut Problems) -> Option<Source> {
    let path = format!("{path}.webhook");
    let url = any_address(raw, &path, problems)?;
    if matches!(url, Source::Literal(_)) {
        warnings.add(
            path,
            "the address of such a webhook is a password, and stands here for everybody who may read policies",
            "put it into the Secret that the chart mounts, and write ${SLACK_WEBHOOK_URL} or another name",
        );
    }
    Some(url)
}

fn any_address(raw: &str, path: &str, problems: &mut Problems) -> Option<Source> {
    address(raw, path, &["https://", "http://"], problems)
}

/// An address: `${NAME}`, or one that can be called. The message never repeats it.
pub(super) fn address(
    raw: &str,
    path: &str,
    schemes: &[&str],
    problems: &mut Problems,
) -> Option<Source> {
    let fix =
        "write https://HOST/PATH, or ${NAME} alone for a key of the Secret that the chart mounts";
    let source = Source::parse(raw);
    let fits = match &source {
        Some(Source::Named(_)) => true,
        Some(Source::Literal(_)) => schemes.iter().any(|s| has_host(raw, s)),
        None => false,
    };
    if !fits || raw.len() > 2048 {
        problems.add(path, "not an address", fix);
        return None;
    }
    source
}

fn has_host(raw: &str, scheme: &str) -> bool {
    raw.strip_prefix(scheme).is_some_and(|rest| {
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        !host.is_empty() && raw.chars().all(|c| !c.is_whitespace() && !c.is_control())
    })
}

/// A password: only `${NAME}`.
pub(super) fn secret(raw: &str, path: &str, problems: &mut Problems) -> Option<Source> {
    match Source::parse(raw) {
        Some(Source::Named(name)) => Some(Source::Named(name)),
        _ => {
            problems.add(
                path,
                "a secret must not stand in a policy",
                "write ${NAME} alone for a key of the Secret that the chart mounts",
            );
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_stand_alone_and_cannot_leave_their_folder() {
        assert_eq!(
            Source::parse("${A_b-1.c}"),
            Some(Source::Named(Name::new("A_b-1.c")))
        );
        for raw in [
            "${}",
            "${../x}",
            "${.x}",
            "x${A}",
            "${A}x",
            "${A",
            "${a b}",
            "https://h/${A}",
            "${A}${B}",
        ] {
            assert_eq!(Source::parse(raw), None, "{raw}");
        }
    }

    #[test]
    fn a_literal_address_is_never_shown() {
        let shown = format!(
            "{:?}",
            Channel::Webhook {
                url: Source::parse("https://h/T0/B0/abc").unwrap(),
                signing: None,
            }
        );
        assert_eq!(shown, "Webhook { url: (literal), signing: None }");
    }
}
