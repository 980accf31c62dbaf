//! One record as it stands in the reader's buffer: views, no copies.

use std::borrow::Cow;
use std::ops::Range;

use crate::dialect::QUOTE;

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
        self.spans.get(index).map(|&span| Cell { buffer: self.buffer, span })
    }

    #[inline]
    pub fn cells(&self) -> impl Iterator<Item = Cell<'a>> + use<'a> {
        let buffer = self.buffer;
        self.spans.iter().map(move |&span| Cell { buffer, span })
    }
}

/// One cell.
#[derive(Debug, Clone, Copy)]
pub struct Cell<'a> {
    buffer: &'a [u8],
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
        if self.is_escaped() { Cow::Owned(unescape(inside)) } else { Cow::Borrowed(inside) }
    }

    /// The value of the cell; bytes that are not UTF-8 become U+FFFD.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }
}

fn unescape(inside: &[u8]) -> Vec<u8> {
    let mut value = Vec::with_capacity(inside.len());
    unescape_into(inside, &mut value);
    value
}

/// Append `inside` with each `""` as `"`.
pub(crate) fn unescape_into(inside: &[u8], value: &mut Vec<u8>) {
    let mut rest = inside;
    while let Some(quote) = memchr::memchr(QUOTE, rest) {
        let (before, after) = rest.split_at_checked(quote + 1).unwrap_or((rest, &[]));
        value.extend_from_slice(before);
        rest = after.get(1..).unwrap_or_default();
    }
    value.extend_from_slice(rest);
}
