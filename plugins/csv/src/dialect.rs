//! How a CSV text separates its cells and lines, and how that is guessed from its start. The guess follows PapaParse,
//! which Harper uses: the delimiter that cuts the first ten records into the most, and most even, cells; but one that gives
//! every record the header's number of cells wins over one that does not.

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

/// How cells are quoted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quoting {
    /// What opens and closes a quoted cell; `None`: no cell is quoted.
    pub quote: Option<u8>,
    /// What stands before a quote that is part of a quoted cell. A quote written twice is one in any case.
    pub escape: u8,
}

impl Default for Quoting {
    fn default() -> Self {
        Quoting { quote: Some(QUOTE), escape: QUOTE }
    }
}

/// What differs between CSV texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dialect {
    pub delimiter: u8,
    pub newline: Newline,
    #[serde(default)]
    pub quoting: Quoting,
    /// Blanks may stand before an opening quote.
    #[serde(default)]
    pub skip_blanks: bool,
}

impl Dialect {
    /// What a sample says about each delimiter, for a person to judge a guess by.
    pub fn candidates(sample: &[u8], whole: bool, quoting: Quoting) -> Vec<Candidate> {
        let sample = Sample { bytes: sample, whole, quoting };
        let delimiters = DELIMITERS.into_iter().filter(|delimiter| quoting.quote != Some(*delimiter));
        let candidates = delimiters.filter_map(|delimiter| {
            let counts = sample.cell_counts(delimiter, sample.newline(delimiter));
            let cells = *counts.first()?;
            let even = counts.iter().filter(|count| **count == cells).count();
            Some(Candidate { delimiter, cells, records: counts.len(), even })
        });
        candidates.filter(|candidate| candidate.cells > 1).collect()
    }

    /// Guess from the first bytes of a text, without its byte order mark. `whole` says that there is no more of it. What
    /// is known is not guessed.
    pub fn guess(sample: &[u8], whole: bool, delimiter: Option<u8>, quoting: Quoting) -> Self {
        let sample = Sample { bytes: sample, whole, quoting };
        let (delimiter, newline) = match delimiter {
            Some(delimiter) => (delimiter, sample.newline(delimiter)),
            None => sample.delimiter(),
        };
        Dialect { delimiter, newline, quoting, skip_blanks: false }
    }
}

/// What the sample says about one delimiter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    pub delimiter: u8,
    /// Cells of the first record.
    pub cells: usize,
    /// Records of the sample, at most ten.
    pub records: usize,
    /// Records with as many cells as the first, which is one of them.
    pub even: usize,
}

/// What is looked at for a guess.
#[derive(Debug, Clone, Copy)]
struct Sample<'a> {
    bytes: &'a [u8],
    whole: bool,
    quoting: Quoting,
}

