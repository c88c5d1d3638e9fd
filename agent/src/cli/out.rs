//! Writing to the terminal: a closed pipe (`| head`) is the end, not an error, and never a panic.

use std::io::{self, ErrorKind, Write};

/// Writes to stdout.
///
/// # Errors
/// If the terminal or file cannot be written to; a closed pipe is no error.
pub fn stdout(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut to = io::stdout().lock();
    forgive(write(&mut to).and_then(|()| to.flush()))
}

/// Writes to stderr.
///
/// # Errors
/// As [`stdout`].
pub fn stderr(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    forgive(write(&mut io::stderr().lock()))
}

fn forgive(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(e) if e.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}
