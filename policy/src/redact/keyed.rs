//! Secrets under a telling name: `KEY=value`, JSON, YAML, headers, flags, XML, SQL, and `name`/`value` pairs.

use super::{
    Span, class, floor,
    names::{self, Extent, Kind},
    value::{Value, is_likely, is_masked, is_secret},
};

/// Values are not looked at beyond this length.
const MAX: usize = 8 * 1024;
/// A `value` this close behind a telling `name` belongs to it (the env of a pod, as JSON or YAML).
const PAIR: usize = 160;

pub(super) fn find(text: &str, spans: &mut Vec<Span>) {
    let bytes = text.as_bytes();
    let mut from = 0;
    let mut pair = None;
    names::hints(bytes, |hint| {
        if hint < from {
            return;
        }
        let start = class::back(bytes, from, hint, class::NAME);
        from = class::end(bytes, hint, class::NAME);
        if may_be_assigned(bytes, start, from) {
            let name = text.get(start..from).unwrap_or_default();
            spans.extend(bearer(text, name, from));
            let span = assigned(text, name, from, &mut pair);
            from = span.map_or(from, |s| from.max(s.end));
            spans.extend(span);
        }
    });
}

/// What is assigned to the name that ends at `end`, if it is a secret.
fn assigned(text: &str, name: &str, end: usize, pair: &mut Option<(usize, Kind)>) -> Option<Span> {
    let name = name.trim_start_matches(['-', '.']);
    let name = after_escape(text, end - name.len(), name);
    let place = Place {
        text,
        start: end - name.len(),
        end,
    };
    if name.len() > names::MAX || place.is_in_placeholder() {
        return None;
    }
    let kind = names::kind(name).or_else(|| pair_kind(name, end, pair, &place))?;
    place.value(kind)
}

/// A cheap look at what follows, before any at the name itself: most words of a log are followed by another word.
fn may_be_assigned(bytes: &[u8], start: usize, end: usize) -> bool {
    let after = bytes.get(end..).unwrap_or_default();
    let closes = |b: &u8| matches!(b, b'"' | b'\'' | b'`' | b']' | b'\\');
    let closed = after.iter().position(|b| !closes(b)).unwrap_or(after.len());
    let mut rest = after.get(closed..).unwrap_or_default().iter();
    match rest.next() {
        Some(b'=' | b':' | b'>' | b'%') => true,
        Some(b' ') => {
            let flag = bytes.get(start) == Some(&b'-');
            let scheme = matches!(bytes.get(end - 1), Some(b'r' | b'c'));
            flag || scheme
                || rest
                    .find(|b| **b != b' ')
                    .is_some_and(|b| matches!(b, b'=' | b':' | b'\'' | b'%'))
        }
        _ => false,
    }
}

/// A name that stands behind the `n` of an escaped line break (`\nPASSWORD=x` in JSON).
fn after_escape<'t>(text: &str, start: usize, name: &'t str) -> &'t str {
    let escaped = start > 0 && text.as_bytes().get(start - 1) == Some(&b'\\');
    match name.strip_prefix(['n', 't', 'r']) {
        Some(rest) if escaped => rest,
        _ => name,
    }
}

fn is_name(b: u8) -> bool {
    class::is(b, class::NAME)
}

/// `name: DB_PASSWORD` makes the next `value` a secret.
fn pair_kind(
    name: &str,
    at: usize,
    pair: &mut Option<(usize, Kind)>,
    place: &Place<'_>,
) -> Option<Kind> {
    if name.eq_ignore_ascii_case("name") || name.eq_ignore_ascii_case("key") {
        let named = place.assigned().and_then(|v| names::kind(v.inner));
        *pair = named.map(|kind| (at, kind));
        return None;
    }
    if !name.eq_ignore_ascii_case("value") {
        return None;
    }
    let (from, kind) = pair.take()?;
    (at - from <= PAIR).then_some(Kind {
        strong: true,
        ..kind
    })
}

/// A name and what stands around it.
struct Place<'t> {
    text: &'t str,
    start: usize,
    end: usize,
}

impl<'t> Place<'t> {
    /// `password-1` of `<password-1>`.
    fn is_in_placeholder(&self) -> bool {
        let around = self.start.checked_sub(1).map(|s| s..self.end + 1);
        super::is_placeholder(around.and_then(|r| self.text.get(r)))
    }