impl Sample<'_> {
    /// The newline, if this is the delimiter: a quote opens a cell only where a cell begins, as for the reader.
    fn newline(&self, delimiter: u8) -> Newline {
        let (mut cr, mut crlf) = (0usize, 0usize);
        let mut lf_first = None;
        let mut quotes = Quotes::default();
        for (index, &byte) in self.bytes.iter().enumerate() {
            if quotes.are_around(byte, self.quoting) {
                continue;
            }
            let next = self.bytes.get(index + 1);
            match byte {
                b'\r' => {
                    lf_first.get_or_insert(false);
                    // A CR at the very end of the sample may be half of a pair: it does not vote.
                    cr += usize::from(self.whole || next.is_some());
                    crlf += usize::from(next == Some(&b'\n'));
                }
                b'\n' => {
                    lf_first.get_or_insert(true);
                }
                _ => {}
            }
            quotes.cell_begins = byte == delimiter || matches!(byte, b'\r' | b'\n');
        }
        match lf_first {
            None | Some(true) => Newline::Lf,
            Some(false) if crlf * 2 >= cr => Newline::CrLf,
            Some(false) => Newline::Cr,
        }
    }

    /// The delimiter that gives every record the header's number of cells, if there is one; else PapaParse's choice.
    fn delimiter(&self) -> (u8, Newline) {
        let mut best: Option<(u8, Newline, bool, usize, f64)> = None;
        for delimiter in DELIMITERS.into_iter().filter(|delimiter| self.quoting.quote != Some(*delimiter)) {
            let newline = self.newline(delimiter);
            let counts = self.cell_counts(delimiter, newline);
            let Some(average) = average(&counts) else { continue };
            let uneven = counts.windows(2).map(|pair| match pair {
                [one, two] => one.abs_diff(*two),
                _ => 0,
            });
            let uneven: usize = uneven.sum();
            let even = uneven == 0 && counts.len() > 1;
            let better = best.is_none_or(|(_, _, best_even, least, most)| match (even, best_even) {
                (true, false) => true,
                (false, true) => false,
                _ => uneven <= least && average > most,
            });
            if average > 1.99 && better {
                best = Some((delimiter, newline, even, uneven, average));
            }
        }
        best.map_or_else(|| (b',', self.newline(b',')), |(delimiter, newline, ..)| (delimiter, newline))
    }

    /// The number of cells of each of the first records, empty lines left out. Tolerant: malformed quoting is for the
    /// reader to complain about.
    fn cell_counts(&self, delimiter: u8, newline: Newline) -> Vec<usize> {
        let mut counts = Vec::with_capacity(PREVIEW_RECORDS);
        let (mut cells, mut cell_bytes, mut records) = (1usize, 0usize, 0usize);
        let mut quotes = Quotes::default();
        for &byte in self.bytes {
            if quotes.are_around(byte, self.quoting) {
            } else if byte == delimiter {
                cells += 1;
                (cell_bytes, quotes.cell_begins) = (0, true);
                continue;
            } else if byte == newline.last_byte() {
                if cells > 1 || cell_bytes > 0 {
                    counts.push(cells);
                }
                records += 1;
                (cells, cell_bytes, quotes.cell_begins) = (1, 0, true);
                if records == PREVIEW_RECORDS {
                    return counts;
                }
                continue;
            } else if byte == b'\r' {
                continue;
            }
            quotes.cell_begins = false;
            cell_bytes += 1;
        }
        if (cells > 1 || cell_bytes > 0) && (self.whole || counts.is_empty()) {
            counts.push(cells);
        }
        counts
    }
}

/// Whether a byte stands in a quoted cell, one byte after the other.
#[derive(Debug)]
struct Quotes {
    cell_begins: bool,
    open: bool,
    escaped: bool,
    /// The last byte closed a cell: another quote opens it again.
    closed: bool,
}

impl Default for Quotes {
    fn default() -> Self {
        Quotes { cell_begins: true, open: false, escaped: false, closed: false }
    }
}

impl Quotes {
    /// True for the quotes and what is between them.
    fn are_around(&mut self, byte: u8, quoting: Quoting) -> bool {
        let is_quote = quoting.quote == Some(byte);
        if self.open {
            if std::mem::take(&mut self.escaped) {
            } else if byte == quoting.escape && !is_quote {
                self.escaped = true;
            } else if is_quote {
                (self.open, self.closed) = (false, true);
            }
            return true;
        }
        let opens = is_quote && (self.cell_begins || self.closed);
        self.closed = false;
        if opens {
            (self.open, self.cell_begins) = (true, false);
        }
        opens
    }
}

fn average(counts: &[usize]) -> Option<f64> {
    (!counts.is_empty()).then(|| counts.iter().sum::<usize>() as f64 / counts.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guess(text: &str) -> (char, Newline) {
        let dialect = Dialect::guess(text.as_bytes(), true, None, Quoting::default());
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
    fn a_delimiter_that_gives_every_record_the_headers_cells_wins() {
        assert_eq!(guess("X\tY\tZ\n120,5\t50,3\t2,35\n121,5\t51,3\t2,36\n").0, '\t');
        assert_eq!(guess("id;tags\n1;red,green,blue\n2;red,green,black\n").0, ';');
    }

    #[test]
    fn quotes_inside_of_bare_cells_hide_no_line_end() {
        assert_eq!(guess("id,size 5\",name\r1,3\" pipe,a\r2,4 pipe,b\r3,5\" x 6\",c\r"), (',', Newline::Cr));
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
