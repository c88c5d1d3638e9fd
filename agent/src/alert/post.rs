//! One HTTP POST: real HTTP, no redirects, a time limit, and errors that never hold the address.

use crate::alert::{address::Target, sign::sign};
use jiff::Timestamp;
use reqwest::{Client, StatusCode, Url, header, redirect::Policy};
use std::{sync::OnceLock, time::Duration};

/// The whole exchange may take this long; a receiver that needs 2 s is slow, not dead.
const TIMEOUT: Duration = Duration::from_secs(10);
/// No receiver may hold a channel longer than this.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(600);
/// So much of an answer is read, to see what Slack calls the error.
const MAX_ANSWER: usize = 4096;

/// Why a message did not arrive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// 429: wait.
    Limited(Option<Duration>),
    /// The receiver answered with an error (and perhaps how long to wait).
    Refused {
        /// What to say in a condition.
        says: String,
        /// From Retry-After.
        wait: Option<Duration>,
    },
    /// The receiver cannot take a message of this form or size.
    Unfit(String),
    /// No answer.
    Unreachable(String),
}

/// Posts messages. Its clients are made when first needed: reading the CA bundle costs memory that an agent with
/// nothing to tell does not spend.
#[derive(Debug, Default)]
pub struct Post {
    plain: OnceLock<Client>,
    tls: OnceLock<Client>,
}

impl Post {
    /// The client for `url`; one without certificates for plain HTTP (a receiver in the cluster).
    pub(crate) fn client(&self, url: &Url) -> Result<&Client, Failure> {
        let secure = url.scheme() == "https";
        let slot = if secure { &self.tls } else { &self.plain };
        if let Some(client) = slot.get() {
            return Ok(client);
        }
        let mut builder = Client::builder()
            .user_agent(concat!("podmender/", env!("CARGO_PKG_VERSION")))
            .timeout(TIMEOUT)
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            .pool_max_idle_per_host(1)
            .pool_idle_timeout(Duration::from_secs(60));
        if !secure {
            builder = builder.tls_certs_only([]);
        }
        let client = builder.build().map_err(|e| Failure::Unreachable(why(e)))?;
        Ok(slot.get_or_init(|| client))
    }

    /// Posts `body` as JSON, signed at `now` if the channel has a secret.
    ///
    /// # Errors
    /// See [`Failure`]; no text in it holds the address.
    pub(crate) async fn send(
        &self,
        target: Target,
        body: Vec<u8>,
        now: Timestamp,
    ) -> Result<(), Failure> {
        let client = self.client(&target.url)?;
        let mut request = client
            .post(target.url)
            .header(header::CONTENT_TYPE, "application/json; charset=utf-8");
        if let Some(secret) = &target.signing {
            let signed = sign(secret, &body, now)
                .ok_or_else(|| Failure::Unreachable("it cannot be signed".to_owned()))?;
            request = request
                .header("x-podmender-timestamp", signed.timestamp)
                .header("x-podmender-signature", signed.signature);
        }
        let request = request.body(body);
        let mut answer = request
            .send()
            .await
            .map_err(|e| Failure::Unreachable(why(e)))?;
        let status = answer.status();
        let wait = retry_after(answer.headers());
        let mut text = Vec::new();
        // A receiver that breaks off its own answer has still answered: the status counts.
        while let Ok(Some(chunk)) = answer.chunk().await {
            text.extend_from_slice(&chunk);
            if text.len() > MAX_ANSWER {
                break;
            }
        }
        judge(status, wait, &text)
    }
}

/// What an answer means.
fn judge(status: StatusCode, wait: Option<Duration>, text: &[u8]) -> Result<(), Failure> {
    let code = error_code(text);
    if status.is_success() && !says_not_ok(text) {
        return Ok(());
    }
    if status == StatusCode::TOO_MANY_REQUESTS || code.as_deref() == Some("ratelimited") {
        return Err(Failure::Limited(wait));
    }
    let says = match (&code, status) {
        (Some(code), _) => format!("the receiver answers {} {code}", status.as_u16()),
        (None, status) => format!("the receiver answers {status}"),
    };
    let unfit = matches!(
        status,
        StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNPROCESSABLE_ENTITY
    ) || code.as_deref().is_some_and(|c| {
        c.contains("too_long") || c.contains("invalid_blocks") || c.contains("too_many")
    });
    if unfit {
        return Err(Failure::Unfit(says));
    }
    Err(Failure::Refused { says, wait })
}

/// Slack answers 200 with `"ok": false` where it means an error.
fn says_not_ok(text: &[u8]) -> bool {
    serde_json::from_slice::<serde_json::Value>(text)
        .is_ok_and(|answer| answer.get("ok") == Some(&serde_json::Value::Bool(false)))
}

/// Slack's name for the error: the whole answer, or `error` in it. Anything that is not one plain word is not repeated.
pub(crate) fn error_code(text: &[u8]) -> Option<String> {
    let json = serde_json::from_slice::<serde_json::Value>(text).ok();
    let word = match json.as_ref().and_then(|answer| answer.get("error")) {
        Some(error) => error.as_str()?.to_owned(),
        None => String::from_utf8_lossy(text).trim().to_owned(),
    };
    let plain = !word.is_empty()
        && word.len() <= 40
        && word.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    plain.then_some(word)
}

/// Retry-After in seconds. (The form with a date is not understood: then our own back-off counts.)
pub(crate) fn retry_after(headers: &header::HeaderMap) -> Option<Duration> {
    let seconds = headers
        .get(header::RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()?;
    Some(Duration::from_secs(seconds).min(MAX_RETRY_AFTER))
}

/// The error's cause, without the address.
pub(crate) fn why(error: reqwest::Error) -> String {
    let error = error.without_url();
    if error.is_timeout() {
        return format!("no answer within {} s", TIMEOUT.as_secs());
    }
    // The innermost cause says most: "Connection refused", "UnknownIssuer".
    let mut cause: &dyn std::error::Error = &error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_judged_as_slack_means_them() {
        let ok = |status: u16, text: &str| {
            judge(
                StatusCode::from_u16(status).expect("status"),
                None,
                text.as_bytes(),
            )
        };
        assert_eq!(ok(200, "ok"), Ok(()));
        assert_eq!(ok(204, ""), Ok(()));
        assert!(matches!(
            ok(200, r#"{"ok":false,"error":"channel_not_found"}"#),
            Err(Failure::Refused { .. })
        ));
        assert!(matches!(
            ok(200, r#"{"ok":false,"error":"msg_blocks_too_long"}"#),
            Err(Failure::Unfit(_))
        ));
        assert!(matches!(ok(429, ""), Err(Failure::Limited(None))));
        assert!(matches!(ok(400, "invalid_blocks"), Err(Failure::Unfit(_))));
        assert_eq!(
            ok(410, "channel_is_archived"),
            Err(Failure::Refused {
                says: "the receiver answers 410 channel_is_archived".into(),
                wait: None
            })
        );
        assert_eq!(
            ok(500, "<html>https://hooks.example/s3cret"),
            Err(Failure::Refused {
                says: "the receiver answers 500 Internal Server Error".into(),
                wait: None
            })
        );
    }
}
