//! What Slack posts to an app that listens over HTTP: pure, signed with the app's secret; on order as a forger would, or a broken proxy.
//!
//! Source: <https://docs.slack.dev/authentication/verifying-requests-from-slack>.
use std::fmt::Write as _;

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use sha2::Sha256;

use super::fault::Fault;

/// One byte more than an app has to read.
const OVERSIZE: usize = (1 << 20) + 1;
/// One second older than what may pass.
const STALE: i64 = 301;

/// Where an app listens, and what proves a request to it.
#[derive(Debug, Clone)]
pub struct App {
    /// `http://HOST:PORT`.
    pub base: String,
    /// The signing secret.
    pub secret: String,
}

/// One request, ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// `/slack/interactions`, `/slack/commands` or `/slack/events`.
    pub path: &'static str,
    /// The content type.
    pub content: &'static str,
    /// Of the header `X-Slack-Request-Timestamp`.
    pub timestamp: i64,
    /// Of the header `X-Slack-Signature`.
    pub signature: String,
    /// Of the header `X-Slack-Retry-Num`.
    pub retry: Option<u16>,
    /// The body.
    pub body: Vec<u8>,
}

/// What is posted for one delivery: usually one request, two if it was ordered to come again.
pub fn requests(
    kind: &str,
    payload: &Value,
    secret: &str,
    now: i64,
    faults: &[Fault],
) -> Vec<Request> {
    let (path, content, mut body) = form(kind, payload);
    let is = |fault: &Fault| faults.contains(fault);
    if is(&Fault::WrongEncoding) {
        body.push(0xff);
    }
    if is(&Fault::Oversize) {
        body.resize(OVERSIZE, b' ');
    }
    let timestamp = if is(&Fault::StaleTimestamp) {
        now - STALE
    } else {
        now
    };
    let secret = if is(&Fault::BadSignature) {
        "another secret"
    } else {
        secret
    };
    let made = |timestamp, retry| Request {
        path,
        content,
        timestamp,
        signature: signature(secret, timestamp, &body),
        retry,
        body: body.clone(),
    };
    let mut all = vec![made(timestamp, None)];
    if is(&Fault::Replay) {
        all.push(made(timestamp, None));
    }
    if is(&Fault::EnvelopeTwice) {
        // Slack signs what it sends again anew.
        all.push(made(timestamp + 1, Some(1)));
    }
    all
}

fn form(kind: &str, payload: &Value) -> (&'static str, &'static str, Vec<u8>) {
    const FORM: &str = "application/x-www-form-urlencoded";
    let mut coded = form_urlencoded::Serializer::new(String::new());
    match kind {
        "interactive" => {
            coded.append_pair("payload", &payload.to_string());
            ("/slack/interactions", FORM, coded.finish().into_bytes())
        }
        "slash_commands" => {
            for (name, value) in payload.as_object().into_iter().flatten() {
                coded.append_pair(name, value.as_str().unwrap_or_default());
            }
            ("/slack/commands", FORM, coded.finish().into_bytes())
        }
        _ => (
            "/slack/events",
            "application/json",
            payload.to_string().into_bytes(),
        ),
    }
}

/// `v0=` and the HMAC over version, time and body.
pub fn signature(secret: &str, timestamp: i64, body: &[u8]) -> String {
    let mut out = "v0=".to_owned();
    // HMAC takes a key of any length.
    if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) {
        mac.update(format!("v0:{timestamp}:").as_bytes());
        mac.update(body);
        for byte in mac.finalize().into_bytes() {
            let _ = write!(out, "{byte:02x}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{OVERSIZE, requests, signature};
    use crate::slack::fault::Fault;

    /// The example of Slack's documentation.
    #[test]
    fn a_request_is_signed_as_slack_signs_it() {
        let body = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
        let secret = "8f742231b10e8888abcd99yyyzzz85a5";
        assert_eq!(
            signature(secret, 1_531_420_618, body.as_bytes()),
            "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
        );
    }

    #[test]
    fn each_kind_has_its_form_and_each_fault_its_sign() {
        let send = |kind, faults: &[Fault]| requests(kind, &json!({"a": "b c"}), "s", 1000, faults);
        let text = |kind| String::from_utf8(send(kind, &[])[0].body.clone()).unwrap();
        assert_eq!(text("interactive"), "payload=%7B%22a%22%3A%22b+c%22%7D");
        assert_eq!(text("slash_commands"), "a=b+c");
        assert_eq!(text("events_api"), r#"{"a":"b c"}"#);

        let good = &send("interactive", &[])[0];
        let forged = &send("interactive", &[Fault::BadSignature])[0];
        assert_eq!(good.body, forged.body);
        assert_ne!(good.signature, forged.signature);
        let stale = &send("interactive", &[Fault::StaleTimestamp])[0];
        assert_eq!(stale.timestamp, 699);
        assert_eq!(stale.signature, signature("s", 699, &stale.body));
        let oversize = &send("events_api", &[Fault::Oversize])[0];
        assert_eq!(oversize.body.len(), OVERSIZE);
        let coded = &send("interactive", &[Fault::WrongEncoding])[0];
        assert!(std::str::from_utf8(&coded.body).is_err());
        let [first, again] = send("interactive", &[Fault::Replay]).try_into().unwrap();
        assert_eq!(first, again);
        let [first, again] = send("events_api", &[Fault::EnvelopeTwice])
            .try_into()
            .unwrap();
        assert_ne!(first.signature, again.signature);
        assert_eq!((first.retry, again.retry), (None, Some(1)));
    }
}
