//! How a CSV text separates its cells and lines, and how that is guessed from its start. The guess follows PapaParse,
//! which Harper uses: the delimiter that cuts the first ten records into the most, and most even, cells.

use serde::{Deserialize, Serialize};

pub(crate) const QUOTE: u8 = b'"';
/// How much of the input is looked at. Fixed, so that the guess does not depend on the sizes of chunks.
pub(crate) const SAMPLE_BYTES: usize = 64 * 1024;
/// Comma, tab, pipe, semicolon, and ASCII's own record and unit separators.
const DELIMITERS: [u8; 6] = [b',', b'\t', b'|', b';', 0x1e, 0x1f];
const PREVIEW_RECORDS: usize = 10;

/// What ends a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Newline {
    /// LF. A CR right before it belongs to the line end, so that files with mixed line ends are read as meant.
    Lf,
    /// CR LF; a lone LF ends a record too.
    CrLf,
    /// CR alone.
    Cr,
}

impl Newline {
    pub(crate) fn last_byte(self) -> u8 {
        match self {
            Newline::Lf | Newline::CrLf => b'\n',
            Newline::Cr => b'\r',
        }
    }
}

/// The two things that differ between CSV texts. The quote is always `"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dialect {
    pub delimiter: u8,
    pub newline: Newline,
}

impl Dialect {
    /// Guess from the first bytes of a text, without its byte order mark. `whole` says that there is no more of it.
    pub fn guess(sample: &[u8], whole: bool) -> Self {
        let newline = guess_newline(sample, whole);
        Dialect { delimiter: guess_delimiter(sample, newline, whole), newline }
    }
}

fn guess_newline(sample: &[u8], whole: bool) -> Newline {
    let (mut cr, mut crlf) = (0usize, 0usize);
    let mut quoted = false;
    let mut bytes = sample.iter().copied().peekable();
    let mut lf_first = None;
    while let Some(byte) = bytes.next() {
        match byte {
            QUOTE => quoted = !quoted,
            b'\r' if !quoted => {
                lf_first.get_or_insert(false);
                // A CR at the very end of the sample may be half of a pair: it does not vote.
                cr += usize::from(whole || bytes.peek().is_some());
                crlf += usize::from(bytes.peek() == Some(&b'\n'));
            }
            b'\n' if !quoted => {
                lf_first.get_or_insert(true);
            }
            _ => {}
        }
    }
    match lf_first {
        None | Some(true) => Newline::Lf,
        Some(false) if crlf * 2 >= cr => Newline::CrLf,
        Some(false) => Newline::Cr,
    }
}

fn guess_delimiter(sample: &[u8], newline: Newline, whole: bool) -> u8 {
    let mut best: Option<(u8, usize, f64)> = None;
    for delimiter in DELIMITERS {
        let counts = cell_counts(sample, delimiter, newline, whole);
        let Some(average) = average(&counts) else { continue };
        let uneven = counts.windows(2).map(|pair| match pair {
            [one, two] => one.abs_diff(*two),
            _ => 0,
        });
        let uneven: usize = uneven.sum();
        let better = best.is_none_or(|(_, least, most)| uneven <= least && average > most);
        if average > 1.99 && better {
            best = Some((delimiter, uneven, average));
        }
    }
    best.map_or(b',', |(delimiter, ..)| delimiter)
}

fn average(counts: &[usize]) -> Option<f64> {
    (!counts.is_empty()).then(|| counts.iter().sum::<usize>() as f64 / counts.len() as f64)
}

/// The number of cells of each of the first records, empty lines left out. Tolerant: malformed quoting is for the reader
/// to complain about.
fn cell_counts(sample: &[u8], delimiter: u8, newline: Newline, whole: bool) -> Vec<usize> {
    let mut counts = Vec::with_capacity(PREVIEW_RECORDS);
    let (mut cells, mut cell_bytes, mut records) = (1usize, 0usize, 0usize);
    // Whether the cell began with a quote, and whether we are between its quotes.
    let (mut in_quotes, mut quoted) = (false, false);
    for &byte in sample {
        if byte == QUOTE && (quoted || cell_bytes == 0) {
            (quoted, in_quotes) = (true, !in_quotes);
        } else if in_quotes {
        } else if byte == delimiter {
            cells += 1;
            (cell_bytes, quoted) = (0, false);
            continue;
        } else if byte == newline.last_byte() {
            if cells > 1 || cell_bytes > 0 {
                counts.push(cells);
            }
            records += 1;
            (cells, cell_bytes, quoted) = (1, 0, false);
            if records == PREVIEW_RECORDS {
                return counts;
            }
            continue;
        } else if byte == b'\r' {
            continue;
        }
        cell_bytes += 1;
    }
    if (cells > 1 || cell_bytes > 0) && (whole || counts.is_empty()) {
        counts.push(cells);
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guess(text: &str) -> (char, Newline) {
        let dialect = Dialect::guess(text.as_bytes(), true);
        (char::from(dialect.delimiter), dialect.newline)
    }

    #[test]
    fn delimiters_are_told_from_the_evenness_of_records() {
        assert_eq!(guess("id,a\n1,2\n"), (',', Newline::Lf));
        assert_eq!(guess("id;a\n1;2\n").0, ';');
        assert_eq!(guess("id\ta\n1\t2,3\n").0, '\t');
        assert_eq!(guess("id|a|b\n1|2|3\n").0, '|');
        assert_eq!(guess("id\u{1f}a\n1\u{1f}2\n").0, '\u{1f}');
        assert_eq!(guess("id\u{1e}a\n1\u{1e}2\n").0, '\u{1e}');
        assert_eq!(guess("id\n1\n2\n").0, ',');
        assert_eq!(guess("").0, ',');
        // Semicolons inside quoted cells do not count.
        assert_eq!(guess("a,b\n\"1;2;3;4\",x\n\"5;6;7;8\",y\n").0, ',');
    }

    #[test]
    fn newlines_are_told_from_the_first_and_the_most() {
        assert_eq!(guess("a,b\r\n1,2\r\n").1, Newline::CrLf);
        assert_eq!(guess("a,b\r1,2\r").1, Newline::Cr);
        assert_eq!(guess("a,b\n1,2\r\n").1, Newline::Lf);
        assert_eq!(guess("a,\"b\r\rc\"\n1,2\n").1, Newline::Lf);
        assert_eq!(guess("a").1, Newline::Lf);
    }
}
