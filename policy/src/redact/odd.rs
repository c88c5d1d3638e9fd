//! Tokens of well-known shape that no prefix tells.

use super::{
    Span,
    alphabet::{Set, run},
    floor,
};

/// The longest token without a prefix (Terraform's: 14, `.atlasv1.`, 67).
const MAX: usize = 160;
/// The shortest of them, but for those that begin in a telling way (Mailchimp's, Entra ID's).
const LEAST: usize = 36;
/// Mailchimp's key is so long; its data centre follows.
const MAILCHIMP: usize = 32;

/// How the words begin that tell such a token: the first in it, or one in its middle (`began_before`). (Entra ID's is
/// told by its `~`.)
pub(super) const BEGINS: [&str; 9] = [
    "####", "eyJ", "sk-", "pat*", "M***", "N***", "O***", "us#", "atla",
];

/// Whether the word at `at` tells a token that began before it.
pub(super) fn began_before(bytes: &[u8], at: usize) -> bool {
    let (before, rest) = bytes.split_at_checked(at).unwrap_or_default();
    match (before, rest) {
        ([.., b'.'], rest) => rest.starts_with(b"atlasv1."),
        ([key @ .., b'-'], [b'u', b's', b'0'..=b'9', ..]) => {
            let key = key.last_chunk::<MAILCHIMP>();
            key.is_some_and(|key| key.iter().all(u8::is_ascii_hexdigit))
        }
        _ => false,
    }
}

/// The token of such a shape at `at`.
pub(super) fn find(text: &str, at: usize) -> Option<Span> {
    let rest = text.get(at..)?;
    let span = |len: usize, class| {
        Some(Span {
            start: at,
            end: at + len,
            class,
        })
    };
    match rest.as_bytes() {
        [b'0'..=b'9', ..] => {
            if let Some(len) = telegram(rest) {
                return span(len, "telegram-token");
            }
        }
        [b'e', b'y', b'J', ..] => {
            let len = run(rest, 0, Set::Dotted);
            return is_jwt(rest.get(..len)?).then(|| span(len, "jwt"))?;
        }
        _ => {}
    }
    // Bounded: these shapes are short, and a hostile `a.a.a.a` must not cost its square.
    let near = rest.get(..floor(rest, MAX))?;
    let dotted = near.get(..run(near, 0, Set::Dotted))?;
    if is_bare_sk(dotted) {
        return span(dotted.len(), "llm-key");
    }
    let azure = near.get(..azure_len(near)).unwrap_or_default();
    if azure.len() < LEAST {
        return None;
    }
    if dotted.len() >= 60 && dotted.contains(".atlasv1.") {
        return span(dotted.len(), "terraform-token");
    }
    let url = near.get(..run(near, 0, Set::Url)).unwrap_or_default();
    if is_airtable(dotted) || is_mailchimp(url) || is_discord(dotted) {
        return span(dotted.len(), "token");
    }
    if is_azure(azure) {
        return span(azure.len(), "azure-secret");
    }
    None
}

/// `header.payload.signature`, each base64url of JSON, or one long `eyJ…` alone (the old Grafana key, a cut JWT).
fn is_jwt(word: &str) -> bool {
    let parts = word.matches('.').count();
    word.starts_with("eyJ")
        && word.len() >= 24
        && (parts >= 2 || word.len() >= 60 || parts == 1 && word.len() >= 40)
}

/// `sk-` and enough letters and digits: OpenAI's old keys, and those of many compatible services.
fn is_bare_sk(word: &str) -> bool {
    let Some(body) = word.strip_prefix("sk-") else {
        return false;
    };
    body.len() >= 20
        && body.bytes().any(|b| b.is_ascii_digit())
        && body.bytes().filter(|b| *b == b'-').count() < 3
}

/// The length of `<bot id>:AA<33 more>`.
fn telegram(rest: &str) -> Option<usize> {
    let digits = rest.bytes().take(11).take_while(u8::is_ascii_digit).count();
    let body = rest.get(digits..)?.strip_prefix(":AA")?;
    let len = body
        .bytes()
        .take(60)
        .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
        .count();
    ((8..=10).contains(&digits) && len >= 30).then_some(digits + 3 + len)
}

/// `pat` and 14, a dot, 64 hex digits.
fn is_airtable(word: &str) -> bool {
    let Some((id, secret)) = word.split_once('.') else {
        return false;
    };
    id.len() == 17
        && id.starts_with("pat")
        && secret.len() >= 60
        && secret.bytes().all(|b| b.is_ascii_hexdigit())
}

/// 32 hex digits and the data centre: `-us12`.
fn is_mailchimp(word: &str) -> bool {
    word.split_once("-us").is_some_and(|(key, dc)| {
        key.len() == MAILCHIMP
            && key.bytes().all(|b| b.is_ascii_hexdigit())
            && (1..=2).contains(&dc.len())
            && dc.bytes().all(|b| b.is_ascii_digit())
    })
}

/// Discord's bot token: base64 of an id, 6 characters, 27 or more.
fn is_discord(word: &str) -> bool {
    let mut parts = word.split('.');
    let lens = [parts.next(), parts.next(), parts.next()].map(|p| p.map_or(0, str::len));
    let shaped = matches!(lens, [23..=28, 6, 27..=45]) && parts.next().is_none();
    shaped && word.starts_with(['M', 'N', 'O']) && word.bytes().any(|b| b.is_ascii_digit())
}

fn azure_len(text: &str) -> usize {
    let in_set = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'~' | b'.' | b'-');
    text.bytes().take(64).take_while(in_set).count()
}

/// Entra ID's client secret: three characters, a digit, `Q~`, 31 to 34 more.
fn is_azure(word: &str) -> bool {
    let digit = word.as_bytes().get(3).is_some_and(u8::is_ascii_digit);
    digit && word.get(4..6) == Some("Q~") && word.len() >= 36
}
