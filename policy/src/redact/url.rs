//! Credentials in addresses: `scheme://user:password@host`, Go's MySQL form `user:password@tcp(host)`.

use super::{Span, floor};

/// Addresses are not looked at beyond this length.
const MAX: usize = 2048;
/// A user name without a password that is at least this long is a token (`https://<token>@github.com`).
const TOKEN: usize = 16;

pub(super) fn find(text: &str, spans: &mut Vec<Span>) {
    let mut from = 0;
    // No credentials without it, and most lines have none.
    while let Some(sign) = text.get(from..).and_then(|rest| rest.find('@')) {
        let (before, after) = text.split_at(from + sign);
        let begin = before.rfind('\n').map_or(0, |end| end + 1);
        let end = after
            .find('\n')
            .map_or(text.len(), |len| before.len() + len);
        in_line(text, begin, text.get(begin..end).unwrap_or_default(), spans);
        from = end;
    }
}

fn in_line(text: &str, begin: usize, line: &str, spans: &mut Vec<Span>) {
    for (at, _) in line.match_indices(':') {
        let start = begin + at + 3;
        if line.as_bytes().get(at + 1..at + 3) != Some(b"//") {
            continue;
        }
        if let Some(len) = userinfo(run(text, start)) {
            push(text, start, start + len, spans);
        }
    }
    for (at, _) in line.match_indices('@') {
        let after = line.get(at + 1..).unwrap_or_default();
        if ["tcp(", "unix(", "tcp4(", "tcp6("]
            .iter()
            .any(|n| after.starts_with(n))
        {
            let end = begin + at;
            push(text, start_of_word(text, end), end, spans);
        }
    }
}

/// The secret part of a userinfo: what follows the first colon, or all of it if it is too long for a name.
fn push(text: &str, start: usize, end: usize, spans: &mut Vec<Span>) {
    let info = text.get(start..end).unwrap_or_default();
    let (start, class) = match info.find(':') {
        Some(colon) => (start + colon + 1, "password"),
        None if info.len() >= TOKEN => (start, "token"),
        None => return,
    };
    let secret = text.get(start..end).unwrap_or_default();
    if !secret.is_empty() && !super::value::is_masked(secret) {
        spans.push(Span { start, end, class });
    }
}

/// The address from `start` to the next character that cannot be in one.
fn run(text: &str, start: usize) -> &str {
    let rest = text.get(start..).unwrap_or_default();
    let stops = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '>' | '|' | '\\');
    // While a `<` is open, it is a placeholder's: its `>` ends no address.
    let mut open = false;
    let mut ends = |(i, c): &(usize, char)| {
        let ends = *i >= MAX || stops(*c) && !open;
        open = (open || *c == '<') && *c != '>';
        ends
    };
    let len = rest.char_indices().find(|x| ends(x));
    rest.get(..len.map_or(rest.len(), |(i, _)| i))
        .unwrap_or_default()
}

/// The length of the userinfo of an address. A password may hold `@`, and even `/` if it was never escaped.
fn userinfo(address: &str) -> Option<usize> {
    let authority = address.find(['/', '?', '#']).unwrap_or(address.len());
    let head = address.get(..authority)?;
    if let Some(at) = head.rfind('@') {
        // With a password in it, a later `@` may be the password's own: rather too much than half of it.
        let later = head.contains(':').then(|| address.rfind('@')).flatten();
        return Some(later.unwrap_or(at));
    }
    let (_, port) = head.split_once(':')?;
    let is_port = port.bytes().all(|b| b.is_ascii_digit());
    let at = address.rfind('@')?;
    (!is_port).then_some(at)
}

fn start_of_word(text: &str, end: usize) -> usize {
    let before = text.get(..end).unwrap_or_default();
    let stops = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '=' | '(' | '[');
    before
        .char_indices()
        .rev()
        .take_while(|(i, _)| end - i <= MAX)
        .find(|(_, c)| stops(*c))
        .map_or_else(
            || floor(text, end.saturating_sub(MAX)),
            |(i, c)| i + c.len_utf8(),
        )
}
