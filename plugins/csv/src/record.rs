//! One record as it stands in the reader's buffer: views, no copies.

use std::borrow::Cow;
use std::ops::Range;

use crate::dialect::Quoting;

/// Where a cell lies in the buffer, without its quotes, and how it was written.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Span {
    /// The start, with the form in the two highest bits: one record and one chunk are far below 1 GiB.
    start: u32,
    end: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Bare,
    Quoted,
    /// Quoted, with `""` inside.
    Escaped,
}

const FORM_SHIFT: u32 = 30;
const START: u32 = (1 << FORM_SHIFT) - 1;

impl Span {
    #[inline(always)]
    pub(crate) fn new(start: usize, end: usize, form: Form) -> Self {
        Span { start: start as u32 | ((form as u32) << FORM_SHIFT), end: end as u32 }
    }

    #[inline(always)]
    pub(crate) fn range(self) -> Range<usize> {
        (self.start & START) as usize..self.end as usize
    }

    #[inline(always)]
    pub(crate) fn is(self, form: Form) -> bool {
        self.start >> FORM_SHIFT == form as u32
    }
}

/// A record: its cells, where it begins, and how it reads in the input.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    pub(crate) buffer: &'a [u8],
    pub(crate) spans: &'a [Span],
    pub(crate) quoting: Quoting,
    pub(crate) raw: &'a [u8],
    pub(crate) line: u64,
    pub(crate) offset: u64,
}

impl<'a> Record<'a> {
    /// The line it begins on, from 1.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// The byte it begins at, from 0, in the whole input.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The record as it stands in the input, with its line end.
    pub fn raw(&self) -> &'a [u8] {
        self.raw
    }

    #[inline]
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Never true of a record that the reader gives: it has at least one cell.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    #[inline]
    pub fn cell(&self, index: usize) -> Option<Cell<'a>> {
        self.spans.get(index).map(|&span| Cell { buffer: self.buffer, quoting: self.quoting, span })
    }

    #[inline]
    pub fn cells(&self) -> impl Iterator<Item = Cell<'a>> + use<'a> {
        let (buffer, quoting) = (self.buffer, self.quoting);
        self.spans.iter().map(move |&span| Cell { buffer, quoting, span })
    }
}

/// One cell.
#[derive(Debug, Clone, Copy)]
pub struct Cell<'a> {
    buffer: &'a [u8],
    quoting: Quoting,
    span: Span,
}

impl<'a> Cell<'a> {
    /// The bytes between the quotes, `""` still doubled, and the buffer they lie in, which goes on beyond them.
    #[inline]
    pub(crate) fn place(&self) -> (&'a [u8], Range<usize>) {
        (self.buffer, self.span.range())
    }

    #[inline]
    pub(crate) fn is_escaped(&self) -> bool {
        self.span.is(Form::Escaped)
    }

    pub fn is_quoted(&self) -> bool {
        !self.span.is(Form::Bare)
    }

    /// The value of the cell, byte for byte.
    pub fn bytes(&self) -> Cow<'a, [u8]> {
        let (buffer, range) = self.place();
        let inside = buffer.get(range).unwrap_or_default();
        if self.is_escaped() { Cow::Owned(self.unescaped(inside)) } else { Cow::Borrowed(inside) }
    }

    fn unescaped(&self, inside: &[u8]) -> Vec<u8> {
        let mut value = Vec::with_capacity(inside.len());
        unescape_into(inside, self.quoting, &mut value);
        value
    }

    #[inline]
    pub(crate) fn quoting(&self) -> Quoting {
        self.quoting
    }

    /// The value of the cell; bytes that are not UTF-8 become U+FFFD.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }
}

/// Append `inside` with each doubled quote as one, and each escaped quote or escape without its escape.
pub(crate) fn unescape_into(inside: &[u8], quoting: Quoting, value: &mut Vec<u8>) {
    let Quoting { quote: Some(quote), escape } = quoting else { return value.extend_from_slice(inside) };
    let mut rest = inside;
    while let Some(at) = memchr::memchr2(quote, escape, rest) {
        let found = rest.get(at).copied();
        let next = rest.get(at + 1).copied();
        let is_escape = next == Some(quote) || (next == Some(escape) && found == Some(escape));
        let kept = if is_escape { at } else { at + 1 };
        value.extend_from_slice(rest.get(..kept).unwrap_or_default());
        value.extend(next.filter(|_| is_escape));
        rest = rest.get(at + 1 + usize::from(is_escape)..).unwrap_or_default();
    }
    value.extend_from_slice(rest);
}
