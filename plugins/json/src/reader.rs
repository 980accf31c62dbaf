//! Splits a stream of bytes into records and tracks the position. Holds at most one record and the last chunk.

mod faults;
mod place;

use std::ops::Range;

use jobhost_batch::JsonBuffer;
use jobhost_load::{Reject, Step, Table};
use memchr::memchr;
use serde::{Deserialize, Serialize};

use crate::error::{Place, Problem};
use crate::options::{Options, Shape};
use crate::record::{MAX_DEPTH, Records, Stop};
use crate::scan::{BLOCK, Scanner};
use place::Lines;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What the reader expects next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    /// The first record, or the end of the input.
    First,
    /// Another record. In an array, a comma was read.
    Next,
    /// Nothing, because the array is closed.
    Closed,
}

/// A position between two records.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Position {
    pub(crate) offset: u64,
    line: u64,
    /// Offset of the start of that line.
    line_offset: u64,
    state: State,
}

/// Reads records from a stream of bytes. See the module.
#[derive(Debug)]
pub(crate) struct Reader {
    shape: Shape,
    records: Records,
    state: State,
    /// Bytes not yet consumed, followed by `BLOCK` zeros.
    buffer: Vec<u8>,
    /// Number of bytes in the buffer before the zeros.
    filled: usize,
    ended: bool,
    /// Where to look for the next record in the buffer.
    start: usize,
    /// Do not scan an incomplete record again before this many bytes are available. Otherwise each of many tiny chunks
    /// would cost a scan of the whole record.
    wanted: usize,
    /// The position of the buffer in the input.
    lines: Lines,
    /// Maximum size of a record, as written in the input.
    max_record_bytes: usize,
    /// Number of the next record, starting at 0.
    number: u64,
    /// Numbers of the elements that are not objects, and the rejected record for the first of them.
    not_objects: Vec<u64>,
    first_not_object: Option<Reject>,
    /// Position of the current record in the buffer.
    record_start: usize,
    record_end: usize,
}

impl Reader {
    pub(crate) fn new(options: Options, table: Table) -> Self {
        let Options { shape, key_required, columns, encoding: _ } = options;
        Reader {
            shape,
            max_record_bytes: table.record_bytes,
            records: Records::new(table, key_required, columns),
            state: State::First,
            buffer: vec![0; BLOCK],
            filled: 0,
            ended: false,
            start: 0,
            wanted: 1,
            lines: Lines::new(),
            number: 0,
            not_objects: Vec::new(),
            first_not_object: None,
            record_start: 0,
            record_end: 0,
        }
    }

    pub(crate) fn position(&self) -> Position {
        let (line, line_offset) = self.lines.at(&self.buffer, self.start);
        Position { offset: self.offset(), line, line_offset, state: self.state }
    }

    pub(crate) fn rewind(&mut self, position: &Position) {
        self.buffer.clear();
        self.buffer.resize(BLOCK, 0);
        (self.filled, self.start, self.ended, self.wanted) = (0, 0, false, 1);
        (self.record_start, self.record_end) = (0, 0);
        self.lines = Lines::resume(position.offset, position.line, position.line_offset);
        self.state = position.state;
    }

    pub(crate) fn offset(&self) -> u64 {
        self.lines.base() + self.start as u64
    }

    pub(crate) fn new_attributes(&mut self) -> Vec<String> {
        self.records.new_attributes()
    }

    /// Provides the next bytes of the input. This discards the current record.
    pub(crate) fn feed(&mut self, chunk: &[u8]) {
        self.lines.pass(self.buffer.get(..self.start).unwrap_or_default());
        self.buffer.truncate(self.filled);
        self.buffer.drain(..self.start);
        self.start = 0;
        (self.record_start, self.record_end) = (0, 0);
        self.buffer.reserve(chunk.len() + BLOCK);
        self.buffer.extend_from_slice(chunk);
        self.filled = self.buffer.len();
        self.buffer.resize(self.filled + BLOCK, 0);
    }

