//! Finds the cells of one record in a buffer: the grammar itself. Works on plain slices and numbers, because this loop is
//! what the speed of a load depends on.

use crate::dialect::{Dialect, Newline, Quoting};
use crate::record::{Form, Span};
use crate::scan::{Cursor, Needles};

/// A stretch of input, of which a part is here.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Input<'a> {
    /// The input, then at least a block of zeros.
    pub(crate) buffer: &'a [u8],
    /// Where the input ends in the buffer.
    pub(crate) filled: usize,
    /// Whether the input ends there, too.
    pub(crate) ended: bool,
}

/// What became of one attempt to find the end of a record.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Scan {
    /// It ends before this position and has so many cells; so many line ends were passed.
    Complete { end: usize, cells: usize, lines: u64 },
    /// The input so far does not tell.
    Incomplete,
    /// As `Incomplete`, and a quoted cell is open that began here, so many line ends after the start.
    Open { quote: usize, lines: u64 },
    /// Text after a closing quote, here.
    Malformed { position: usize, lines: u64 },
}

impl Input<'_> {
    #[inline(always)]
    fn byte(&self, position: usize) -> u8 {
        self.buffer.get(position).copied().unwrap_or(0)
    }

    /// The end of a cell that a CR may close.
    #[inline(always)]
    fn before_cr(&self, cell: usize, end: usize) -> usize {
        if end > cell && self.byte(end - 1) == b'\r' { end - 1 } else { end }
    }

    /// True if nothing but blanks stands there.
    #[cold]
    #[inline(never)]
    fn is_blank(&self, from: usize, to: usize) -> bool {
        self.buffer.get(from..to).is_some_and(|bytes| bytes.iter().all(|byte| matches!(byte, b' ' | b'\t')))
    }

    /// Find the cells of the record that begins at `start`, where `cursor` is.
    #[inline(always)]
    pub(crate) fn cells(
        &self,
        start: usize,
        dialect: Dialect,
        needles: &Needles,
        cursor: &mut Cursor,
        spans: &mut Vec<Span>,
    ) -> Scan {
        let newline = dialect.newline.last_byte();
        let delimiter = dialect.delimiter;
        let (mut cell, mut count, mut lines) = (start, 0, 0);
        let mut walk = *cursor;
        let scan = loop {
            let Some(position) = walk.next(self.buffer, needles, self.filled) else {
                break self.rest(cell, count, lines, dialect, spans);
            };
            let byte = self.byte(position);
            if byte == delimiter {
                set(spans, count, Span::new(cell, position, Form::Bare));
                count += 1;
                cell = position + 1;
            } else if byte == newline {
                let end = if newline == b'\n' { self.before_cr(cell, position) } else { position };
                set(spans, count, Span::new(cell, end, Form::Bare));
                break Scan::Complete { end: position + 1, cells: count + 1, lines: lines + 1 };
            } else if position == cell || (dialect.skip_blanks && self.is_blank(cell, position)) {
                cell = position;
                match self.quoted(cell, dialect, needles, &mut walk) {
                    Quoted::Cell { end, form, next, lines: inside } => {
                        set(spans, count, Span::new(cell + 1, end, form));
                        count += 1;
                        lines += inside;
                        cell = next;
                    }
                    Quoted::Last { end, form, next, lines: inside } => {
                        set(spans, count, Span::new(cell + 1, end, form));
                        break Scan::Complete { end: next, cells: count + 1, lines: lines + inside };
                    }
                    Quoted::Incomplete => break Scan::Incomplete,
                    Quoted::Open => break Scan::Open { quote: cell, lines },
                    Quoted::Malformed { position, lines: inside } => {
                        break Scan::Malformed { position, lines: lines + inside };
                    }
                }
            }
        };
        *cursor = walk;
        scan
    }

    /// No special byte is left: at the end of the input the record ends too.
    #[cold]
    #[inline(never)]
    fn rest(&self, cell: usize, count: usize, lines: u64, dialect: Dialect, spans: &mut Vec<Span>) -> Scan {
        if !self.ended {
            return Scan::Incomplete;
        }
        let end = match dialect.newline {
            Newline::CrLf => self.before_cr(cell, self.filled),
            Newline::Lf | Newline::Cr => self.filled,
        };
        set(spans, count, Span::new(cell, end, Form::Bare));
        Scan::Complete { end: self.filled, cells: count + 1, lines }
    }

    /// True if the byte at `end` is escaped: an odd number of escapes stands before it.
    #[cold]
    #[inline(never)]
    fn escapes(&self, from: usize, end: usize, escape: u8) -> bool {
        let before = self.buffer.get(from..end).unwrap_or_default();
        before.iter().rev().take_while(|byte| **byte == escape).count() % 2 == 1
    }

    /// A cell that opens with a quote at `open`.
    #[inline(never)]
    fn quoted(&self, open: usize, dialect: Dialect, needles: &Needles, walk: &mut Cursor) -> Quoted {
        let newline = dialect.newline.last_byte();
        let Quoting { quote, escape } = dialect.quoting;
        // Never `None` here; a delimiter is no quote.
        let quote = quote.unwrap_or(dialect.delimiter);
        let mut form = Form::Quoted;
        let mut lines = 0;
        loop {
            let Some(end) = walk.next(self.buffer, needles, self.filled) else { return Quoted::Open };
            let byte = self.byte(end);
            debug_assert!(end > open);
            if byte != quote {
                lines += u64::from(byte == newline);
                continue;
            }
            if escape != quote && self.escapes(open + 1, end, escape) {
                form = Form::Escaped;
                continue;
            }
            if self.byte(end + 1) == quote {
                form = Form::Escaped;
                walk.next(self.buffer, needles, self.filled);
                continue;
            }
            if escape != quote && memchr::memchr(escape, self.buffer.get(open + 1..end).unwrap_or_default()).is_some() {
                form = Form::Escaped;
            }
            // The cell is closed. What may follow: blanks, then a delimiter, a line end or the end of the input.
            let mut after = end + 1;
            while matches!(self.byte(after), b' ' | b'\t') && self.byte(after) != dialect.delimiter {
                after += 1;
            }
            let returns = newline == b'\n' && self.byte(after) == b'\r';
            let stop = after + usize::from(returns);
            if stop >= self.filled {
                return match self.ended {
                    true => Quoted::Last { end, form, next: self.filled, lines },
                    false => Quoted::Incomplete,
                };
            }
            let byte = self.byte(stop);
            if byte == newline {
                walk.next(self.buffer, needles, self.filled);
                return Quoted::Last { end, form, next: stop + 1, lines: lines + 1 };
            }
            if byte == dialect.delimiter && !returns {
                walk.next(self.buffer, needles, self.filled);
                return Quoted::Cell { end, form, next: stop + 1, lines };
            }
            return Quoted::Malformed { position: after, lines };
        }
    }
}

/// How a quoted cell ended.
enum Quoted {
    /// With a delimiter; the next cell begins at `next`.
    Cell {
        end: usize,
        form: Form,
        next: usize,
        lines: u64,
    },
    /// With the record, which ends before `next`.
    Last {
        end: usize,
        form: Form,
        next: usize,
        lines: u64,
    },
    /// Its end is here, but not what follows.
    Incomplete,
    /// Not yet.
    Open,
    Malformed {
        position: usize,
        lines: u64,
    },
}

/// Put a span into its place; the list grows as needed and never shrinks, so that the loop has no vector to keep.
#[inline(always)]
fn set(spans: &mut Vec<Span>, index: usize, span: Span) {
    match spans.get_mut(index) {
        Some(slot) => *slot = span,
        None => push(spans, span),
    }
}

#[cold]
#[inline(never)]
fn push(spans: &mut Vec<Span>, span: Span) {
    spans.push(span);
}
