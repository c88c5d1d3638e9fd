//! Names under which secrets stand: `DB_PASSWORD`, `clientSecret`, `X-Api-Key`, `spring.datasource.password`.

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

/// What stands under `name`, if it is telling.
pub(super) fn kind(name: &str) -> Option<Kind> {
    if name.len() > MAX || !may_be(name) {
        return None;
    }
    let words = words(name);
    let last = words.last()?.as_str();
    let before = words.len().checked_sub(2).and_then(|i| words.get(i));
    let before = before.map_or("", String::as_str);
    if let Some(kind) = header(&words) {
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
fn header(words: &[String]) -> Option<Kind> {
    let last = words.last()?;
    let extent = match last.as_str() {
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

/// A cheap look before any allocation: most words of a log are not telling.
fn may_be(name: &str) -> bool {
    let bytes = name.as_bytes();
    bytes.iter().enumerate().any(|(at, first)| {
        let parts: &[&str] = match first.to_ascii_lowercase() {
            b'p' => &["pass", "pwd", "pw"],
            b's' => &["secret", "sig", "session", "sas"],
            b't' => &["token"],
            b'k' => &["key"],
            b'c' => &["cred", "cookie"],
            b'a' => &["auth"],
            b'b' => &["bearer"],
            b'h' => &["hmac"],
            b'j' => &["jwt"],
            b'o' => &["otp"],
            _ => return false,
        };
        let rest = bytes.get(at..).unwrap_or_default();
        let begins = |part: &&str| {
            let head = rest.get(..part.len());
            head.is_some_and(|h| h.eq_ignore_ascii_case(part.as_bytes()))
        };
        parts.iter().any(begins)
    })
}

/// The words of a name in lower case: split at anything but letters and digits, and at a change to upper case.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut fresh = true;
    let mut previous = ' ';
    let mut chars = name.chars().peekable();
    while let Some(c) = chars.next() {
        if !c.is_ascii_alphanumeric() {
            fresh = true;
            previous = c;
            continue;
        }
        let next_is_lower = chars.peek().is_some_and(char::is_ascii_lowercase);
        let hump = c.is_ascii_uppercase()
            && (previous.is_ascii_lowercase() || (previous.is_ascii_uppercase() && next_is_lower));
        if fresh || hump {
            words.push(String::new());
            fresh = false;
        }
        if let Some(word) = words.last_mut() {
            word.push(c.to_ascii_lowercase());
        }
        previous = c;
    }
    words
}
