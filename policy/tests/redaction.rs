//! The two corpora: how many secrets of each class go, and how many ordinary lines are touched.
#![allow(clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use podmender_policy::redact;
use std::collections::BTreeMap;

#[path = "support/secrets.rs"]
mod secrets;

#[test]
fn fault_59_of_each_class_of_secret_99_percent_go() {
    let cases = secrets::cases(&mut secrets::Random::new(1), 8);
    let mut classes: BTreeMap<&str, (usize, Vec<String>)> = BTreeMap::new();
    for case in &cases {
        let (all, missed) = classes.entry(case.class).or_default();
        *all += 1;
        let clean = redact::raw(&case.text);
        if clean.contains(&case.secret) {
            missed.push(format!("{} -> {clean}", case.text));
        }
        assert_eq!(redact::raw(&clean), clean, "twice is once: {}", case.text);
    }
    assert!(
        classes.len() >= 40 && cases.len() >= 2_000,
        "{} {}",
        classes.len(),
        cases.len()
    );
    for (class, (all, missed)) in classes {
        assert!(
            missed.len() * 100 <= all,
            "{class}: {} of {all} missed: {:#?}",
            missed.len(),
            missed.first()
        );
    }
}

/// What nobody sees, each as a program, an editor or a chat leaves it in a text.
fn unseen() -> Vec<String> {
    let controls = ('\0'..'\u{a0}').filter(|c| c.is_control());
    // Tabs and line breaks are seen; what begins an escape takes more with it.
    let alone = controls.filter(|c| {
        !matches!(
            c,
            '\t' | '\n' | '\r' | '\u{1b}' | '\u{90}' | '\u{98}' | '\u{9b}' | '\u{9d}'..='\u{9f}'
        )
    });
    let format = [
        '\u{ad}',
        '\u{34f}',
        '\u{61c}',
        '\u{115f}',
        '\u{17b4}',
        '\u{180e}',
        '\u{200b}',
        '\u{200c}',
        '\u{200d}',
        '\u{200e}',
        '\u{200f}',
        '\u{202a}',
        '\u{202d}',
        '\u{202e}',
        '\u{2060}',
        '\u{2064}',
        '\u{2066}',
        '\u{2069}',
        '\u{206f}',
        '\u{3164}',
        '\u{fe00}',
        '\u{fe0f}',
        '\u{feff}',
        '\u{ffa0}',
        '\u{fff9}',
        '\u{ffff}',
        '\u{1d173}',
        '\u{e0001}',
        '\u{e0061}',
        '\u{e0100}',
    ];
    let escapes = [
        "\u{1b}[31m",
        "\u{1b}[0m",
        "\u{1b}[38;5;12m",
        "\u{1b}[\0m",
        "\u{1b}(B",
        "\u{1b}M",
        "\u{1b}]0;title\u{7}",
        "\u{1b}]8;;http://x\u{1b}\\",
        "\u{1b}P1$r\u{1b}\\",
        "\u{9b}1;31m",
        "\u{9d}0;t\u{9c}",
        "\\u001b[31m",
        "\\x1b[0m",
        "\\033[1;31m",
        "\\u200b",
        "\\uFEFF",
        "\u{200b}\0\u{feff}",
    ];
    let alone = alone.chain(format).map(String::from);
    alone.chain(escapes.map(String::from)).collect()
}

#[test]
fn fault_59_nothing_that_nobody_sees_hides_a_secret() {
    let cases = secrets::cases(&mut secrets::Random::new(3), 2);
    assert!(cases.len() >= 500, "{}", cases.len());
    for unseen in unseen() {
        for case in &cases {
            let whole = redact::raw(&case.text);
            let begin = case.text.find(&case.secret).expect("it is in there");
            // In the middle of the secret, before it, and between all characters, as in UTF-16.
            let middle = begin + case.secret.len() / 2;
            for at in [begin, middle] {
                let Some((before, after)) = case.text.split_at_checked(at) else {
                    continue;
                };
                let clean = redact::raw(&format!("{before}{unseen}{after}"));
                assert_eq!(clean, whole, "{}: {unseen:?} at {at}", case.class);
            }
            let all: String = case
                .text
                .chars()
                .flat_map(|c| [c.to_string(), unseen.clone()])
                .collect();
            assert_eq!(redact::raw(&all), whole, "{}: {unseen:?}", case.class);
        }
    }
}

#[test]
fn of_ordinary_lines_at_most_2_percent_are_touched() {
    let mut random = secrets::Random::new(2);
    let lines: Vec<(&str, String)> = (0..60)
        .flat_map(|_| secrets::ordinary(&mut random))
        .collect();
    let touched: Vec<_> = lines
        .iter()
        .filter(|(_, line)| redact::raw(line) != *line)
        .collect();
    for (kind, line) in &touched {
        println!("{kind}: {line} -> {}", redact::raw(line));
    }
    assert!(lines.len() >= 2_000, "{}", lines.len());
    assert!(
        touched.len() * 50 <= lines.len(),
        "{} of {}",
        touched.len(),
        lines.len()
    );
}
