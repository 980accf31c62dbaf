//! Decodes a source to UTF-8. A UTF-8 source is passed through unchanged. For any other encoding, at most one chunk is held in
//! memory. Invalid bytes become U+FFFD, and their positions are recorded.

use std::collections::VecDeque;
use std::fmt;

use encoding_rs::{Decoder, DecoderResult, Encoding, UTF_8, UTF_16BE, UTF_16LE};
use serde_json::Value;
use wide::u8x16;

const REPLACEMENT: &[u8] = "\u{fffd}".as_bytes();
/// Enough to recognise a byte order mark of UTF-16. The reader skips the one of UTF-8.
const SNIFFED_BYTES: usize = 2;
const ROOM_BYTES: usize = 64 * 1024;

/// Decodes a source to UTF-8. See the module.
#[derive(Debug)]
pub struct Decoding {
    named: Option<&'static Encoding>,
    /// Number of decoded bytes to skip if the source is read from its start again.
    skip: u64,
    /// Whether the caller asks for invalid bytes.
    is_checked: bool,
    /// Whether the source may contain invalid bytes so far.
    may_be_invalid: bool,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Too few bytes so far to detect the encoding.
    Begun(Vec<u8>),
    /// The source needs no decoding.
    Utf8,
    Other(Transcoder),
}

struct Transcoder {
    encoding: &'static Encoding,
    decoder: Decoder,
    skip: u64,
    /// Number of decoded bytes so far.
    decoded: u64,
    /// Offsets of U+FFFD for invalid bytes, in the decoded text, until `is_invalid` has passed them. `None`: not recorded.
    invalid: Option<VecDeque<u64>>,
}

/// Parses the option `encoding` of a request. `None` means by byte order mark or media type.
pub fn encoding_option(value: Option<&Value>) -> Result<Option<&'static Encoding>, String> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(word)) if word == "auto" => Ok(None),
        Some(value) => match value.as_str().and_then(|label| Encoding::for_label(label.as_bytes())) {
            Some(encoding) => Ok(Some(encoding)),
            None => Err(format!(
                "'encoding' must be \"auto\" or a label of the WHATWG Encoding Standard, for example \"utf-8\", \"utf-16le\", \
                 \"windows-1252\" or \"shift_jis\", not {}",
                shown_value(value)
            )),
        },
    }
}

/// The first characters of a value, for an error message.
pub fn shown_value(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

impl Decoding {
    /// `named` is the encoding that the request or the media type names. A byte order mark of UTF-16 takes precedence.
    /// Without either, the source is UTF-8.
    pub fn new(named: Option<&'static Encoding>) -> Self {
        Decoding { named, skip: 0, is_checked: true, may_be_invalid: false, state: State::Begun(Vec::new()) }
    }

    /// Returns the encoding for the charset of a media type. None for UTF-8, which needs no decoding, and for an unknown label.
    pub fn of_charset(label: &str) -> Option<&'static Encoding> {
        Encoding::for_label(label.as_bytes()).filter(|encoding| *encoding != UTF_8)
    }

    /// Resumes a source whose first `offset` decoded bytes have been processed, and which has been checked as a whole. Only
    /// a transcoded source is read from its start again.
    pub fn resume(named: Option<&'static Encoding>, is_transcoded: bool, offset: u64) -> Self {
        let state = if is_transcoded { State::Begun(Vec::new()) } else { State::Utf8 };
        Decoding { named, skip: offset, is_checked: false, may_be_invalid: false, state }
    }

    /// Whether the source has another encoding than UTF-8.
    pub fn is_transcoded(&self) -> bool {
        matches!(self.state, State::Other(_))
    }

    pub fn encoding(&self) -> &'static str {
        match &self.state {
            State::Other(transcoder) => transcoder.encoding.name(),
            State::Begun(_) | State::Utf8 => UTF_8.name(),
        }
    }

    /// Decodes the next bytes of the source.
    pub fn feed(&mut self, chunk: &[u8], is_last: bool, mut sink: impl FnMut(&[u8])) {
        match &mut self.state {
            State::Utf8 => {
                if self.is_checked && !self.may_be_invalid {
                    self.may_be_invalid = !is_ascii(chunk);
                }
                sink(chunk);
            }
            State::Other(transcoder) => transcoder.feed(chunk, is_last, sink),
            State::Begun(start) => {
                start.extend_from_slice(chunk);
                if start.len() < SNIFFED_BYTES && !is_last {
                    return;
                }
                let start = std::mem::take(start);
                self.state = match encoding_of(&start, self.named) {
                    None => State::Utf8,
                    Some(encoding) => {
                        self.may_be_invalid = self.is_checked;
                        State::Other(Transcoder::new(encoding, self.skip, self.is_checked))
                    }
                };
                self.feed(&start, is_last, sink);
            }
        }
    }

    /// False if the source is known to be valid so far.
    #[inline]
    pub fn may_be_invalid(&self) -> bool {
        self.may_be_invalid
    }

    /// Whether the decoded text has U+FFFD for invalid bytes in this range. Ranges must be passed in ascending order.
    pub fn is_invalid(&mut self, from: u64, to: u64) -> bool {
        let State::Other(Transcoder { invalid: Some(invalid), .. }) = &mut self.state else { return false };
        while invalid.front().is_some_and(|at| *at < from) {
            invalid.pop_front();
        }
        invalid.front().is_some_and(|at| *at < to)
    }
}

