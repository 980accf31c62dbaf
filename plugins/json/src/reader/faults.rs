//! Turns what the scanner found into problems and rejected records. None of it runs for a valid record.

use jobhost_load::{Reject, Step, shown};

use super::Reader;
use crate::error::{Place, Problem};
use crate::record::{MAX_DEPTH, Stop};
use crate::scan::{Malformed, Why};

/// Maximum number of elements that are not objects to list in a message. The load stops after that many.
const NAMED_ELEMENTS: usize = 10;

impl Reader {
    /// Describes a problem with the current record, or with what begins at `start`, as a rejected record.
    pub(crate) fn reject(&self, problem: &Problem) -> Reject {
        if let (Problem::NotObjects { .. }, Some(reject)) = (problem, &self.first_not_object) {
            return Reject { reason: problem.reason(), ..reject.clone() };
        }
        // If there is a current record, it has the problem.
        let from = if self.record_end > self.record_start { self.record_start } else { self.start };
        let place = self.place(from);
        Reject {
            line: place.line,
            byte_offset: place.offset,
            column: problem.attribute().or_else(|| self.records.unfinished(problem)).map(str::to_owned),
            kind: problem.kind(),
            raw: shown(self.buffer.get(from..self.filled).unwrap_or_default()),
            reason: problem.reason(),
        }
    }

    #[cold]
    pub(super) fn not_object(&mut self, start: usize) -> Result<(), Problem> {
        self.not_objects.push(self.number);
        if self.first_not_object.is_none() {
            let problem = Problem::NotObjects { positions: Vec::new() };
            (self.record_start, self.record_end) = (start, start + 1);
            self.first_not_object = Some(self.reject(&problem));
        }
        if self.not_objects.len() >= NAMED_ELEMENTS {
            return Err(Problem::NotObjects { positions: self.not_objects.clone() });
        }
        Ok(())
    }

    /// Handles an element that could not be read: waits for more input, or reports the problem.
    #[cold]
    #[inline(never)]
    pub(super) fn stopped(&mut self, stop: Stop) -> Result<Step, Problem> {
        match stop {
            Stop::Malformed(Malformed { at, why: Why::Ends }) if self.ended => {
                Err(Problem::Truncated { place: self.place(at) })
            }
            Stop::Malformed(Malformed { why: Why::Ends, .. }) => self.need_more(),
            stop => Err(self.problem(stop)),
        }
    }

    /// The next record is incomplete.
    #[cold]
    #[inline(never)]
    pub(super) fn need_more(&mut self) -> Result<Step, Problem> {
        let unread = self.filled - self.start;
        if unread > self.max_record_bytes {
            return Err(Problem::RecordTooLong { place: self.place(self.start), limit: self.max_record_bytes });
        }
        self.wanted = unread * 2;
        Ok(Step::NeedInput)
    }

    #[cold]
    #[inline(never)]
    pub(super) fn problem(&self, stop: Stop) -> Problem {
        match stop {
            Stop::Problem(problem) => *problem,
            Stop::Malformed(Malformed { at, why: Why::Ends }) => self.syntax(at, "the rest of a value", true),
            Stop::Malformed(Malformed { at, why: Why::Expected(what) }) => self.syntax(at, what, false),
            Stop::Malformed(Malformed { at, why: Why::TooDeep }) => {
                Problem::TooDeep { place: self.place(at), limit: MAX_DEPTH }
            }
        }
    }

    #[cold]
    pub(super) fn syntax(&self, at: usize, expected: &str, at_line_end: bool) -> Problem {
        let found = match self.buffer.get(at).filter(|_| at < self.filled) {
            _ if at_line_end => "the line ends".to_owned(),
            Some(byte @ (b'!'..=b'~')) => format!("there is `{}`", char::from(*byte)),
            Some(b'\n') => "the line ends".to_owned(),
            Some(b' ') => "there is a space".to_owned(),
            Some(byte) => format!("there is a byte 0x{byte:02x}"),
            None => "the input ends".to_owned(),
        };
        Problem::Syntax { place: self.place(at), what: format!("expected {expected}, but {found}") }
    }

    pub(super) fn place(&self, at: usize) -> Place {
        let (line, line_offset) = self.lines.at(&self.buffer, at);
        let offset = self.lines.base() + at as u64;
        Place { line, column: offset - line_offset + 1, offset }
    }
}
