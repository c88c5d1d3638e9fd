//! Colour on a terminal, none where nobody wants it (`NO_COLOR`, a pipe).
use std::io::IsTerminal as _;

/// What a piece of text means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Beside the point.
    Faint,
    /// A name.
    Bold,
    /// It breaks.
    Bad,
    /// A person is needed.
    Warn,
    /// It is well.
    Good,
    /// The agent at work.
    Agent,
}

/// Paints, or does not.
#[derive(Debug, Clone, Copy)]
pub struct Paint(bool);

impl Paint {
    /// As this terminal and its user want it.
    pub fn of_stdout() -> Self {
        Self(std::io::stdout().is_terminal() && !crate::env::no_color())
    }

    /// No colour at all.
    pub fn plain() -> Self {
        Self(false)
    }

    /// The text in its tone.
    pub fn tone(self, tone: Tone, text: &str) -> String {
        if !self.0 {
            return text.to_owned();
        }
        let code = match tone {
            Tone::Faint => "90",
            Tone::Bold => "1",
            Tone::Bad => "31",
            Tone::Warn => "33",
            Tone::Good => "32",
            Tone::Agent => "36",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

/// Breaks a text into lines of at most `width` characters, at spaces.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let long = lines
            .last()
            .is_some_and(|l| !l.is_empty() && l.chars().count() + 1 + word.chars().count() > width);
        if long {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::{Paint, Tone, wrap};

    #[test]
    fn plain_is_plain() {
        assert_eq!(Paint::plain().tone(Tone::Bad, "x"), "x");
        assert_eq!(Paint(true).tone(Tone::Bad, "x"), "\x1b[31mx\x1b[0m");
    }

    #[test]
    fn lines_break_at_spaces() {
        assert_eq!(wrap("aa bb cc", 5), ["aa bb", "cc"]);
        assert_eq!(wrap("", 5), [""]);
    }
}
