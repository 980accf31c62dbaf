//! A job's log: lines from the guest's `log` capability and from its stdout and stderr. Keeps the last lines in
//! limited memory and counts those that were dropped.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use jobhost_model::plain_text::truncated;

/// Maximum length of a line; longer lines are truncated.
const MAX_LINE_BYTES: usize = 4 * 1024;
/// Default of `sandbox.log_bytes`, the text kept per job.
pub const DEFAULT_LOG_BYTES: usize = 64 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    Debug,
    Info,
    Warn,
    Error,
}

impl LogLevel {
    fn word(self) -> &'static str {
        match self {
            LogLevel::Debug => "debug",
            LogLevel::Info => "info",
            LogLevel::Warn => "warn",
            LogLevel::Error => "error",
        }
    }
}

#[derive(Debug)]
pub struct JobLog {
    max_bytes: usize,
    lines: Mutex<Lines>,
}

impl Default for JobLog {
    fn default() -> Self {
        JobLog::new(DEFAULT_LOG_BYTES)
    }
}

#[derive(Debug, Default)]
struct Lines {
    kept: VecDeque<String>,
    bytes: usize,
    /// Lines that were dropped.
    dropped: u64,
    /// Total bytes of all lines, including dropped ones.
    total_bytes: u64,
}

impl JobLog {
    /// Creates a log that keeps this much text.
    pub fn new(max_bytes: usize) -> Self {
        JobLog { max_bytes, lines: Mutex::default() }
    }

    /// Returns the total bytes written and the number of dropped lines, if any were dropped.
    pub fn overflow(&self) -> Option<(u64, u64)> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        (lines.dropped > 0).then_some((lines.total_bytes, lines.dropped))
    }

    pub fn write(&self, level: LogLevel, text: &str) {
        let text = truncated(text, MAX_LINE_BYTES);
        let line = format!("[{}] {text}", level.word());
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.bytes += line.len();
        lines.total_bytes += line.len() as u64;
        lines.kept.push_back(line);
        while lines.bytes > self.max_bytes {
            let Some(oldest) = lines.kept.pop_front() else { break };
            lines.bytes -= oldest.len();
            lines.dropped += 1;
        }
    }

    /// Returns the last lines, up to `max_bytes`, and how many lines were dropped before them.
    pub fn tail(&self, max_bytes: usize) -> (String, u64) {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let mut taken = Vec::new();
        let mut bytes = 0;
        for line in lines.kept.iter().rev() {
            bytes += line.len() + 1;
            if bytes > max_bytes {
                break;
            }
            taken.push(line.as_str());
        }
        let dropped = lines.dropped + (lines.kept.len() - taken.len()) as u64;
        taken.reverse();
        (taken.join("\n"), dropped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_kept_and_the_rest_is_counted() {
        let log = JobLog::default();
        for number in 0..100_000 {
            log.write(LogLevel::Info, &format!("line {number}"));
        }
        let (tail, dropped) = log.tail(100);
        assert!(tail.ends_with("[info] line 99999"), "{tail}");
        assert!(tail.len() <= 100);
        assert_eq!(dropped + tail.lines().count() as u64, 100_000);
    }

    #[test]
    fn a_long_line_is_truncated_at_a_character_boundary() {
        let log = JobLog::default();
        log.write(LogLevel::Warn, &"é".repeat(10_000));
        let (tail, _) = log.tail(DEFAULT_LOG_BYTES);
        assert!(tail.len() <= MAX_LINE_BYTES + 16);
    }
}