    /// The secret that this name holds.
    fn value(&self, kind: Kind) -> Option<Span> {
        let value = match kind.extent {
            Extent::Word => self.assigned()?,
            Extent::Header => credential(self.assigned_line()?),
            Extent::Line => self.assigned_line()?,
        };
        let secret = match (kind.extent, kind.strong) {
            (Extent::Word, true) => is_secret(&value),
            (Extent::Word, false) => is_secret(&value) && is_likely(&value),
            _ => !value.inner.trim().is_empty() && !is_masked(value.inner.trim()),
        };
        secret.then(|| Span {
            start: value.start,
            end: value.start + value.inner.len(),
            class: kind.class,
        })
    }

    /// Where the value begins, and whether what assigns it is firm.
    fn separator(&self) -> Option<(usize, bool)> {
        let rest = self.text.get(self.end..)?;
        let closed = rest.trim_start_matches(['"', '\'', '`', ']', '\\']);
        let mut at = self.end + rest.len() - closed.len();
        let spaced = closed.starts_with(' ');
        let bare = closed.trim_start_matches(' ');
        at += closed.len() - bare.len();
        let tag = self
            .text
            .get(..self.start)
            .is_some_and(|b| b.ends_with('<'));
        let firm = ["=>", ":=", "%3D", "%3d", "="];
        if let Some(sep) = firm.iter().find(|s| bare.starts_with(**s)) {
            let extra = bare
                .get(sep.len()..)
                .map_or(0, |r| r.len() - r.trim_start_matches(['=', ' ']).len());
            return Some((at + sep.len() + extra, true));
        }
        if let Some(after) = bare.strip_prefix(':') {
            let value = after.trim_start_matches([' ', '\t']);
            let quoted = value.starts_with(['"', '\'', '\\']);
            // `volume "db-token" : secret "x" not found` is prose.
            let prose = spaced && !quoted;
            return (!prose).then_some((at + 1 + after.len() - value.len(), false));
        }
        if tag && closed.starts_with('>') {
            return Some((at + 1, true));
        }
        let flag = self
            .text
            .get(..self.start)
            .is_some_and(|b| b.ends_with("--"));
        let sql = bare.starts_with('\'') && spaced;
        (spaced && (flag || sql)).then_some((at, true))
    }

    /// The value that is assigned to the name, one word or one quoted string.
    fn assigned(&self) -> Option<Value<'t>> {
        let (start, firm) = self.separator()?;
        let rest = self.text.get(start..)?;
        let rest = rest.get(..floor(rest, MAX)).unwrap_or(rest);
        for quote in ["\\\"", "\"", "'", "`"] {
            if let Some(inner) = rest.strip_prefix(quote) {
                let len = closing(inner, quote);
                return Some(Value {
                    start: start + quote.len(),
                    inner: inner.get(..len)?,
                    quoted: true,
                    firm,
                });
            }
        }
        Some(Value {
            start,
            inner: word(rest),
            quoted: false,
            firm,
        })
    }

    /// The value up to the end of its line or quotes.
    fn assigned_line(&self) -> Option<Value<'t>> {
        let (start, firm) = self.separator()?;
        let rest = self.text.get(start..)?;
        let rest = rest.get(..floor(rest, MAX)).unwrap_or(rest);
        let lead = rest.len() - rest.trim_start_matches(['"', '\'', '[', '\\']).len();
        let body = rest.get(lead..)?;
        let opened = self
            .text
            .get(..start + lead)
            .and_then(|b| b.chars().next_back());
        let opened = opened
            .filter(|c| matches!(c, '"' | '\''))
            .or_else(|| self.quote_before());
        let stops = |c: char| c == '\n' || c == '\r' || Some(c) == opened;
        let len = body.find(stops).unwrap_or(body.len());
        Some(Value {
            start: start + lead,
            inner: body.get(..len)?.trim_end_matches('\\'),
            quoted: opened.is_some(),
            firm,
        })
    }

    /// A quote right before the name, as in `-H 'Authorization: Bearer x'`.
    fn quote_before(&self) -> Option<char> {
        let before = self.text.get(..self.start)?.chars().next_back()?;
        matches!(before, '"' | '\'').then_some(before)
    }
}

