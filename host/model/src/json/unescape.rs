//! Unescapes a JSON string piece by piece, so that a large string is not held in memory twice.

use std::io::{self, Write};

/// Why a string could not be unescaped.
#[derive(Debug, thiserror::Error)]
pub enum UnescapeError {
    /// The text is not a valid JSON string.
    #[error("{0}")]
    Malformed(&'static str),
    /// Writing the output failed.
    #[error(transparent)]
    Write(#[from] io::Error),
}

const NO_STRING: UnescapeError = UnescapeError::Malformed("a string was expected");
const BAD_ESCAPE: UnescapeError = UnescapeError::Malformed("invalid escape");
const LONE_SURROGATE: UnescapeError = UnescapeError::Malformed("lone surrogate in hex escape");

/// Writes what a string with its quotes stands for. Returns the number of bytes.
pub fn unescape(quoted: &str, to: &mut impl Write) -> Result<u64, UnescapeError> {
    let inner = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).ok_or(NO_STRING)?;
    let mut rest = inner.as_bytes();
    let mut written = 0;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        let (plain, escape) = rest.split_at(at);
        to.write_all(plain)?;
        let (character, length) = character(escape)?;
        let mut buffer = [0; 4];
        let bytes = character.encode_utf8(&mut buffer).as_bytes();
        to.write_all(bytes)?;
        written += (plain.len() + bytes.len()) as u64;
        rest = escape.get(length..).unwrap_or_default();
    }
    to.write_all(rest)?;
    Ok(written + rest.len() as u64)
}

/// Decodes the escape at the start. Returns the character and the length of the escape.
fn character(escape: &[u8]) -> Result<(char, usize), UnescapeError> {
    let simple = match escape.get(1).ok_or(BAD_ESCAPE)? {
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return unicode(escape),
        _ => return Err(BAD_ESCAPE),
    };
    Ok((simple, 2))
}

const UNIT: usize = "\\u0000".len();

fn unicode(escape: &[u8]) -> Result<(char, usize), UnescapeError> {
    let first = unit(escape)?;
    if let Some(character) = char::from_u32(u32::from(first)) {
        return Ok((character, UNIT));
    }
    let rest = escape.get(UNIT..).unwrap_or_default();
    let second = if rest.starts_with(b"\\u") { unit(rest)? } else { return Err(LONE_SURROGATE) };
    let mut decoded = char::decode_utf16([first, second]);
    match (decoded.next(), decoded.next()) {
        (Some(Ok(character)), None) => Ok((character, 2 * UNIT)),
        _ => Err(LONE_SURROGATE),
    }
}

fn unit(escape: &[u8]) -> Result<u16, UnescapeError> {
    let digits = escape.get(2..UNIT).and_then(|digits| std::str::from_utf8(digits).ok()).ok_or(BAD_ESCAPE)?;
    if digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        u16::from_str_radix(digits, 16).map_err(|_| BAD_ESCAPE)
    } else {
        Err(BAD_ESCAPE)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn unescaped(quoted: &str) -> Option<String> {
        let mut out = Vec::new();
        let bytes = unescape(quoted, &mut out).ok()?;
        assert_eq!(bytes, out.len() as u64);
        String::from_utf8(out).ok()
    }

    #[test]
    fn invalid_strings_are_rejected() {
        for bad in ["", "\"", "1", "\"\\\"", "\"\\x\"", "\"\\u12\"", "\"\\ud800\"", "\"\\ud800\\u0041\"", "\"\\udc00\""]
        {
            assert_eq!(unescaped(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn fuzz_unescape(text in any::<String>()) {
            let quoted = serde_json::to_string(&text).unwrap();
            prop_assert_eq!(unescaped(&quoted), Some(text));
        }

        /// Agrees with `serde_json` wherever `serde_json` accepts the text.
        #[test]
        fn fuzz_escapes(inner in r#"(\\["\\/bfnrtu]|\\u[0-9a-fA-F]{4}|\\ud[89a-f][0-9a-f]{2}|[a-zé]){0,12}"#) {
            let quoted = format!("\"{inner}\"");
            if let Ok(theirs) = serde_json::from_str::<String>(&quoted) {
                prop_assert_eq!(unescaped(&quoted), Some(theirs));
            }
        }
    }
}
