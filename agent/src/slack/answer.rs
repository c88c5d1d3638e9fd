//! What Slack's answers mean: every code that asks for something else to be done is told apart, the rest is [`ApiError::Refused`].

use crate::alert::{address::AddressError, post};
use podmender_policy::bounds::Text;
use reqwest::{StatusCode, header::HeaderMap};
use serde_json::Value;
use std::time::Duration;

/// Slack's own name for an error: one plain word.
pub type Code = Text<40>;

/// How long to wait where Slack says 429 and not how long.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why a call did not do what was asked. No text holds a token, a body or an address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// Too many calls of this method: not before this has passed.
    #[error("Slack asks for patience ({} s)", .0.as_secs())]
    RateLimited(Duration),
    /// The message or view has a form or size that Slack does not take: send a simpler one.
    #[error("Slack does not take a message of this form ({0})")]
    Unfit(Code),
    /// The token does not count any more: a person has to renew it.
    #[error("Slack does not accept the token ({0}): renew it in the Secret")]
    Revoked(Code),
    /// The channel is archived or unknown, or the app was not invited.
    #[error("the channel cannot be posted to ({0}): unarchive it, or invite the app to it")]
    ChannelGone(Code),
    /// The message was deleted, or can no longer be changed.
    #[error("the message is gone")]
    MessageGone,
    /// Any other refusal, such as `missing_scope`.
    #[error("Slack refuses ({0})")]
    Refused(Code),
    /// No answer, or none that makes sense.
    #[error("Slack cannot be reached: {0}")]
    Unreachable(String),
    /// There is no token to send.
    #[error(transparent)]
    NoToken(AddressError),
}

impl ApiError {
    /// A short word for metrics.
    #[must_use]
    pub fn category(&self) -> &'static str {
        match self {
            Self::RateLimited(_) => "limited",
            Self::Unfit(_) => "unfit",
            Self::Revoked(_) => "revoked",
            Self::ChannelGone(_) => "channel_gone",
            Self::MessageGone => "message_gone",
            Self::Refused(_) => "refused",
            Self::Unreachable(_) => "unreachable",
            Self::NoToken(_) => "no_token",
        }
    }
}

/// Reads one answer. Slack says 200 with `"ok": false` where it means an error.
///
/// # Errors
/// See [`ApiError`].
pub fn judge(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Result<Value, ApiError> {
    let wait = post::retry_after(headers);
    if status == StatusCode::TOO_MANY_REQUESTS {
        return Err(ApiError::RateLimited(wait.unwrap_or(PATIENCE)));
    }
    if status.is_server_error() {
        return Err(match wait {
            Some(wait) => ApiError::RateLimited(wait),
            None => ApiError::Unreachable(format!("it answers {}", status.as_u16())),
        });
    }
    let Ok(answer) = serde_json::from_slice::<Value>(body) else {
        return Err(ApiError::Unreachable(format!(
            "it answers {} without JSON",
            status.as_u16()
        )));
    };
    match answer.get("ok") {
        Some(Value::Bool(true)) if status.is_success() => Ok(answer),
        _ => {
            let code = post::error_code(body).unwrap_or_else(|| "unnamed".to_owned());
            Err(told_apart(&code, wait))
        }
    }
}

fn told_apart(code: &str, wait: Option<Duration>) -> ApiError {
    let word = Code::new(code);
    match code {
        "ratelimited" | "rate_limited" | "message_limit_exceeded" => {
            ApiError::RateLimited(wait.unwrap_or(PATIENCE))
        }
        "msg_blocks_too_long"
        | "msg_too_long"
        | "invalid_blocks"
        | "invalid_blocks_format"
        | "invalid_attachments"
        | "too_many_attachments"
        | "no_text"
        | "view_too_large"
        | "invalid_arguments" => ApiError::Unfit(word),
        "invalid_auth"
        | "not_authed"
        | "token_revoked"
        | "token_expired"
        | "account_inactive"
        | "not_allowed_token_type"
        | "org_login_required"
        | "team_access_not_granted"
        | "invalid_token" => ApiError::Revoked(word),
        "channel_not_found"
        | "is_archived"
        | "channel_is_archived"
        | "not_in_channel"
        | "is_inactive"
        | "restricted_action"
        | "restricted_action_read_only_channel"
        | "cannot_reply_to_message_in_channel" => ApiError::ChannelGone(word),
        "message_not_found" | "cant_update_message" | "edit_window_closed" | "thread_not_found" => {
            ApiError::MessageGone
        }
        "internal_error" | "fatal_error" | "service_unavailable" | "request_timeout" => {
            ApiError::Unreachable(format!("it answers {code}"))
        }
        _ => ApiError::Refused(word),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(status: u16, body: &str) -> Result<Value, ApiError> {
        let status = StatusCode::from_u16(status).expect("status");
        judge(status, &HeaderMap::new(), body.as_bytes())
    }

    fn refused(code: &str) -> ApiError {
        judged(200, &format!(r#"{{"ok":false,"error":"{code}"}}"#)).expect_err("refused")
    }

    /// Row 50: each kind of refusal asks for something else.
    #[test]
    fn fault_50_every_refusal_is_told_apart() {
        assert!(judged(200, r#"{"ok":true,"ts":"1.2"}"#).is_ok());
        assert_eq!(judged(429, ""), Err(ApiError::RateLimited(PATIENCE)));
        assert_eq!(refused("ratelimited"), ApiError::RateLimited(PATIENCE));
        assert!(matches!(refused("msg_blocks_too_long"), ApiError::Unfit(_)));
        assert!(matches!(refused("token_revoked"), ApiError::Revoked(_)));
        assert!(matches!(refused("is_archived"), ApiError::ChannelGone(_)));
        assert_eq!(refused("message_not_found"), ApiError::MessageGone);
        assert!(matches!(refused("missing_scope"), ApiError::Refused(_)));
        assert!(matches!(refused("brand_new_error"), ApiError::Refused(_)));
        assert!(matches!(judged(503, "x"), Err(ApiError::Unreachable(_))));
        assert!(matches!(
            judged(200, "<html>"),
            Err(ApiError::Unreachable(_))
        ));
        // Neither `ok` nor a success.
        assert!(judged(200, "{}").is_err());
        assert!(judged(400, r#"{"ok":true}"#).is_err());
    }

    #[test]
    fn what_slack_says_is_repeated_only_if_it_is_a_word() {
        let told = judged(200, r#"{"ok":false,"error":"https://x/s3cret"}"#).expect_err("refused");
        assert_eq!(told, ApiError::Refused("unnamed".into()));
    }

    #[test]
    fn retry_after_counts_with_a_server_error_too() {
        let mut headers = HeaderMap::new();
        headers.insert("retry-after", "7".parse().expect("value"));
        let seven = Err(ApiError::RateLimited(Duration::from_secs(7)));
        for status in [
            StatusCode::TOO_MANY_REQUESTS,
            StatusCode::SERVICE_UNAVAILABLE,
        ] {
            assert_eq!(judge(status, &headers, b""), seven);
        }
    }
}
