//! Prints to stdout. A closed stdout is an error, never a panic.

use std::io::{self, Write};

/// Writes a line to stdout. Whoever has closed it has read enough.
pub fn line(line: &str) -> Result<(), String> {
    written(line).map_err(|error| format!("stdout cannot be written: {error}"))
}

fn written(line: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    match writeln!(stdout, "{line}").and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Why a command failed. If stderr cannot be written, the exit status alone says so.
pub fn failure(message: &str) {
    let _ = writeln!(io::stderr(), "jobhost: {message}");
}
