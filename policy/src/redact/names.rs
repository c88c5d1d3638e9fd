//! Names under which secrets stand: `DB_PASSWORD`, `clientSecret`, `X-Api-Key`, `spring.datasource.password`.

use super::{
    quads::{Case, Quads},
    scan,
};
use std::ops::Range;

/// What stands under a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kind {
    /// The placeholder's class.
    pub(super) class: &'static str,
    /// Whether any value is a secret; else only one that looks like it (`token: 42` is none).
    pub(super) strong: bool,
    /// How far the value reaches.
    pub(super) extent: Extent,
}

/// How far a value reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// One word or one quoted string.
    Word,
    /// A scheme and a credential (`Bearer x`), or several (`Digest a="b", c="d"`).
    Header,
    /// To the end of the line (cookies).
    Line,
}

const STRONG: Kind = Kind {
    class: "password",
    strong: true,
    extent: Extent::Word,
};
const WEAK: Kind = Kind {
    strong: false,
    ..STRONG
};

/// Names longer than this are no names.
pub(super) const MAX: usize = 80;

/// Last words that say that the value is about a secret and not one: `token_type`, `secretName`, `password_file`.
const ABOUT: [&str; 48] = [
    "file",
    "path",
    "name",
    "names",
    "type",
    "types",
    "length",
    "len",
    "count",
    "ttl",
    "expiry",
    "expires",
    "expiration",
    "ref",
    "field",
    "policy",
    "version",
    "limit",
    "size",
    "mount",
    "dir",
    "endpoint",
    "enabled",
    "required",
    "status",
    "error",
    "errors",
    "attempts",
    "age",
    "algorithm",
    "alg",
    "method",
    "audience",
    "issuer",
    "at",
    "in",
    "url",
    "uri",
    "namespace",
    "id",
    "ids",
    "usage",
    "provider",
    "format",
    "source",
    "manager",
    "store",
    "rotation",
];

/// Words before `key` that make it a secret one.
const KEYS: [&str; 25] = [
    "api",
    "access",
    "secret",
    "private",
    "signing",
    "encryption",
    "master",
    "account",
    "storage",
    "service",
    "shared",
    "license",
    "auth",
    "deploy",
    "session",
    "subscription",
    "ingest",
    "write",
    "admin",
    "client",
    "app",
    "application",
    "integration",
    "routing",
    "hmac",
];

/// How the words begin without which a name tells nothing; or that say that a name or its value follows, or a scheme of
/// authorization.
const PARTS: [&str; 18] = [
    "pass", "pw", "secr", "sig", "sess", "sas", "toke", "key", "cred", "cook", "auth", "bear",
    "basi", "hmac", "jwt", "otp", "name", "valu",
];

static TELLING: Quads = telling();

const fn telling() -> Quads {
    let mut quads = Quads::NONE;
    let mut i = 0;
    while i < PARTS.len() {
        quads = quads.with(i, PARTS[i], Case::Any);
        i += 1;
    }
    quads
}

/// Calls `found` with each place in a text where a name may be telling: the others need no look.
pub(super) fn hints(bytes: &[u8], found: impl FnMut(usize)) {
    let tells = |window: &[u8; 67], at: usize| {
        let quad = [window[at], window[at + 1], window[at + 2], window[at + 3]];
        TELLING.buckets(quad) != 0
    };
    scan::places(bytes, tells, found);
}

/// What stands under `name`, if it is telling.
pub(super) fn kind(name: &str) -> Option<Kind> {
    if name.len() > MAX {
        return None;
    }
    let lower = name.to_ascii_lowercase();
    let [last, before] = last_two(name.as_bytes()).map(|word| lower.get(word).unwrap_or_default());
    if let Some(kind) = header(last) {
        return Some(kind);
    }
    if ABOUT.contains(&last) {
        // Vault's AppRole calls its secret `secret_id`; a session's id is as good as its password.
        let secret = last == "id" && matches!(before, "secret" | "session");
        return secret.then_some(Kind {
            class: "token",
            ..WEAK
        });
    }
    by_word(last, before).or_else(|| {
        // `passwordHash`, `secretValue`, `tokenString`; `DB_PASSWORD_2`.
        let tail = matches!(
            last,
            "hash" | "value" | "string" | "data" | "base64" | "b64" | "old" | "new" | "prod"
        ) || last.bytes().all(|b| b.is_ascii_digit());
        tail.then(|| by_word(before, ""))?
    })
}

fn by_word(word: &str, before: &str) -> Option<Kind> {
    let class = |class, kind: Kind| Some(Kind { class, ..kind });
    match word {
        "pass" | "pw" => return class("password", WEAK),
        "pwd" | "passwd" | "passphrase" | "passcode" | "passwort" => {
            return class("password", STRONG);
        }
        "token" | "jwt" | "bearer" | "sas" | "otp" => return class("token", WEAK),
        "secret" | "secrets" => return class("secret", STRONG),
        "credential" | "credentials" | "creds" | "cred" => return class("secret", WEAK),
        "sig" | "signature" | "hmac" => return class("signature", WEAK),
        "key" if KEYS.contains(&before) => return class("key", WEAK),
        _ => {}
    }
    let ends = |tails: &[&str]| tails.iter().any(|t| word.ends_with(t));
    if ends(&["password", "passwd", "passphrase"]) || word == "pgpassword" {
        return class("password", STRONG);
    }
    if ends(&["secret"]) {
        return class("secret", STRONG);
    }
    if ends(&[
        "apikey",
        "accesskey",
        "secretkey",
        "privatekey",
        "accountkey",
        "signingkey",
        "authkey",
    ]) {
        return class("key", WEAK);
    }
    if ends(&[
        "authtoken",
        "accesstoken",
        "refreshtoken",
        "idtoken",
        "apitoken",
        "bottoken",
        "sessionid",
    ]) {
        return class("token", WEAK);
    }
    None
}

/// HTTP headers that carry credentials.
fn header(word: &str) -> Option<Kind> {
    let extent = match word {
        "authorization" => Extent::Header,
        "cookie" => Extent::Line,
        _ => return None,
    };
    let class = if extent == Extent::Line {
        "cookie"
    } else {
        "authorization"
    };
    Some(Kind {
        class,
        strong: true,
        extent,
    })
}

/// The last word of a name, and the one before it: words end at anything but letters and digits, and at a change to upper
/// case.
fn last_two(name: &[u8]) -> [Range<usize>; 2] {
    let (mut last, mut before) = (0..0, 0..0);
    let mut previous = b' ';
    for (at, b) in name.iter().enumerate() {
        if b.is_ascii_alphanumeric() {
            let next_is_lower = name.get(at + 1).is_some_and(u8::is_ascii_lowercase);
            let hump = b.is_ascii_uppercase()
                && (previous.is_ascii_lowercase()
                    || (previous.is_ascii_uppercase() && next_is_lower));
            if hump || !previous.is_ascii_alphanumeric() {
                before = std::mem::replace(&mut last, at..at);
            }
            last.end = at + 1;
        }
        previous = *b;
    }
    [last, before]
}