/// What follows the scheme of an `Authorization` header: one credential, or all that follows for schemes with many.
fn credential(value: Value<'_>) -> Value<'_> {
    let Some((scheme, rest)) = value.inner.split_once(' ') else {
        return Value {
            inner: word(value.inner),
            ..value
        };
    };
    let many = ["digest", "aws4-hmac-sha256", "oauth", "hawk", "signature"];
    let one = [
        "bearer",
        "basic",
        "token",
        "negotiate",
        "apikey",
        "key",
        "bot",
    ];
    let is = |list: &[&str]| list.iter().any(|s| scheme.eq_ignore_ascii_case(s));
    let start = value.start + scheme.len() + 1;
    if is(&many) {
        return Value {
            start,
            inner: rest,
            ..value
        };
    }
    if is(&one) {
        return Value {
            start,
            inner: word(rest),
            ..value
        };
    }
    Value {
        inner: word(value.inner),
        ..value
    }
}

/// `Bearer x` and `Basic x` without a header's name: `name` ends at `end`.
fn bearer(text: &str, name: &str, end: usize) -> Option<Span> {
    let schemes = ["Bearer", "bearer", "Basic"];
    let rest = text.get(end..)?.strip_prefix(' ')?;
    if !schemes.iter().any(|s| name.ends_with(s)) {
        return None;
    }
    let secret = word(rest);
    // How it begins tells; what else hangs on to it goes with it, or the rest of a token would stay.
    let shaped = |c: char| c.is_ascii_alphanumeric() || "._~+/=-".contains(c);
    let token = secret.split(|c| !shaped(c)).next().unwrap_or_default();
    let mixed = token.bytes().any(|b| b.is_ascii_digit() || b == b'=');
    let found = mixed && token.len() >= 12 && !is_masked(secret);
    found.then(|| Span {
        start: end + 1,
        end: end + 1 + secret.len(),
        class: "authorization",
    })
}

/// The length up to the closing quote, which a backslash may hide.
fn closing(inner: &str, quote: &str) -> usize {
    let mut escaped = false;
    for (i, c) in inner.char_indices() {
        if inner.get(i..).is_some_and(|r| r.starts_with(quote)) && !escaped {
            return i;
        }
        if c == '\n' {
            return i;
        }
        escaped = c == '\\' && !escaped && quote.len() == 1;
    }
    inner.len()
}

/// An unquoted value. `,` ends it only where another field follows: a password may hold one.
fn word(rest: &str) -> &str {
    let rest = rest.get(..floor(rest, MAX)).unwrap_or(rest);
    let closes = rest.starts_with('<').then(|| rest.find('>')).flatten();
    if let Some(len) = closes.filter(|len| super::is_placeholder(rest.get(..=*len))) {
        return rest.get(..=len).unwrap_or_default();
    }
    let ends = |(i, c): (usize, char)| {
        let after = rest.get(i + c.len_utf8()..).unwrap_or_default();
        c.is_whitespace()
            || matches!(c, '&' | ';' | '"' | '\'' | '`')
            || (c == ','
                && (after.starts_with(char::is_whitespace) || after.is_empty() || is_field(after)))
            || (c == '<' && (after.starts_with('/') || begins_placeholder(after)))
            // An encoded `&` before another field; a password may hold these characters, too.
            || (c == '%' && after.strip_prefix("26").is_some_and(is_encoded_field))
            || (c == '\\' && after.starts_with(['n', 'r', 't', '"']))
    };
    let len = rest
        .char_indices()
        .find(|x| ends(*x))
        .map_or(rest.len(), |(i, _)| i);
    let word = rest.get(..len).unwrap_or_default();
    word.trim_end_matches([')', ']', '}', ',', '…'])
}

/// Whether a placeholder begins here, its `<` aside.
fn begins_placeholder(after: &str) -> bool {
    let len = after.bytes().take(40).position(|b| b == b'>');
    len.and_then(|len| after.get(..len))
        .is_some_and(super::is_placeholder_inside)
}

/// Whether `key=` or `key%3D` follows.
fn is_encoded_field(after: &str) -> bool {
    let len = after.bytes().take_while(|b| is_name(*b)).count();
    let then = after.get(len..).unwrap_or_default();
    len > 0 && ["=", "%3D", "%3d"].iter().any(|s| then.starts_with(s))
}

/// Whether another `key=` or `key:` follows.
fn is_field(after: &str) -> bool {
    let bare = after.trim_start_matches(['"', '\'']);
    let len = bare.bytes().take_while(|b| is_name(*b)).count();
    let then = bare
        .get(len..)
        .unwrap_or_default()
        .trim_start_matches(['"', '\'']);
    len > 0 && then.starts_with(['=', ':'])
}
