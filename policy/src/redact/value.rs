//! Values: whether what stands under a telling name is a secret, a word about one, or masked already.

/// A value with where it begins, and how it was assigned.
pub(super) struct Value<'t> {
    pub(super) start: usize,
    pub(super) inner: &'t str,
    pub(super) quoted: bool,
    /// `=`, a flag or a tag; not the `:` that prose uses too.
    pub(super) firm: bool,
}

/// Values that say something about a secret instead of being one.
const NO_SECRETS: [&str; 44] = [
    "true",
    "false",
    "null",
    "none",
    "nil",
    "yes",
    "no",
    "undefined",
    "empty",
    "unset",
    "set",
    "must",
    "is",
    "not",
    "was",
    "cannot",
    "too",
    "required",
    "missing",
    "incorrect",
    "invalid",
    "expired",
    "failed",
    "for",
    "the",
    "a",
    "an",
    "does",
    "should",
    "wrong",
    "mismatch",
    "rejected",
    "denied",
    "secret",
    "configmap",
    "unexpected",
    "could",
    "unable",
    "error",
    "unknown",
    "string",
    "unauthorized",
    "has",
    "bearer",
];

/// Whether a value is one at all, and not a word about one.
pub(super) fn is_secret(value: &Value<'_>) -> bool {
    let v = value.inner.trim();
    let stop = v.trim_end_matches(['.', ':', ',']);
    let word = !value.quoted || v.len() < 6;
    let says = word && NO_SECRETS.iter().any(|n| stop.eq_ignore_ascii_case(n));
    !v.is_empty() && !says && !is_masked(v) && !v.bytes().all(|b| b.is_ascii_punctuation())
}

/// Already masked, or a reference to a secret: `***`, `xxxxx`, `[REDACTED]`, `${DB_PASSWORD}`, `{{ .Values.x }}`, ours.
pub(super) fn is_masked(v: &str) -> bool {
    let low = v
        .trim_matches(['<', '>', '[', ']', '(', ')', '*'])
        .to_ascii_lowercase();
    let same = |c: char| v.chars().all(|x| x == c);
    let reference = v.starts_with("${") || v.starts_with("{{") || v.starts_with("$(");
    let variable = v.strip_prefix('$').is_some_and(|n| {
        !n.is_empty()
            && n.bytes()
                .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
    });
    let says = [
        "redacted",
        "masked",
        "hidden",
        "filtered",
        "removed",
        "secret",
        "sensitive",
        "omitted",
    ];
    low.is_empty()
        || same('x')
        || same('X')
        || same('•')
        || reference
        || variable
        || says.contains(&low.as_str())
        || super::is_placeholder(Some(v))
}

/// Whether a value under a vague name looks like a secret: `token: 42` and `unexpected token: newline` do not.
pub(super) fn is_likely(value: &Value<'_>) -> bool {
    let v = value.inner;
    let digit = v.bytes().any(|b| b.is_ascii_digit());
    let letter = v.bytes().any(|b| b.is_ascii_alphabetic());
    if value.firm || value.quoted {
        return v.len() >= 6 && (letter || v.len() >= 8);
    }
    (v.len() >= 8 && digit && letter) || (v.len() >= 20 && letter)
}