    pub(crate) fn end(&mut self) {
        self.ended = true;
    }

    /// Skips everything before the first record.
    pub(crate) fn begin(&mut self) -> Result<Step, Problem> {
        if !self.ended && self.filled - self.start < BYTE_ORDER_MARK.len() {
            return Ok(Step::NeedInput);
        }
        if self.lines.base() == 0 && self.unread().starts_with(BYTE_ORDER_MARK) {
            self.start += BYTE_ORDER_MARK.len();
        }
        if matches!(self.shape, Shape::Lines | Shape::Objects) {
            return Ok(Step::Record);
        }
        self.skip_blanks();
        if self.shape == Shape::Detect {
            self.shape = match self.unread().first() {
                Some(b'[') => Shape::Array,
                None if !self.ended => return Ok(Step::NeedInput),
                _ => Shape::Objects,
            };
            return self.begin();
        }
        match self.unread().first() {
            Some(b'[') => {
                self.start += 1;
                Ok(Step::Record)
            }
            Some(b'{' | b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n') => {
                Err(Problem::NotAnArray { place: self.place(self.start) })
            }
            Some(_) => Err(self.syntax(self.start, "an array of objects, `[`", false)),
            None if self.ended => Err(Problem::Truncated { place: self.place(self.start) }),
            None => Ok(Step::NeedInput),
        }
    }

    /// Advances to the next record.
    #[inline]
    pub(crate) fn advance(&mut self) -> Result<Step, Problem> {
        loop {
            // Problems found from here on belong to no record until the next one is found.
            (self.record_start, self.record_end) = (0, 0);
            if self.filled - self.start < self.wanted && !self.ended {
                return Ok(Step::NeedInput);
            }
            let step = match self.shape {
                Shape::Lines => self.next_line()?,
                Shape::Array => self.next_element()?,
                Shape::Objects | Shape::Detect => self.next_object()?,
            };
            match step {
                Some(Step::Record) if !self.not_objects.is_empty() => {}
                Some(Step::End) if !self.not_objects.is_empty() => {
                    return Err(Problem::NotObjects { positions: self.not_objects.clone() });
                }
                Some(step) => return Ok(step),
                None => {}
            }
        }
    }

    /// Appends the record that `advance` found.
    #[inline]
    /// The current record's place in the text.
    pub(crate) fn record(&self) -> Range<u64> {
        let base = self.lines.base();
        base + self.record_start as u64..base + self.record_end as u64
    }

    pub(crate) fn place_of_record(&self) -> Place {
        self.place(self.record_start)
    }

    pub(crate) fn write(&self, json: &mut JsonBuffer) {
        self.records.write(&self.buffer, self.record_start..self.record_end, json);
    }

    fn unread(&self) -> &[u8] {
        self.buffer.get(self.start..self.filled).unwrap_or_default()
    }

    /// Consumes the white space between records, so that any amount of it needs no memory.
    #[inline]
    fn skip_blanks(&mut self) {
        while self.start < self.filled
            && self.buffer.get(self.start).is_some_and(|byte| matches!(byte, b' ' | b'\n' | b'\r' | b'\t'))
        {
            self.start += 1;
        }
    }

    /// Reads the next element of the array. Returns `None` for an element that is not a record.
    #[inline]
    fn next_element(&mut self) -> Result<Option<Step>, Problem> {
        self.skip_blanks();
        let Some(&first) = self.buffer.get(self.start).filter(|_| self.start < self.filled) else {
            return match (self.ended, self.state) {
                (false, _) => Ok(Some(Step::NeedInput)),
                (true, State::Closed) => Ok(Some(Step::End)),
                (true, _) => Err(Problem::Truncated { place: self.place(self.start) }),
            };
        };
        match self.state {
            State::Closed => return Err(self.syntax(self.start, "nothing after the array", false)),
            State::First if first == b']' => {
                self.start += 1;
                self.state = State::Closed;
                return Ok(None);
            }
            State::First | State::Next => {}
        }
        let start = self.start;
        let mut scanner = Scanner::new(&self.buffer, start, self.filled);
        let found = element(&mut self.records, &mut scanner);
        let end = scanner.at;
        let found = found.and_then(|is_object| {
            scanner.skip_blanks();
            match scanner.byte() {
                b',' => Ok((is_object, State::Next)),
                b']' => Ok((is_object, State::Closed)),
                _ => Err(scanner.malformed("`,` or `]`").into()),
            }
        });
        match found {
            Ok((is_object, state)) => {
                let next = scanner.at + 1;
                self.state = state;
                self.take(start, end, next, is_object)
            }
            Err(stop) => self.stopped(stop).map(Some),
        }
    }

