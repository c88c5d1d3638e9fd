//! Where alerts go, as a policy names it: how to call a channel in a label, a condition or a log, never by its address.

pub use podmender_policy::rules::{Channel, Route, Source};

/// The kind of channel: a metric label.
#[must_use]
pub fn kind(channel: &Channel) -> &'static str {
    match channel {
        Channel::SlackWebhook { .. } => "slackWebhook",
        Channel::SlackApp { .. } => "slackApp",
        Channel::Webhook { .. } => "webhook",
        Channel::Teams { .. } => "teams",
        Channel::Discord { .. } => "discord",
        Channel::PagerDuty { .. } => "pagerduty",
        Channel::Alertmanager { .. } => "alertmanager",
    }
}

/// The channel in words: never an address.
#[must_use]
pub fn shown(channel: &Channel) -> String {
    match channel {
        Channel::SlackWebhook { url } => format!("Slack webhook {url:?}"),
        Channel::SlackApp { channel, .. } => format!("Slack channel {channel}"),
        Channel::Webhook { url, .. } => format!("webhook {url:?}"),
        Channel::Teams { url } => format!("Teams workflow {url:?}"),
        Channel::Discord { url } => format!("Discord webhook {url:?}"),
        Channel::PagerDuty { key, .. } => format!("PagerDuty service {key:?}"),
        Channel::Alertmanager { url } => format!("Alertmanager {url:?}"),
    }
}

/// Where the channel's secret stands: the address to post to, or the token or key to post with.
pub(crate) fn source(channel: &Channel) -> &Source {
    match channel {
        Channel::SlackWebhook { url }
        | Channel::Webhook { url, .. }
        | Channel::Teams { url }
        | Channel::Discord { url }
        | Channel::Alertmanager { url } => url,
        Channel::SlackApp { token, .. } => token,
        Channel::PagerDuty { key, .. } => key,
    }
}
