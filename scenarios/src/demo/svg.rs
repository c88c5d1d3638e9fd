//! A picture of the demo: it is run in a real terminal (tmux), and what that shows becomes an SVG.
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use crate::cluster::kubectl::until;
use crate::exec;

const COLUMNS: usize = 110;
const ROWS: usize = 220;
/// Cell size in pixels.
const CELL: (f64, f64) = (7.8, 17.0);
const MARGIN: f64 = 16.0;

/// Runs `command` in a terminal of its own and writes what stands on it to `file`.
pub fn record(command: &str, file: &Path) -> Result<()> {
    let socket = format!("podmender-demo-{}", std::process::id());
    let tmux = |args: &[&str]| {
        exec::output(
            exec::command("tmux")
                .args(["-L", &socket, "-f", "/dev/null"])
                .args(args),
        )
    };
    let dir = file
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let done = dir.join(format!(".{socket}"));
    let script = format!("{command}; echo $? > {}; exec sleep 60", done.display());
    let (columns, rows) = (COLUMNS.to_string(), ROWS.to_string());
    tmux(&["new-session", "-d", "-x", &columns, "-y", &rows, &script])
        .context("is tmux installed?")?;
    let ended = until("the demo ends", Duration::from_secs(1800), || {
        Ok(done.exists())
    });
    let screen = tmux(&["capture-pane", "-e", "-p"]);
    let _ = tmux(&["kill-server"]);
    ended?;
    let code = fs::read_to_string(&done)?;
    fs::remove_file(&done)?;
    ensure!(code.trim() == "0", "the demo failed:\n{}", screen?);
    fs::write(file, svg(&screen?)).with_context(|| format!("cannot write {}", file.display()))
}

/// A piece of a line in one style.
#[derive(Debug, PartialEq)]
struct Run {
    column: usize,
    columns: usize,
    text: String,
    style: Style,
}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Style {
    colour: Option<&'static str>,
    bold: bool,
}

impl Style {
    /// After an SGR sequence such as `1;32`.
    fn after(mut self, codes: &str) -> Self {
        for code in codes.split(';') {
            match code {
                "" | "0" => self = Self::default(),
                "1" => self.bold = true,
                "22" => self.bold = false,
                "31" | "91" => self.colour = Some("#ff7b72"),
                "32" | "92" => self.colour = Some("#56d364"),
                "33" | "93" => self.colour = Some("#e3b341"),
                "36" | "96" => self.colour = Some("#39c5cf"),
                "90" => self.colour = Some("#8b949e"),
                "39" => self.colour = None,
                _ => {}
            }
        }
        self
    }
}

/// How many cells a terminal gives to a character.
fn width(c: char) -> usize {
    match c {
        '\u{fe0f}' => 0,
        '✅' | '\u{1f300}'..='\u{1faff}' => 2,
        _ => 1,
    }
}

fn runs(line: &str, mut style: Style) -> (Vec<Run>, Style) {
    let mut runs = Vec::new();
    let mut column = 0;
    for (i, part) in line.split("\u{1b}[").enumerate() {
        let text = match part.split_once('m') {
            Some((codes, text)) if i > 0 => {
                style = style.after(codes);
                text
            }
            _ => part,
        };
        let columns = text.chars().map(width).sum();
        if !text.trim().is_empty() {
            runs.push(Run {
                column,
                columns,
                text: text.to_owned(),
                style,
            });
        }
        column += columns;
    }
    (runs, style)
}

/// The SVG of a screen with ANSI colours.
fn svg(screen: &str) -> String {
    let lines: Vec<&str> = screen.trim_end().lines().collect();
    let size = (
        COLUMNS as f64 * CELL.0 + 2.0 * MARGIN,
        lines.len() as f64 * CELL.1 + 2.0 * MARGIN,
    );
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {:.0} {:.0}\" font-family=\"ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace\" font-size=\"13\" fill=\"#e6edf3\">\n\
         <title>make demo, as it ran in a terminal</title>\n<rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#0d1117\"/>\n",
        size.0, size.1
    );
    let mut style = Style::default();
    for (row, line) in lines.iter().enumerate() {
        let (runs, after) = runs(line, style);
        style = after;
        for run in runs {
            let _ = writeln!(out, "{}", element(&run, row));
        }
    }
    out.push_str("</svg>\n");
    out
}

fn element(run: &Run, row: usize) -> String {
    let lead = run.text.len() - run.text.trim_start().len();
    let text = run.text.trim();
    let columns: usize = text.chars().map(width).sum();
    let x = MARGIN + (run.column + lead) as f64 * CELL.0;
    let y = MARGIN + (row as f64 + 0.75) * CELL.1;
    let colour = run
        .style
        .colour
        .map_or_else(String::new, |c| format!(" fill=\"{c}\""));
    let bold = if run.style.bold {
        " font-weight=\"bold\""
    } else {
        ""
    };
    let text = text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    // The length keeps columns in line whatever font the viewer has.
    format!(
        "<text x=\"{x:.1}\" y=\"{y:.1}\" textLength=\"{:.1}\" xml:space=\"preserve\"{colour}{bold}>{text}</text>",
        columns as f64 * CELL.0
    )
}

#[cfg(test)]
mod tests {
    use super::{Style, runs, svg};

    #[test]
    fn styles_last_until_they_are_reset() {
        let (runs, after) = runs("a \u{1b}[1m\u{1b}[31mred\u{1b}[0m b", Style::default());
        let found: Vec<_> = runs
            .iter()
            .map(|r| (r.column, r.text.as_str(), r.style.bold))
            .collect();
        assert_eq!(
            found,
            [(0, "a ", false), (2, "red", true), (5, " b", false)]
        );
        assert_eq!(after, Style::default());
    }

    #[test]
    fn markup_in_the_text_stays_text() {
        assert!(svg("a < b & c").contains("a &lt; b &amp; c"));
    }
}
