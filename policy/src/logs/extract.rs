//! Particulars for the sentence: which host, port, file, variable, user. All found in text that is already redacted.

/// The longest particular that goes into a sentence.
const MAX: usize = 120;

/// The beginning of a line, short enough for a sentence.
pub(super) fn head(line: &str) -> String {
    const LONG: usize = 200;
    match line.char_indices().nth(LONG) {
        Some((at, _)) => format!("{}…", line.get(..at).unwrap_or_default()),
        None => line.to_owned(),
    }
}

/// The host, with its port if there is one, that a line says it could not reach.
pub(super) fn target(line: &str) -> Option<String> {
    pool(line)
        .or_else(|| server_at(line))
        .or_else(|| address(line))
        .or_else(|| {
            after(
                line,
                &["connect to ", "connecting to ", "connection to ", "reach "],
            )
        })
}

/// `HTTPConnectionPool(host='api', port=80)`.
fn pool(line: &str) -> Option<String> {
    let (_, rest) = line.split_once("host='")?;
    let (host, rest) = rest.split_once('\'')?;
    let port = rest
        .split_once("port=")
        .map(|(_, p)| digits(p))
        .filter(|p| !p.is_empty());
    Some(port.map_or_else(|| host.to_owned(), |p| format!("{host}:{p}")))
}

/// libpq: `connection to server at "db" (10.0.0.5), port 5432 failed`.
fn server_at(line: &str) -> Option<String> {
    let (_, rest) = line.split_once("server at \"")?;
    let (host, rest) = rest.split_once('"')?;
    let port = rest
        .split_once("port ")
        .map(|(_, p)| digits(p))
        .filter(|p| !p.is_empty());
    Some(port.map_or_else(|| host.to_owned(), |p| format!("{host}:{p}")))
}

fn digits(text: &str) -> &str {
    let len = text.bytes().take_while(u8::is_ascii_digit).count();
    text.get(..len).unwrap_or_default()
}

/// The last `host:port` of a line that is no time and no place in a source file. In `10.0.0.9:41234->10.0.0.1:5432` that is the far end.
fn address(line: &str) -> Option<String> {
    let words = line.split(|c: char| {
        c.is_whitespace()
            || matches!(
                c,
                '"' | '\'' | '(' | ')' | ',' | '=' | '>' | '<' | '@' | '/' | ';'
            )
    });
    let mut found = words.filter_map(|word| {
        let word = word
            .trim_end_matches([':', '.', ']'])
            .trim_start_matches('[');
        let (host, port) = word.rsplit_once(':')?;
        let host = host.trim_end_matches(']');
        let number: u16 = port.parse().ok()?;
        let name = host
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':'));
        let time = host.bytes().all(|b| b.is_ascii_digit() || b == b':');
        let source = [
            ".rs", ".go", ".py", ".js", ".ts", ".rb", ".java", ".cs", ".c", ".cpp", ".php", ".kt",
        ];
        let source = source.iter().any(|s| host.ends_with(s))
            || host.contains(".rs:")
            || host.contains(".js:");
        let sane =
            !host.is_empty() && host.len() <= MAX && name && !source && number > 0 && number != 53;
        (sane && (!time || host.contains("::"))).then(|| word.to_owned())
    });
    found.next_back()
}

/// The word after one of `leads`.
pub(super) fn after(line: &str, leads: &[&str]) -> Option<String> {
    leads.iter().find_map(|lead| {
        let at = find(line, lead)?;
        let rest = line.get(at + lead.len()..)?;
        let word = rest.split([' ', ',', ';', ')']).next()?;
        let word = word.trim_matches(['"', '\'', '`', '.', ':', '(', '[', ']']);
        let fine = !word.is_empty()
            && word.len() <= MAX
            && word.bytes().any(|b| b.is_ascii_alphanumeric());
        fine.then(|| word.to_owned())
    })
}

/// Where `what` (lower case) stands, whatever its case.
fn find(line: &str, what: &str) -> Option<usize> {
    let windows = line.as_bytes().windows(what.len());
    windows
        .enumerate()
        .find(|(_, w)| w.eq_ignore_ascii_case(what.as_bytes()))
        .map(|(at, _)| at)
}

/// The host that a resolver did not find.
pub(super) fn host(line: &str) -> Option<String> {
    let leads = [
        "lookup ",
        "enotfound ",
        "eai_again ",
        "unknownhostexception: ",
        "could not translate host name ",
        "could not resolve host: ",
        "resolve host ",
        "unknown host ",
        "failed to resolve ",
        "cannot resolve ",
        "hostname ",
    ];
    let named = after(line, &leads).filter(|h| !h.eq_ignore_ascii_case("address"));
    named.or_else(|| pool(line)).or_else(|| address(line))
}

