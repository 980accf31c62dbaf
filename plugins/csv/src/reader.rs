//! Cuts a stream of bytes into records and cells. Strict: a quoted cell must be closed, and nothing but blanks may stand
//! between its closing quote and the next delimiter. It never holds more than one record and the last chunk.

use crate::dialect::{Dialect, Newline, QUOTE, SAMPLE_BYTES};
use crate::error::SyntaxError;
use crate::record::{Form, Record, Span};
use crate::scan::{BLOCK, Cursor, Needles};

/// The longest record, in bytes as it stands in the input.
pub const MAX_RECORD_BYTES: usize = 256 * 1024;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What `Reader::advance` found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// `Reader::record` is the next record.
    Record,
    /// Feed more, or say that this was all.
    NeedInput,
    /// There are no more records.
    End,
}

/// A CSV reader that is fed. See the module.
#[derive(Debug)]
pub struct Reader {
    /// What was fed and not yet passed, then `BLOCK` zeros.
    buffer: Vec<u8>,
    /// End of what was fed.
    filled: usize,
    /// Where the next record begins in the buffer, in the input, and on which line.
    start: usize,
    base: u64,
    line: u64,
    ended: bool,
    scanner: Option<Scanner>,
    /// Do not look for the end of the record again before so many bytes are there: keeps tiny chunks from costing a
    /// scan of the whole record each.
    wanted: usize,
    max_record_bytes: usize,
    spans: Vec<Span>,
    /// The current record.
    record_start: usize,
    record_end: usize,
    record_line: u64,
}

#[derive(Debug, Clone, Copy)]
struct Scanner {
    dialect: Dialect,
    needles: Needles,
    cursor: Option<Cursor>,
}

/// What became of one attempt to find the end of a record.
enum Scan {
    /// It ends before this position.
    Complete(usize),
    /// The input so far does not tell. Where a quoted cell is open, the line and position of its quote.
    Incomplete(Option<(u64, usize)>),
}

impl Default for Reader {
    fn default() -> Self {
        Reader::new()
    }
}

impl Reader {
    /// A reader for an input from its first byte; it guesses the dialect.
    pub fn new() -> Self {
        Reader {
            buffer: vec![0; BLOCK],
            filled: 0,
            start: 0,
            base: 0,
            line: 1,
            ended: false,
            scanner: None,
            wanted: 0,
            max_record_bytes: MAX_RECORD_BYTES,
            spans: Vec::new(),
            record_start: 0,
            record_end: 0,
            record_line: 1,
        }
    }

    /// A reader that goes on where another stopped: at the first byte of a record.
    pub fn resume(dialect: Dialect, offset: u64, line: u64) -> Self {
        let mut reader = Reader::new();
        reader.base = offset;
        reader.line = line;
        reader.set_dialect(dialect);
        reader
    }

    pub fn with_max_record_bytes(mut self, limit: usize) -> Self {
        self.max_record_bytes = limit;
        self
    }

    /// Known after the first record.
    pub fn dialect(&self) -> Option<Dialect> {
        self.scanner.map(|scanner| scanner.dialect)
    }

    /// The byte after the current record, in the whole input: where the next one begins.
    pub fn offset(&self) -> u64 {
        self.base + self.start as u64
    }

    /// The line that `offset` is on.
    pub fn line(&self) -> u64 {
        self.line
    }

    fn set_dialect(&mut self, dialect: Dialect) {
        self.scanner = Some(Scanner { dialect, needles: Needles::new(dialect), cursor: None });
    }

    /// The next bytes of the input. The current record is gone after that.
    pub fn feed(&mut self, chunk: &[u8]) {
        self.buffer.truncate(self.filled);
        self.buffer.drain(..self.start);
        self.base += self.start as u64;
        self.start = 0;
        self.record_start = 0;
        self.record_end = 0;
        self.spans.clear();
        self.buffer.extend_from_slice(chunk);
        self.filled = self.buffer.len();
        self.buffer.resize(self.filled + BLOCK, 0);
        if let Some(scanner) = &mut self.scanner {
            scanner.cursor = None;
        }
    }

