//! Where the answer to a command is sent: an address that Slack makes for it, good for half an hour and a few messages.
//!
//! It comes from outside, so it is followed only on Slack's own host, without any token. Source:
//! <https://docs.slack.dev/interactivity/handling-user-interaction#message_responses>.

use podmender_policy::bounds::Text;
use reqwest::Url;
use serde::Deserialize;
use std::fmt;

/// The address. Whoever has it can speak to that person as the app, so it is not printed.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct ResponseUrl(Text<512>);

impl ResponseUrl {
    /// The address, if it is one of the Slack whose Web API is at `base`: on `hooks.` and the same host by TLS; of a test's
    /// plain HTTP on the same host and port.
    #[must_use]
    pub fn of(&self, base: &Url) -> Option<Url> {
        let url = Url::parse(self.0.as_str()).ok()?;
        let bare = url.username().is_empty() && url.password().is_none();
        let fits = match base.scheme() {
            "http" => url.origin() == base.origin(),
            _ => {
                let host = base.host_str().map(|host| format!("hooks.{host}"));
                url.scheme() == "https" && url.port().is_none() && url.host_str() == host.as_deref()
            }
        };
        (bare && fits).then_some(url)
    }
}

impl fmt::Debug for ResponseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(response)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_slacks_own_host_is_answered() {
        let of = |base: &str, raw: &str| {
            let base = Url::parse(base).expect(base);
            ResponseUrl(Text::new(raw)).of(&base).is_some()
        };
        let slack = "https://slack.com/api/";
        assert!(of(slack, "https://hooks.slack.com/commands/T1/2/x"));
        for odd in [
            "http://hooks.slack.com/x",
            "https://hooks.slack.com.evil.example/x",
            "https://hooks.slack.com@evil.example/x",
            "https://u:p@hooks.slack.com/x",
            "https://hooks.slack.com:8443/x",
            "https://169.254.169.254/latest",
            "https://slack.com/x",
            "file:///etc/passwd",
            "",
        ] {
            assert!(!of(slack, odd), "{odd}");
        }
        let test = "http://10.89.0.1:9000/api/";
        assert!(of(test, "http://10.89.0.1:9000/response/1"));
        assert!(!of(test, "http://10.89.0.1:9001/response/1"));
        assert!(!of(test, "https://hooks.slack.com/x"));
    }
}