/// A variable's name: `UPPER_SNAKE`, with an underscore, or all of what stands in quotes.
pub(super) fn env_name(line: &str) -> Option<String> {
    let words = line.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let is_name = |w: &&str| {
        let upper = w
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
        upper && w.len() >= 3 && w.len() <= MAX && w.bytes().any(|b| b.is_ascii_uppercase())
    };
    const LEVELS: [&str; 9] = [
        "ERROR", "FATAL", "WARN", "WARNING", "INFO", "CRITICAL", "PANIC", "DEBUG", "ERR",
    ];
    let names: Vec<&str> = words
        .filter(is_name)
        .filter(|w| !LEVELS.contains(w))
        .collect();
    let best = names
        .iter()
        .find(|n| n.contains('_'))
        .or_else(|| names.first());
    best.map(|n| (*n).to_owned())
}

/// A path, or a module's name in quotes.
pub(super) fn path(line: &str) -> Option<String> {
    let words = line.split(|c: char| {
        c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '(' | ')' | ',' | '=' | '<' | '>')
    });
    let mut paths = words.filter_map(|w| {
        let w = w
            .trim_end_matches([':', '.', ';', ']'])
            .trim_start_matches('[');
        let looks = (w.starts_with('/') || w.starts_with("./")) && w.len() > 1 && w.len() <= MAX;
        // `/app/main.py:12` and `/usr/bin/env:` say where it was noticed.
        let place = w
            .rsplit_once(':')
            .is_some_and(|(_, n)| n.bytes().all(|b| b.is_ascii_digit()));
        (looks && !place && !w.starts_with("//")).then(|| w.to_owned())
    });
    let module = || {
        after(
            line,
            &[
                "no module named ",
                "cannot find module ",
                "shared libraries: ",
                "classnotfoundexception: ",
                "main class ",
                "jarfile ",
                "open file ",
            ],
        )
    };
    module().or_else(|| paths.next_back()).or_else(|| {
        after(line, &["open ", "stat ", "filenotfoundexception: "])
            .filter(|f| f.contains(['.', '/']))
    })
}

/// A port that is taken.
pub(super) fn port(line: &str) -> Option<String> {
    let by_word =
        after(line, &["port ", "port: ", ":::"]).filter(|p| p.bytes().all(|b| b.is_ascii_digit()));
    by_word.or_else(|| {
        let words = line
            .split(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '(' | ')' | ',' | '/'));
        let mut ports = words.filter_map(|w| {
            let (_, port) = w.trim_end_matches([':', '.', ']']).rsplit_once(':')?;
            port.parse::<u16>()
                .ok()
                .filter(|p| *p > 0)
                .map(|p| p.to_string())
        });
        ports.next_back()
    })
}

/// A user that was refused.
pub(super) fn user(line: &str) -> Option<String> {
    let word = after(line, &["for user ", "role ", "user "])?;
    // MySQL: 'root'@'10.0.0.1'
    let name = word.split(['\'', '"', '@']).next()?;
    (!name.is_empty() && name.len() <= 63).then(|| name.to_owned())
}

/// The name of an exception that a line begins with: `ValueError: x`, `Caused by: java.io.IOException: x`.
pub(super) fn exception(line: &str) -> Option<&str> {
    let mut rest = line;
    for lead in [
        "Caused by: ",
        "Unhandled exception. ",
        "Uncaught ",
        "Unhandled Exception: ",
    ] {
        rest = rest.strip_prefix(lead).unwrap_or(rest);
    }
    if let Some(thread) = rest.strip_prefix("Exception in thread \"") {
        rest = thread.split_once("\" ").map_or(rest, |(_, e)| e);
    }
    let len = rest
        .bytes()
        .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'$'))
        .count();
    let name = rest.get(..len)?;
    let then = rest.get(len..)?;
    let ends = ["Error", "Exception", "Exit", "Interrupt"]
        .iter()
        .any(|e| name.ends_with(e));
    let named = ends && name.len() > 5 && name.starts_with(|c: char| c.is_ascii_alphabetic());
    (named && (then.is_empty() || then.starts_with(": "))).then_some(name)
}

/// A Rust panic's message and a Go panic's, without what stands around it.
pub(super) fn panic(line: &str) -> String {
    let rust = line.split_once("panicked at ").map(|(_, rest)| {
        let rest = rest.trim();
        match rest.strip_prefix('\'') {
            Some(old) => old.split_once("', ").map_or(old, |(m, _)| m),
            None => rest.split_once(": ").map_or(rest, |(_, m)| m),
        }
    });
    let go = || {
        ["panic: ", "fatal error: "]
            .iter()
            .find_map(|p| line.split_once(p).map(|(_, m)| m))
    };
    head(rust.or_else(go).unwrap_or(line).trim())
}
