//! Reads a source line by line. The length of a line is limited, so that input without line ends cannot fill the
//! sandbox.

use crate::{Error, ErrorKind, Source};

/// Maximum length of a line that [`Source::lines`] accepts: the size of the largest record that the host accepts.
pub const MAX_LINE_BYTES: usize = 256 * 1024;

/// The lines of a source. A line ends with LF or CR LF, which is not part of it; the last line may lack it.
#[derive(Debug)]
pub struct Lines {
    source: Source,
    /// Bytes that were read from the source. Those before `start` belong to lines that were already returned.
    bytes: Vec<u8>,
    start: usize,
    at_end: bool,
    offset: u64,
    number: u64,
}

impl Lines {
    pub(crate) fn new(source: Source, offset: u64) -> Self {
        Lines { source, bytes: Vec::new(), start: 0, at_end: false, offset, number: 0 }
    }

    /// Returns the next line, or `None` at the end of the source.
    ///
    /// Errors: those of [`Source::chunk`], and `Invalid` for a line longer than [`MAX_LINE_BYTES`].
    pub fn line(&mut self) -> Result<Option<&[u8]>, Error> {
        let mut searched = 0;
        let length = loop {
            let rest = self.bytes.get(self.start..).unwrap_or_default();
            let found = rest.iter().skip(searched).position(|byte| *byte == b'\n').map(|position| searched + position);
            match found {
                Some(length) => break length,
                None if rest.len() > MAX_LINE_BYTES + 1 => break rest.len(),
                None if self.at_end && rest.is_empty() => return Ok(None),
                None if self.at_end => break rest.len(),
                None => searched = rest.len(),
            }
            self.read_chunk()?;
        };
        let start = self.start;
        let end = (start + length + 1).min(self.bytes.len());
        self.number += 1;
        let line = self.bytes.get(start..start + length).unwrap_or_default();
        let line = line.strip_suffix(b"\r").filter(|_| end > start + length).unwrap_or(line);
        if line.len() > MAX_LINE_BYTES {
            let message = format!("line {} is longer than {MAX_LINE_BYTES} bytes", self.number);
            return Err(Error { kind: ErrorKind::Invalid, message });
        }
        self.offset += (end - start) as u64;
        self.start = end;
        Ok(Some(line))
    }

    /// Returns the number of lines returned so far, which is the number of the last line, counted from 1 where reading
    /// began.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Returns the offset of the byte after the last returned line. [`Source::open`] continues there, so the offset is
    /// a good checkpoint.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    fn read_chunk(&mut self) -> Result<(), Error> {
        self.bytes.drain(..self.start);
        self.start = 0;
        let chunk = self.source.chunk()?;
        self.at_end = chunk.is_empty();
        self.bytes.extend_from_slice(&chunk);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Host;

    /// Returns the lines and the offset after each of them.
    fn read(text: &[u8], chunk_bytes: usize, offset: u64) -> Result<(Vec<Vec<u8>>, Vec<u64>), Error> {
        let host = Host::new().source(text).chunk_bytes(chunk_bytes);
        host.enter(|| {
            let mut lines = Source::open(0, offset)?.lines();
            let (mut found, mut offsets) = (Vec::new(), Vec::new());
            while let Some(line) = lines.line()? {
                found.push(line.to_vec());
                offsets.push(lines.offset());
            }
            assert_eq!(lines.number(), found.len() as u64);
            Ok((found, offsets))
        })
        .0
    }

    #[test]
    fn lines_end_with_lf_or_crlf_or_at_the_end_of_the_source() {
        let expected: Vec<Vec<u8>> = ["a", "", "b\rc", "d"].map(|line| line.as_bytes().to_vec()).to_vec();
        for chunk_bytes in 1..12 {
            let (lines, offsets) = read(b"a\n\r\nb\rc\r\nd", chunk_bytes, 0).unwrap();
            assert_eq!(lines, expected, "{chunk_bytes}");
            assert_eq!(offsets, [2, 4, 9, 10]);
        }
        assert_eq!(read(b"", 4, 0).unwrap().0.len(), 0);
        assert_eq!(read(b"a\n", 4, 0).unwrap().0, [b"a"]);
    }

    #[test]
    fn reading_continues_at_the_offset_of_any_line() {
        let text = b"one\r\ntwo\n\nfour\nfive";
        let (lines, offsets) = read(text, 3, 0).unwrap();
        for (index, offset) in offsets.iter().enumerate() {
            let (rest, later) = read(text, 5, *offset).unwrap();
            assert_eq!(rest, lines[index + 1..]);
            assert_eq!(later, offsets[index + 1..]);
        }
    }

    #[test]
    fn random_texts_have_the_same_lines_as_when_they_are_split() {
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = move |below: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) % below
        };
        for _ in 0..500 {
            let length = next(60);
            let text: Vec<u8> = (0..length).map(|_| b"ab\r\n"[next(4) as usize]).collect();
            let (lines, _) = read(&text, 1 + next(9) as usize, 0).unwrap();
            let mut expected: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
            let last = expected.pop().filter(|last| !last.is_empty());
            let ended = expected.into_iter().map(|line| line.strip_suffix(b"\r").unwrap_or(line));
            assert_eq!(lines, ended.chain(last).collect::<Vec<_>>(), "{text:?}");
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_refused() {
        let mut text = vec![b'x'; MAX_LINE_BYTES];
        assert_eq!(read(&text, 1 << 16, 0).unwrap().0.len(), 1);
        text.extend_from_slice(b"\r\nnext");
        assert_eq!(read(&text, 1 << 16, 0).unwrap().0.len(), 2);
        text.insert(0, b'x');
        let error = read(&text, 1 << 16, 0).unwrap_err();
        assert_eq!(error.message, "line 1 is longer than 262144 bytes");
    }
}
