//! Writes SQLite values as JSON text.

use rusqlite::types::ValueRef;

use crate::query::text::each_compact_part;

/// 2^53: above it, doubles cannot represent every integer, so writing all digits would suggest false precision.
const EXACT: f64 = 9_007_199_254_740_992.0;

pub(super) fn write_value(value: ValueRef<'_>, out: &mut Vec<u8>) {
    match value {
        ValueRef::Null => out.extend_from_slice(b"null"),
        ValueRef::Integer(integer) => write_json(&integer, out),
        ValueRef::Real(real) => write_real(real, out),
        ValueRef::Text(text) => write_text(text, out),
        // All blobs are JSON: `values` creates no others.
        ValueRef::Blob(json) => each_compact_part(json, |part| out.extend_from_slice(part)),
    }
}

/// Writes a number as JavaScript does: integers without a fraction, and numbers that are not finite as null.
fn write_real(real: f64, out: &mut Vec<u8>) {
    if !real.is_finite() {
        out.extend_from_slice(b"null");
    } else if real.fract() == 0.0 && real.abs() <= EXACT {
        write_json(&(real as i64), out);
    } else {
        write_json(&real, out);
    }
}

fn write_text(text: &[u8], out: &mut Vec<u8>) {
    // Most strings need no escapes. This loop over all bytes can be vectorized.
    let escapes = text.iter().fold(false, |found, byte| found | (*byte < b' ') | (*byte == b'"') | (*byte == b'\\'));
    match std::str::from_utf8(text) {
        Ok(_) if !escapes => {
            out.reserve(text.len() + 2);
            out.push(b'"');
            out.extend_from_slice(text);
            out.push(b'"');
        }
        Ok(text) => write_json(text, out),
        Err(_) => write_json(String::from_utf8_lossy(text).as_ref(), out),
    }
}

fn write_json<T: serde::Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) {
    let start = out.len();
    // Cannot fail for numbers and strings. If it did, the row would still be valid JSON.
    if serde_json::to_writer(&mut *out, value).is_err() {
        out.truncate(start);
        out.extend_from_slice(b"null");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(value: ValueRef<'_>) -> String {
        let mut out = Vec::new();
        write_value(value, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn numbers_are_written_as_in_javascript() {
        for (real, expected) in [
            (3.0, "3"),
            (-0.0, "0"),
            (0.1, "0.1"),
            (3.5, "3.5"),
            (9_007_199_254_740_992.0, "9007199254740992"),
            (f64::NAN, "null"),
            (f64::INFINITY, "null"),
        ] {
            assert_eq!(written(ValueRef::Real(real)), expected);
        }
        assert_eq!(written(ValueRef::Integer(i64::MIN)), "-9223372036854775808");
        let large: f64 = serde_json::from_str(&written(ValueRef::Real(1.5e300))).unwrap();
        assert_eq!(large, 1.5e300);
    }

    #[test]
    fn any_text_is_written_as_valid_json() {
        for text in ["", "rex", "a\"b", "a\\b", "a\nb\u{0}", "é\u{1F980}", "\u{7f}"] {
            assert_eq!(serde_json::from_str::<String>(&written(ValueRef::Text(text.as_bytes()))).unwrap(), text);
        }
        assert_eq!(written(ValueRef::Text(b"a\xffb")), "\"a\u{FFFD}b\"");
    }
}
