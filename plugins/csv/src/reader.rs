//! Cuts a stream of bytes into records and cells. Strict: a quoted cell must be closed, and nothing but blanks may stand
//! between its closing quote and the next delimiter. It never holds more than one record and the last chunk.

use encoding_rs::Encoding;
use jobhost_batch::MAX_RECORD_BYTES;
use jobhost_load::Step;

use crate::cells::{Input, Scan};
use crate::columns::Columns;
use crate::dialect::{Candidate, Dialect, Quoting, SAMPLE_BYTES};
use crate::error::SyntaxError;
use crate::preface;
use crate::record::{Form, Record, Span};
use crate::scan::{BLOCK, Cursor, Needles};

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// Enough to tell what is no text.
const SNIFFED_BYTES: usize = 16;

/// The options of a request: dialect, encoding and columns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reading {
    /// `None`: detected.
    pub delimiter: Option<u8>,
    pub quoting: Quoting,
    /// Number of lines to skip before the header.
    pub skip_lines: u64,
    /// Lines that begin with this text are skipped between records.
    pub comment: Option<Vec<u8>>,
    /// Blanks may stand before an opening quote.
    pub skip_blanks: bool,
    pub columns: Columns,
    /// `None`: by byte order mark or media type, otherwise UTF-8.
    pub encoding: Option<&'static Encoding>,
    /// Invalid bytes become U+FFFD, with a warning. Otherwise they are an error.
    pub replaces_invalid_bytes: bool,
}

/// A CSV reader that is fed. See the module.
#[derive(Debug)]
pub struct Reader {
    /// What was fed and not yet passed, then `BLOCK` zeros.
    buffer: Vec<u8>,
    /// End of what was fed.
    filled: usize,
    ended: bool,
    /// Where the next record begins in the buffer.
    start: usize,
    /// Where the buffer begins in the input.
    base: u64,
    /// The line that `start` is on.
    line: u64,
    /// Known once enough of the input has been seen.
    grammar: Option<Grammar>,
    /// Where the search for special bytes stands: at `start`, unless the buffer has changed.
    cursor: Option<Cursor>,
    /// Do not look for the end of the record again before so many bytes are there: keeps tiny chunks from costing a
    /// scan of the whole record each.
    wanted: usize,
    max_record_bytes: usize,
    reading: Reading,
    /// Lines that are still to be passed over before the dialect is guessed.
    lines_to_skip: u64,
    /// What the text is, if it is none.
    binary: Option<&'static str>,
    /// A comment has begun, and its end was not there yet.
    in_comment: bool,
    /// `None`: not kept.
    evidence: Option<Vec<Candidate>>,
    /// The current record: its first `cells` spans.
    spans: Vec<Span>,
    cells: usize,
    record_start: usize,
    record_end: usize,
    record_line: u64,
}

