//! Writes to stderr without ever panicking or blocking: the reader may be gone or stopped, the disk or the pipe full.
//! Lines that cannot be written are dropped and counted.

use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use prometheus_client::metrics::counter::Counter;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use tracing_subscriber::fmt::MakeWriter;

use jobhost_model::plain_text;

/// How long a line waits for a reader that is slow.
const PATIENCE: Duration = Duration::from_millis(100);
/// A pipe that is ready takes so much without waiting (`PIPE_BUF`).
const PIECE_BYTES: usize = 4096;

/// Where log lines go. Clones write to the same place.
#[derive(Clone)]
pub struct LineWriter {
    target: Arc<Mutex<Target>>,
    lost: Counter,
}

struct Target {
    /// `None` for the process's stderr.
    descriptor: Option<std::os::fd::OwnedFd>,
    /// Nobody took anything for so long that no line waits any more until somebody does.
    stuck: bool,
    /// The line before was written in part.
    torn: bool,
}

impl LineWriter {
    /// Lines that are lost are counted in `lost`.
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
    /// A whole event of the log, which it calls this with. Never fails: the log has no other place to go.
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
    /// Whether all of it was written.
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
                // Somebody else filled it in between, or it does not block at all: ask again until the time is over.
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

/// Whether a write would be answered at once, be it by an error.
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
    fn a_line_that_cannot_be_written_is_counted_and_is_no_error() {
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
    fn a_pipe_that_nobody_reads_costs_lines_and_gets_the_next_ones_once_it_is_read() {
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