/// The same as `<[u8]>::is_ascii`, in blocks of 16 bytes: the standard library compares four bytes at a time on wasm32.
fn is_ascii(bytes: &[u8]) -> bool {
    let mut blocks = bytes.chunks_exact(64);
    let mut all = u8x16::splat(0);
    for block in &mut blocks {
        for part in block.chunks_exact(16) {
            all |= u8x16::from(<[u8; 16]>::try_from(part).unwrap_or_default());
        }
    }
    all.to_array().is_ascii() && blocks.remainder().is_ascii()
}

fn encoding_of(start: &[u8], named: Option<&'static Encoding>) -> Option<&'static Encoding> {
    match start {
        [0xff, 0xfe, ..] => Some(UTF_16LE),
        [0xfe, 0xff, ..] => Some(UTF_16BE),
        _ => named.filter(|encoding| *encoding != UTF_8),
    }
}

impl Transcoder {
    fn new(encoding: &'static Encoding, skip: u64, is_checked: bool) -> Self {
        let decoder = encoding.new_decoder_with_bom_removal();
        Transcoder { encoding, decoder, skip, decoded: 0, invalid: is_checked.then(VecDeque::new) }
    }

    fn feed(&mut self, chunk: &[u8], is_last: bool, mut sink: impl FnMut(&[u8])) {
        let mut rest = chunk;
        let mut room = vec![0; ROOM_BYTES];
        loop {
            let (outcome, read, written) = self.decoder.decode_to_utf8_without_replacement(rest, &mut room, is_last);
            self.pass(room.get(..written).unwrap_or_default(), &mut sink);
            rest = rest.get(read..).unwrap_or_default();
            match outcome {
                DecoderResult::InputEmpty => return,
                DecoderResult::OutputFull => {}
                DecoderResult::Malformed(..) => {
                    if let Some(invalid) = &mut self.invalid {
                        invalid.push_back(self.decoded);
                    }
                    self.pass(REPLACEMENT, &mut sink);
                }
            }
        }
    }

    fn pass(&mut self, decoded: &[u8], sink: &mut impl FnMut(&[u8])) {
        let skipped = usize::try_from(self.skip).unwrap_or(usize::MAX).min(decoded.len());
        self.skip -= skipped as u64;
        self.decoded += decoded.len() as u64;
        sink(decoded.get(skipped..).unwrap_or_default());
    }
}

impl fmt::Debug for Transcoder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Transcoder").field(&self.encoding.name()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(mut decoding: Decoding, source: &[u8], chunk: usize) -> (String, Decoding) {
        let mut text = Vec::new();
        for part in source.chunks(chunk) {
            decoding.feed(part, false, |bytes| text.extend_from_slice(bytes));
        }
        decoding.feed(&[], true, |bytes| text.extend_from_slice(bytes));
        (String::from_utf8(text).unwrap(), decoding)
    }

    #[test]
    fn a_byte_order_mark_or_a_name_determines_the_encoding() {
        let utf16: Vec<u8> = "\u{feff}id,ä\n1,💶\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        for chunk in [1, 3, 1000] {
            let (text, decoding) = decoded(Decoding::new(None), &utf16, chunk);
            assert_eq!((text.as_str(), decoding.encoding()), ("id,ä\n1,💶\n", "UTF-16LE"));
            let (text, _) = decoded(Decoding::resume(None, true, 6), &utf16, chunk);
            assert_eq!(text, "1,💶\n");
        }
        let latin = Encoding::for_label(b"latin1");
        assert_eq!(decoded(Decoding::new(latin), b"caf\xe9", 2).0, "café");
        assert_eq!(decoded(Decoding::new(None), "caf\u{e9}".as_bytes(), 2).0, "café");
        assert_eq!(decoded(Decoding::new(None), b"", 2).0, "");
    }

    #[test]
    fn positions_of_invalid_bytes_are_recorded() {
        let (text, _) = decoded(Decoding::new(Encoding::for_label(b"gbk")), b"a\xffb", 100);
        assert_eq!(text, "a\u{fffd}b");
        let mut fed = Decoding::new(Encoding::for_label(b"gbk"));
        fed.feed(b"a\xffb\xff", false, |_| ());
        assert!(!fed.is_invalid(0, 1) && fed.is_invalid(1, 4) && !fed.is_invalid(4, 5));
    }
}