#[derive(Debug, Clone, Copy)]
struct Grammar {
    dialect: Dialect,
    needles: Needles,
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
            ended: false,
            start: 0,
            base: 0,
            line: 1,
            grammar: None,
            cursor: None,
            wanted: 1,
            max_record_bytes: MAX_RECORD_BYTES,
            reading: Reading::default(),
            lines_to_skip: 0,
            binary: None,
            in_comment: false,
            evidence: None,
            spans: Vec::new(),
            cells: 0,
            record_start: 0,
            record_end: 0,
            record_line: 1,
        }
    }

    /// A reader that goes on where another stopped: at the first byte of a record.
    pub fn resume(dialect: Dialect, offset: u64, line: u64) -> Self {
        let grammar = Some(Grammar { dialect, needles: Needles::new(dialect) });
        let reading = Reading { quoting: dialect.quoting, ..Reading::default() };
        Reader { base: offset, line, grammar, reading, ..Reader::new() }
    }

    /// As this says, and not as a guess.
    pub fn with_reading(mut self, reading: Reading) -> Self {
        if self.grammar.is_none() {
            self.lines_to_skip = reading.skip_lines;
        }
        self.reading = reading;
        self
    }

    /// The longest record, in bytes as it stands in the input.
    pub fn with_max_record_bytes(mut self, limit: usize) -> Self {
        self.max_record_bytes = limit;
        self
    }

    /// Keeps what the start of the input says about each delimiter.
    pub(crate) fn with_evidence(mut self) -> Self {
        self.evidence = Some(Vec::new());
        self
    }

    /// What the start of the input says about each delimiter. Known after the first record.
    pub(crate) fn evidence(&self) -> &[Candidate] {
        self.evidence.as_deref().unwrap_or_default()
    }

    /// Known after the first record.
    pub fn dialect(&self) -> Option<Dialect> {
        self.grammar.map(|grammar| grammar.dialect)
    }

    /// The byte after the current record, in the whole input: where the next one begins.
    pub fn offset(&self) -> u64 {
        self.base + self.start as u64
    }

    /// The line that `offset` is on.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// True if nothing follows the current record.
    pub(crate) fn is_at_end(&self) -> bool {
        self.ended && self.start >= self.filled
    }

    /// The next bytes of the input. The current record is gone after that.
    pub fn feed(&mut self, chunk: &[u8]) {
        self.buffer.truncate(self.filled);
        self.buffer.drain(..self.start);
        self.base += self.start as u64;
        self.start = 0;
        self.record_start = 0;
        self.record_end = 0;
        self.cells = 0;
        self.buffer.reserve(chunk.len() + BLOCK);
        self.buffer.extend_from_slice(chunk);
        self.filled = self.buffer.len();
        self.buffer.resize(self.filled + BLOCK, 0);
        self.cursor = None;
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
            spans: self.spans.get(..self.cells).unwrap_or_default(),
            quoting: self.reading.quoting,
            raw: self.buffer.get(self.record_start..self.record_end).unwrap_or_default(),
            line: self.record_line,
            offset: self.base + self.record_start as u64,
        }
    }

    /// What was fed and is not part of a record yet: after an error, what is wrong begins here.
    pub fn pending(&self) -> &[u8] {
        self.buffer.get(self.start..self.filled).unwrap_or_default()
    }

    /// Go to the next record. Lines that are truly empty are passed over; a line of blanks is a record.
    #[inline]
    pub fn advance(&mut self) -> Result<Step, SyntaxError> {
        loop {
            let unread = self.filled - self.start;
            if unread < self.wanted && !(self.ended && unread > 0) {
                return Ok(if self.ended { Step::End } else { Step::NeedInput });
            }
            if self.reading.comment.is_some() && self.grammar.is_some() && !self.pass_comments() {
                if self.filled > self.start && self.ended {
                    continue;
                }
                self.wanted = self.filled - self.start + 1;
                return Ok(if self.ended { Step::End } else { Step::NeedInput });
            }
            let Some(grammar) = &self.grammar else {
                if !self.begin() {
                    return Ok(Step::NeedInput);
                }
                if let Some(what) = self.binary.take() {
                    return Err(SyntaxError::Binary { what });
                }
                continue;
            };
            let mut cursor = match self.cursor {
                Some(cursor) => cursor,
                None => Cursor::at(&self.buffer, &grammar.needles, self.start),
            };
            let input = Input { buffer: &self.buffer, filled: self.filled, ended: self.ended };
            match input.cells(self.start, grammar.dialect, &grammar.needles, &mut cursor, &mut self.spans) {
                Scan::Complete { end, cells, lines } => {
                    self.cursor = Some(cursor);
                    self.wanted = 1;
                    self.cells = cells;
                    self.record_line = self.line;
                    self.record_start = self.start;
                    self.record_end = end;
                    self.start = end;
                    self.line += lines;
                    if end - self.record_start > self.max_record_bytes {
                        self.start = self.record_start;
                        return Err(self.too_long(self.record_line, self.record_start, None));
                    }
                    if cells > 1 || !self.is_empty_line() {
                        return Ok(Step::Record);
                    }
                }
                scan => return self.not_complete(scan).map(|()| Step::NeedInput),
            }
        }
    }

    fn is_empty_line(&self) -> bool {
        self.spans.first().is_some_and(|only| only.is(Form::Bare) && only.range().is_empty())
    }

    /// A record whose end was not found: more input is needed, or something is wrong.
    #[cold]
    #[inline(never)]
    fn not_complete(&mut self, scan: Scan) -> Result<(), SyntaxError> {
        self.cells = 0;
        let unread = self.filled - self.start;
        let open = match scan {
            Scan::Malformed { position, lines } => {
                let offset = self.base + position as u64;
                return Err(SyntaxError::TextAfterQuote { line: self.line + lines, offset });
            }
            Scan::Open { quote, lines } => Some((self.line + lines, self.base + quote as u64)),
            Scan::Incomplete | Scan::Complete { .. } => None,
        };
        match open {
            _ if unread > self.max_record_bytes => Err(self.too_long(self.line, self.start, open)),
            Some((line, offset)) if self.ended => Err(SyntaxError::UnclosedQuote { line, offset }),
            _ => {
                self.wanted = unread * 2;
                Ok(())
            }
        }
    }

    /// Go past lines that are comments; false if the input so far does not tell whether the next line is one.
    #[cold]
    #[inline(never)]
    fn pass_comments(&mut self) -> bool {
        let Some(comment) = &self.reading.comment else { return true };
        let newline = self.grammar.map_or(b'\n', |grammar| grammar.dialect.newline.last_byte());
        loop {
            let rest = self.buffer.get(self.start..self.filled).unwrap_or_default();
            if !self.in_comment {
                if rest.len() < comment.len() && !self.ended && comment.starts_with(rest) {
                    return false;
                }
                if !rest.starts_with(comment) {
                    return true;
                }
            }
            self.cursor = None;
            self.cells = 0;
            let Some(end) = memchr::memchr(newline, rest) else {
                // What was passed need not be kept: a comment may be as long as it likes.
                self.in_comment = !self.ended;
                self.start = self.filled;
                return false;
            };
            self.in_comment = false;
            self.start += end + 1;
            self.line += 1;
            self.wanted = 1;
        }
    }

    /// Look at the start of the input, once there is enough of it to guess the dialect; false if there is not.
    #[cold]
    #[inline(never)]
    fn begin(&mut self) -> bool {
        if self.base == 0 && self.start == 0 && self.line == 1 {
            if self.filled < SNIFFED_BYTES && !self.ended {
                return false;
            }
            let input = self.buffer.get(..self.filled).unwrap_or_default();
            self.binary = preface::binary(input);
            self.start = if input.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
        }
        while self.lines_to_skip > 0 {
            let rest = self.buffer.get(self.start..self.filled).unwrap_or_default();
            let (passed, ended) = preface::line(rest, self.ended);
            self.start += passed;
            if !ended {
                // Whatever its length, the line is not kept.
                return self.ended && self.start == self.filled && {
                    self.lines_to_skip = 0;
                    true
                };
            }
            self.line += 1;
            self.lines_to_skip -= 1;
        }
        if self.filled - self.start < SAMPLE_BYTES && !self.ended {
            return false;
        }
        let mut text = self.buffer.get(self.start..self.filled).unwrap_or_default();
        let mut delimiter = self.reading.delimiter;
        let named = preface::named_delimiter(text);
        if let Some(named) = named.filter(|named| self.reading.quoting.quote != Some(named.delimiter)) {
            delimiter = delimiter.or(Some(named.delimiter));
            self.start += named.length;
            self.line += 1;
            text = text.get(named.length..).unwrap_or_default();
        }
        let sample = text.get(..SAMPLE_BYTES).unwrap_or(text);
        let whole = text.len() <= SAMPLE_BYTES && self.ended;
        let plain = self.reading.comment.as_ref().map(|comment| preface::without_comments(sample, comment));
        let sample = plain.as_deref().unwrap_or(sample);
        let guessed = Dialect::guess(sample, whole, delimiter, self.reading.quoting);
        if let Some(evidence) = &mut self.evidence {
            *evidence = Dialect::candidates(sample, whole, self.reading.quoting);
        }
        let dialect = Dialect { skip_blanks: self.reading.skip_blanks, ..guessed };
        self.grammar = Some(Grammar { dialect, needles: Needles::new(dialect) });
        true
    }

    #[cold]
    #[inline(never)]
    fn too_long(&self, line: u64, start: usize, open: Option<(u64, u64)>) -> SyntaxError {
        let hint = match open {
            Some((line, offset)) => {
                format!("is the closing quote of the cell that opens at line {line}, byte {offset} missing?")
            }
            None => "is it CSV with one record a line?".to_owned(),
        };
        let offset = self.base + start as u64;
        SyntaxError::RecordTooLong { line, offset, limit: self.max_record_bytes, hint }
    }
}
