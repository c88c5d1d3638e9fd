//! Signs a webhook's message, so that the receiver knows whose it is and that nobody has changed it.
//!
//! `X-Podmender-Timestamp: SECONDS` and `X-Podmender-Signature: v1=HEX`, where HEX is the HMAC-SHA256 by the shared secret
//! of `v1:SECONDS:BODY`, with the body's bytes as they were sent. A receiver compares in constant time and refuses what is
//! older than five minutes.

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::Sha256;
use std::fmt::Write;

/// The headers of one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// `X-Podmender-Timestamp`.
    pub timestamp: String,
    /// `X-Podmender-Signature`.
    pub signature: String,
}

/// Signs `body` at `now`.
#[must_use]
pub fn sign(secret: &str, body: &[u8], now: Timestamp) -> Option<Signature> {
    let timestamp = now.as_second().to_string();
    // HMAC takes a key of any length, so this is never `None`; a message is rather not sent than sent unsigned.
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok()?;
    for part in [b"v1:", timestamp.as_bytes(), b":", body] {
        mac.update(part);
    }
    let mut signature = String::from("v1=");
    for byte in mac.finalize().into_bytes() {
        // Writing to a String cannot fail.
        let _ = write!(signature, "{byte:02x}");
    }
    Some(Signature {
        timestamp,
        signature,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_what_openssl_makes_of_it() {
        // printf 'v1:1700000000:{"a":1}' | openssl dgst -sha256 -hmac 'key'
        let now = Timestamp::from_second(1_700_000_000).expect("time");
        let signed = sign("key", br#"{"a":1}"#, now).expect("signed");
        assert_eq!(signed.timestamp, "1700000000");
        assert_eq!(
            signed.signature,
            "v1=d9557872749208eb6fd1b4949933064d21edc4f53ab77a187f5569f605c14ec1"
        );
    }
}