    /// Reads the record on the next line. Returns `None` for a line without a record.
    #[inline]
    fn next_line(&mut self) -> Result<Option<Step>, Problem> {
        let unread = self.unread();
        let (line_end, next) = match memchr(b'\n', unread) {
            Some(length) => (self.start + length, self.start + length + 1),
            None if self.ended && unread.is_empty() => return Ok(Some(Step::End)),
            None if self.ended => (self.filled, self.filled),
            None => return self.need_more().map(Some),
        };
        let mut scanner = Scanner::new(&self.buffer, self.start, line_end);
        scanner.skip_blanks();
        let start = scanner.at;
        if start >= line_end {
            self.start = next;
            self.wanted = 1;
            return Ok(None);
        }
        let found = element(&mut self.records, &mut scanner);
        let end = scanner.at;
        let found = found.and_then(|is_object| {
            scanner.skip_blanks();
            match scanner.at >= line_end {
                true => Ok(is_object),
                false => Err(scanner.malformed("the end of the line").into()),
            }
        });
        match found {
            Ok(is_object) => self.take(start, end, next, is_object),
            Err(stop) => {
                self.start = start;
                Err(self.problem(stop))
            }
        }
    }

    /// Reads the next object of a sequence. Returns `None` for a value that is not a record.
    #[inline]
    fn next_object(&mut self) -> Result<Option<Step>, Problem> {
        self.skip_blanks();
        if self.start >= self.filled {
            return Ok(Some(if self.ended { Step::End } else { Step::NeedInput }));
        }
        let start = self.start;
        let mut scanner = Scanner::new(&self.buffer, start, self.filled);
        match element(&mut self.records, &mut scanner) {
            // A number at the end of the buffer may continue in the next chunk.
            Ok(false) if scanner.at >= self.filled && !self.ended => self.need_more().map(Some),
            Ok(is_object) => {
                let end = scanner.at;
                self.take(start, end, end, is_object)
            }
            Err(stop) => self.stopped(stop).map(Some),
        }
    }

    /// Consumes a complete element. The input continues at `next`.
    #[inline]
    fn take(&mut self, start: usize, end: usize, next: usize, is_object: bool) -> Result<Option<Step>, Problem> {
        (self.record_start, self.record_end) = (start, end);
        if end - start > self.max_record_bytes {
            return Err(Problem::RecordTooLong { place: self.place(start), limit: self.max_record_bytes });
        }
        let text = self.buffer.get(start..end).unwrap_or_default();
        if let Err(error) = std::str::from_utf8(text) {
            return Err(Problem::NotUtf8 { place: self.place(start + error.valid_up_to()) });
        }
        if !is_object {
            self.not_object(start)?;
        }
        self.start = next;
        self.wanted = 1;
        self.number += 1;
        Ok(is_object.then_some(Step::Record))
    }
}

/// Reads the value at the scanner's position. Returns true if it is an object, which is checked against the rules.
#[inline(always)]
fn element(records: &mut Records, scanner: &mut Scanner<'_>) -> Result<bool, Stop> {
    if scanner.byte() == b'{' {
        records.read(scanner)?;
        return Ok(true);
    }
    scanner.value(MAX_DEPTH as u32)?;
    Ok(false)
}