    /// That was all.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// The record that `advance` found.
    #[inline]
    pub fn record(&self) -> Record<'_> {
        Record {
            buffer: &self.buffer,
            spans: &self.spans,
            raw: self.buffer.get(self.record_start..self.record_end).unwrap_or_default(),
            line: self.record_line,
            offset: self.base + self.record_start as u64,
        }
    }

    /// Go to the next record. Lines that are truly empty are passed over; a line of blanks is a record.
    #[inline]
    pub fn advance(&mut self) -> Result<Step, SyntaxError> {
        let mut scanner = match self.scanner {
            Some(scanner) => scanner,
            None => match self.begin() {
                Some(scanner) => scanner,
                None => return Ok(Step::NeedInput),
            },
        };
        loop {
            let unread = self.filled - self.start;
            if unread == 0 {
                return Ok(if self.ended { Step::End } else { Step::NeedInput });
            }
            if unread < self.wanted && !self.ended {
                return Ok(Step::NeedInput);
            }
            let mut cursor = match scanner.cursor {
                Some(cursor) => cursor,
                None => Cursor::at(&self.buffer, &scanner.needles, self.start),
            };
            let line = self.line;
            match self.scan(scanner.dialect, &scanner.needles, &mut cursor)? {
                Scan::Complete(end) => {
                    scanner.cursor = Some(cursor);
                    self.scanner = Some(scanner);
                    self.wanted = 0;
                    self.record_line = line;
                    self.record_start = self.start;
                    self.record_end = end;
                    self.start = end;
                    if end - self.record_start > self.max_record_bytes {
                        return Err(self.too_long(line, self.record_start, None));
                    }
                    let empty = match self.spans.as_slice() {
                        [only] => only.start == only.end && only.form == Form::Bare,
                        _ => false,
                    };
                    if !empty {
                        return Ok(Step::Record);
                    }
                }
                Scan::Incomplete(quote) => {
                    self.line = line;
                    self.spans.clear();
                    if unread > self.max_record_bytes {
                        return Err(self.too_long(line, self.start, quote));
                    }
                    if self.ended {
                        let (line, position) = quote.unwrap_or((line, self.start));
                        let offset = self.base + position as u64;
                        return Err(SyntaxError::UnclosedQuote { line, offset });
                    }
                    self.wanted = unread * 2;
                    return Ok(Step::NeedInput);
                }
            }
        }
    }

    /// Look at the start of the input, once there is enough of it to guess the dialect.
    #[cold]
    fn begin(&mut self) -> Option<Scanner> {
        if self.filled < SAMPLE_BYTES + BYTE_ORDER_MARK.len() && !self.ended {
            return None;
        }
        let input = self.buffer.get(..self.filled).unwrap_or_default();
        let text = input.strip_prefix(BYTE_ORDER_MARK).unwrap_or(input);
        let mark = input.len() - text.len();
        let sample = text.get(..SAMPLE_BYTES).unwrap_or(text);
        let dialect = Dialect::guess(sample, text.len() <= SAMPLE_BYTES && self.ended);
        self.start = mark;
        self.set_dialect(dialect);
        self.scanner
    }

    #[cold]
    fn too_long(&self, line: u64, start: usize, quote: Option<(u64, usize)>) -> SyntaxError {
        let hint = match quote {
            Some((line, position)) => format!(
                "is the closing quote of the cell that opens at line {line}, byte {} missing?",
                self.base + position as u64
            ),
            None => "is it CSV with one record a line?".to_owned(),
        };
        let offset = self.base + start as u64;
        SyntaxError::RecordTooLong { line, offset, limit: self.max_record_bytes, hint }
    }

    /// Find the cells of the record at `self.start`. Counts lines as it goes.
    #[inline]
    fn scan(&mut self, dialect: Dialect, needles: &Needles, cursor: &mut Cursor) -> Result<Scan, SyntaxError> {
        let newline = dialect.newline.last_byte();
        let delimiter = dialect.delimiter;
        let filled = self.filled;
        let mut cell = self.start;
        self.spans.clear();
        loop {
            let Some(position) = cursor.next(&self.buffer, needles, filled) else {
                if !self.ended {
                    return Ok(Scan::Incomplete(None));
                }
                let end = if dialect.newline == Newline::CrLf { self.before_cr(cell, filled) } else { filled };
                self.push(cell, end, Form::Bare);
                return Ok(Scan::Complete(filled));
            };
            let byte = self.byte(position);
            if byte == delimiter {
                self.push(cell, position, Form::Bare);
                cell = position + 1;
            } else if byte == newline {
                let end = if newline == b'\n' { self.before_cr(cell, position) } else { position };
                self.push(cell, end, Form::Bare);
                self.line += 1;
                return Ok(Scan::Complete(position + 1));
            } else if position == cell {
                match self.scan_quoted(dialect, needles, cursor, cell)? {
                    Quoted::Cell(next) => cell = next,
                    Quoted::Record(end) => return Ok(Scan::Complete(end)),
                    Quoted::Incomplete(open) => return Ok(Scan::Incomplete(open)),
                }
            }
        }
    }

    /// A cell that opens with a quote at `open`.
    fn scan_quoted(
        &mut self,
        dialect: Dialect,
        needles: &Needles,
        cursor: &mut Cursor,
        open: usize,
    ) -> Result<Quoted, SyntaxError> {
        let newline = dialect.newline.last_byte();
        let filled = self.filled;
        let opened = Some((self.line, open));
        let mut form = Form::Quoted;
        loop {
            let Some(position) = cursor.next(&self.buffer, needles, filled) else {
                return Ok(Quoted::Incomplete(opened));
            };
            let byte = self.byte(position);
            if byte != QUOTE {
                self.line += u64::from(byte == newline);
                continue;
            }
            if self.byte(position + 1) == QUOTE {
                form = Form::Escaped;
                cursor.next(&self.buffer, needles, filled);
                continue;
            }
            // The cell is closed. What may follow: blanks, then a delimiter, a line end or the end of the input.
            let mut after = position + 1;
            while matches!(self.byte(after), b' ' | b'\t') && self.byte(after) != dialect.delimiter {
                after += 1;
            }
            let returns = newline == b'\n' && self.byte(after) == b'\r';
            let end = after + usize::from(returns);
            if end >= filled {
                if !self.ended {
                    return Ok(Quoted::Incomplete(None));
                }
                self.push(open + 1, position, form);
                return Ok(Quoted::Record(filled));
            }
            let byte = self.byte(end);
            if byte == newline {
                cursor.next(&self.buffer, needles, filled);
                self.push(open + 1, position, form);
                self.line += 1;
                return Ok(Quoted::Record(end + 1));
            }
            if byte == dialect.delimiter && !returns {
                cursor.next(&self.buffer, needles, filled);
                self.push(open + 1, position, form);
                return Ok(Quoted::Cell(end + 1));
            }
            let offset = self.base + after as u64;
            return Err(SyntaxError::TextAfterQuote { line: self.line, offset });
        }
    }

    #[inline]
    fn byte(&self, position: usize) -> u8 {
        self.buffer.get(position).copied().unwrap_or(0)
    }

    /// The end of a cell that a CR may close.
    #[inline]
    fn before_cr(&self, cell: usize, end: usize) -> usize {
        if end > cell && self.byte(end - 1) == b'\r' { end - 1 } else { end }
    }

    #[inline]
    fn push(&mut self, start: usize, end: usize, form: Form) {
        self.spans.push(Span { start: start as u32, end: end as u32, form });
    }
}

/// How a quoted cell ended.
enum Quoted {
    /// With a delimiter; the next cell begins here.
    Cell(usize),
    /// With the record, which ends before this position.
    Record(usize),
    /// Not yet. Where it opened, if it is still open.
    Incomplete(Option<(u64, usize)>),
}
