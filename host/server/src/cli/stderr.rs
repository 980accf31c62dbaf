//! Writes to stderr without ever panicking or blocking, even if the reader is gone or stopped, or the disk or pipe is
//! full. Lines that cannot be written are dropped and counted.

use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use prometheus_client::metrics::counter::Counter;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use tracing_subscriber::fmt::MakeWriter;

use jobhost_model::plain_text;

/// How long a line waits for a slow reader.
const PATIENCE: Duration = Duration::from_millis(100);
/// A pipe that is ready accepts this much without blocking (`PIPE_BUF`).
const PIECE_BYTES: usize = 4096;

/// The destination of log lines. Clones write to the same place.
#[derive(Clone)]
pub struct LineWriter {
    target: Arc<Mutex<Target>>,
    lost: Counter,
}

struct Target {
    /// `None` for the process's stderr.
    descriptor: Option<std::os::fd::OwnedFd>,
    /// The reader accepted nothing for so long that lines no longer wait, until it accepts one.
    stuck: bool,
    /// The previous line was written only in part.
    torn: bool,
}

impl LineWriter {
    /// Lost lines are counted in `lost`.
    pub fn stderr(lost: Counter) -> Self {
        LineWriter::on(None, lost)
    }

    fn on(descriptor: Option<std::os::fd::OwnedFd>, lost: Counter) -> Self {
        LineWriter { target: Arc::new(Mutex::new(Target { descriptor, stuck: false, torn: false })), lost }
    }

    fn target(&self) -> MutexGuard<'_, Target> {
        self.target.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for LineWriter {
    /// Receives one whole log event per call. Never fails, because the log has no other destination.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let line = plain_text::escaped(text.strip_suffix('\n').unwrap_or(&text));
        let mut bytes = Vec::with_capacity(line.len() + 2);
        bytes.extend_from_slice(line.as_bytes());
        bytes.push(b'\n');
        if !self.target().put(bytes) {
            self.lost.inc();
        }
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'w> MakeWriter<'w> for LineWriter {
    type Writer = LineWriter;

    fn make_writer(&'w self) -> LineWriter {
        self.clone()
    }
}

impl Target {
    /// Returns whether the whole line was written.
    fn put(&mut self, mut line: Vec<u8>) -> bool {
        if self.torn {
            line.insert(0, b'\n');
        }
        let deadline = Instant::now() + if self.stuck { Duration::ZERO } else { PATIENCE };
        let mut rest = line.as_slice();
        while !rest.is_empty() {
            match self.put_piece(rest, deadline) {
                Ok(written) => rest = rest.get(written..).unwrap_or_default(),
                Err(_) => {
                    self.torn |= rest.len() < line.len();
                    return false;
                }
            }
        }
        (self.stuck, self.torn) = (false, false);
        true
    }

    fn put_piece(&mut self, rest: &[u8], deadline: Instant) -> rustix::io::Result<usize> {
        loop {
            let stderr = io::stderr();
            let descriptor = self.descriptor.as_ref().map_or(stderr.as_fd(), AsFd::as_fd);
            if !is_ready(descriptor, deadline)? {
                self.stuck = true;
                return Err(Errno::AGAIN);
            }
            match rustix::io::write(descriptor, rest.get(..PIECE_BYTES).unwrap_or(rest)) {
                Ok(0) => return Err(Errno::IO),
                // Another process filled the pipe in between, or the descriptor is non-blocking: retry until the
                // deadline.
                Err(Errno::AGAIN) if Instant::now() >= deadline => {
                    self.stuck = true;
                    return Err(Errno::AGAIN);
                }
                Err(Errno::INTR | Errno::AGAIN) => {}
                written => return written,
            }
        }
    }
}

/// Returns whether a write would return at once, possibly with an error.
fn is_ready(descriptor: BorrowedFd<'_>, deadline: Instant) -> rustix::io::Result<bool> {
    loop {
        let left = Timespec::try_from(deadline.saturating_duration_since(Instant::now())).unwrap_or_default();
        match poll(&mut [PollFd::from_borrowed_fd(descriptor, PollFlags::OUT)], Some(&left)) {
            Err(Errno::INTR) => {}
            ready => return Ok(ready? > 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Read;
    use std::os::fd::OwnedFd;

    use super::*;

    fn pipe() -> (File, OwnedFd) {
        let (reader, writer) = io::pipe().unwrap();
        (OwnedFd::from(reader).into(), writer.into())
    }

    fn written(writer: &LineWriter, line: &str) {
        writer.make_writer().write_all(line.as_bytes()).unwrap();
    }

    #[test]
    fn a_line_that_cannot_be_written_is_counted_but_is_no_error() {
        for closed in [true, false] {
            let target = if closed { pipe().1 } else { File::options().write(true).open("/dev/full").unwrap().into() };
            let lost = Counter::default();
            let writer = LineWriter::on(Some(target), lost.clone());
            written(&writer, "one\n");
            written(&writer, "two\n");
            assert_eq!(lost.get(), 2);
        }
    }

    #[test]
    fn a_pipe_that_nobody_reads_loses_lines_only_until_it_is_read() {
        let (mut reader, target) = pipe();
        let lost = Counter::default();
        let writer = LineWriter::on(Some(target), lost.clone());
        let long = format!("{}\n", "x".repeat(10_000));
        while lost.get() == 0 {
            written(&writer, &long);
        }
        assert!(writer.target().stuck);
        written(&writer, &long);
        assert_eq!(lost.get(), 2);
        let mut taken = vec![0; 1 << 20];
        let most = reader.read(&mut taken).unwrap();
        assert!(most > 10_000);
        written(&writer, "next\n");
        assert_eq!(lost.get(), 2);
        drop(writer);
        let mut after = String::new();
        reader.read_to_string(&mut after).unwrap();
        assert!(after.ends_with("\nnext\n") || after == "next\n", "a line of its own: {after:?}");
    }

    #[test]
    fn what_is_no_plain_text_is_written_as_its_number() {
        let (mut reader, target) = pipe();
        let writer = LineWriter::on(Some(target), Counter::default());
        written(&writer, "a\nb\u{1b}[2J\u{9b}\n");
        drop(writer);
        let mut line = String::new();
        reader.read_to_string(&mut line).unwrap();
        assert_eq!(line, "a\\u000ab\\u001b[2J\\u009b\n");
    }
}
