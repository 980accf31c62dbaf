//! Prints to stdout. A closed stdout is an error, never a panic.

use std::io::{self, Write};

/// Writes a line to stdout. A closed pipe is not an error.
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

/// Prints why a command failed. If stderr cannot be written, only the exit status reports the failure.
pub fn failure(message: &str) {
    let _ = writeln!(io::stderr(), "jobhost: {message}");
}
