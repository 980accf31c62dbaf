//! What may stand before the header: lines to pass over, a line that names the delimiter, comments. Pure and on slices.

use std::borrow::Cow;

/// `sep=;` as spreadsheets write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NamedDelimiter {
    pub(crate) delimiter: u8,
    /// Bytes of the line, with its end.
    pub(crate) length: usize,
}

/// The bytes of `text` up to the end of its first line, whatever ends it, and whether it ends there. A CR at the end of what
/// is here may be half of a pair.
pub(crate) fn line(text: &[u8], whole: bool) -> (usize, bool) {
    match memchr::memchr2(b'\n', b'\r', text) {
        None => (text.len(), false),
        Some(at) if text.get(at) == Some(&b'\n') => (at + 1, true),
        Some(at) => match text.get(at + 1) {
            Some(b'\n') => (at + 2, true),
            None if !whole => (at, false),
            _ => (at + 1, true),
        },
    }
}

/// The delimiter that the first line names, if that is all it does.
pub(crate) fn named_delimiter(text: &[u8]) -> Option<NamedDelimiter> {
    let start = text.get(..text.len().min(16))?;
    let (length, ended) = line(start, true);
    let given = start.get(..length)?.trim_ascii_end_of_line();
    let given = match given {
        [b'"', inside @ .., b'"'] => inside,
        other => other,
    };
    let (word, delimiter) = given.split_at_checked(4)?;
    let [delimiter] = delimiter else { return None };
    let is_delimiter = !matches!(delimiter, b'"' | b'\r' | b'\n') && delimiter.is_ascii();
    (ended && is_delimiter && word.eq_ignore_ascii_case(b"sep="))
        .then_some(NamedDelimiter { delimiter: *delimiter, length })
}

/// What a file is that begins so and holds no text.
pub(crate) fn binary(start: &[u8]) -> Option<&'static str> {
    const KNOWN: [(&[u8], &str); 7] = [
        (b"PK\x03\x04", "an Excel workbook or a ZIP archive"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel workbook"),
        (b"PAR1", "a Parquet file"),
        (b"SQLite format 3\0", "an SQLite database"),
        (b"%PDF-", "a PDF document"),
        (b"\x1f\x8b", "gzip data"),
        (b"\x28\xb5\x2f\xfd", "zstd data"),
    ];
    KNOWN.iter().find(|(magic, _)| start.starts_with(magic)).map(|(_, what)| *what)
}

trait EndOfLine {
    fn trim_ascii_end_of_line(&self) -> &[u8];
}

impl EndOfLine for [u8] {
    fn trim_ascii_end_of_line(&self) -> &[u8] {
        let text = self.strip_suffix(b"\n").unwrap_or(self);
        text.strip_suffix(b"\r").unwrap_or(text)
    }
}

/// The lines of a sample that do not begin with `comment`.
pub(crate) fn without_comments<'a>(sample: &'a [u8], comment: &[u8]) -> Cow<'a, [u8]> {
    let (mut plain, mut rest) = (Vec::with_capacity(sample.len()), sample);
    while !rest.is_empty() {
        let (length, _) = line(rest, true);
        let (one, others) = rest.split_at_checked(length).unwrap_or((rest, &[]));
        if !one.starts_with(comment) {
            plain.extend_from_slice(one);
        }
        rest = others;
    }
    Cow::Owned(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_may_name_the_delimiter() {
        let named =
            |text: &str| named_delimiter(text.as_bytes()).map(|named| (char::from(named.delimiter), named.length));
        assert_eq!(named("sep=;\nid;b\n"), Some((';', 6)));
        assert_eq!(named("SEP=\t\r\nid\tb\n"), Some(('\t', 7)));
        assert_eq!(named("\"sep=|\"\rid|b"), Some(('|', 8)));
        assert_eq!(named("sep=;b\n1;2\n"), None);
        assert_eq!(named("sep=\n1\n"), None);
        assert_eq!(named("sep=;"), None);
        assert_eq!(named(""), None);
    }

    #[test]
    fn lines_end_in_three_ways() {
        assert_eq!(line(b"a\nb", false), (2, true));
        assert_eq!(line(b"a\r\nb", false), (3, true));
        assert_eq!(line(b"a\rb", false), (2, true));
        assert_eq!(line(b"a\r", false), (1, false));
        assert_eq!(line(b"a\r", true), (2, true));
        assert_eq!(line(b"a", true), (1, false));
    }
}
