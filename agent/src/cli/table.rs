//! Columns as kubectl prints them, and colour where a person will see it.

use crate::args::Global;
use std::io::{self, IsTerminal, Write};

/// Whether to colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colour(bool);

/// What a piece of text means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Nothing.
    Plain,
    /// A heading.
    Bold,
    /// Less important.
    Dim,
    /// Well.
    Good,
    /// Failing.
    Bad,
    /// Wants a person.
    Warn,
}

impl Colour {
    /// On a terminal, unless `NO_COLOR` says otherwise.
    #[must_use]
    pub fn of(global: &Global, to: &impl IsTerminal) -> Self {
        Self(global.no_color.is_none() && to.is_terminal())
    }

    /// Never.
    pub const NONE: Self = Self(false);

    /// `text` in its colour.
    #[must_use]
    pub fn paint(self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Plain => return text.to_owned(),
            Tone::Bold => "1",
            Tone::Dim => "2",
            Tone::Good => "32",
            Tone::Bad => "31",
            Tone::Warn => "33",
        };
        if self.0 {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}

/// Rows under a header; two blanks between columns, none at the end of a line.
#[derive(Debug)]
pub struct Table {
    rows: Vec<Vec<(String, Tone)>>,
}

impl Table {
    /// A table with this header.
    #[must_use]
    pub fn new(header: &[&str]) -> Self {
        let header = header.iter().map(|cell| ((*cell).to_owned(), Tone::Bold));
        Self {
            rows: vec![header.collect()],
        }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: Vec<(String, Tone)>) {
        self.rows.push(cells);
    }

    /// Prints it.
    ///
    /// # Errors
    /// If `to` cannot be written to.
    pub fn print(&self, to: &mut dyn Write, colour: Colour) -> io::Result<()> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells
                .map(|(text, _)| text.chars().count())
                .max()
                .unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for row in &self.rows {
            let mut line = String::new();
            for (i, (text, tone)) in row.iter().enumerate() {
                line.push_str(&colour.paint(*tone, text));
                if i + 1 < row.len() {
                    let pad = widths.get(i).copied().unwrap_or(0) + 2 - text.chars().count();
                    line.push_str(&" ".repeat(pad));
                }
            }
            writeln!(to, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_with_and_without_colour() {
        let mut table = Table::new(&["NAME", "PHASE"]);
        table.row(vec![
            ("a-long-name".into(), Tone::Plain),
            ("Resolved".into(), Tone::Good),
        ]);
        let mut out = Vec::new();
        table.print(&mut out, Colour::NONE).expect("printed");
        assert_eq!(
            String::from_utf8_lossy(&out),
            "NAME         PHASE\na-long-name  Resolved\n"
        );
        let mut painted = Vec::new();
        table.print(&mut painted, Colour(true)).expect("printed");
        assert!(String::from_utf8_lossy(&painted).contains("a-long-name  \x1b[32mResolved\x1b[0m"));
    }
}
