//! Strings that look like a JSON object or array. Valid ones are written as JSON instead of a string. White space
//! between tokens is removed because a record must be a single line; numbers keep their digits.

use jobhost_batch::JsonWriter;

/// Maximum nesting of such a string. The contract allows 32 levels, and the record itself is one of them.
const MAX_DEPTH: usize = 31;

/// Returns true if the text begins and ends like an object or array.
#[inline]
pub fn looks_like_json(text: &[u8]) -> bool {
    matches!(text, [b'{', .., b'}'] | [b'[', .., b']'])
}

/// Writes the text if it is JSON that an attribute can hold. Otherwise writes nothing and returns false. The output is
/// never longer than the text.
pub fn write(json: &mut JsonWriter<'_>, cell: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(cell) else {
        return false;
    };
    if depth(text) > MAX_DEPTH || serde_json::from_str::<serde_json::Value>(text).is_err() {
        return false;
    }
    write_compact(json, cell);
    true
}

/// Writes JSON text without the white space between its tokens.
pub fn write_compact(json: &mut JsonWriter<'_>, text: &[u8]) {
    let (mut quoted, mut escaped, mut from) = (false, false, 0);
    for (position, &byte) in text.iter().enumerate() {
        if quoted {
            quoted = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
        } else if byte == b'"' {
            quoted = true;
        } else if matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
            json.raw(text, from..position);
            from = position + 1;
        }
    }
    json.raw(text, from..text.len());
}

/// Returns the maximum nesting of a text, which need not be JSON.
fn depth(text: &str) -> usize {
    let (mut quoted, mut escaped, mut depth, mut deepest) = (false, false, 0usize, 0);
    for byte in text.bytes() {
        if quoted {
            quoted = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
            continue;
        }
        match byte {
            b'"' => quoted = true,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

#[cfg(test)]
mod tests {
    use jobhost_batch::JsonBuffer;

    use super::*;

    fn written(cell: &str) -> Option<String> {
        let mut buffer = JsonBuffer::default();
        let mut writer = buffer.room(cell.len());
        let is_json = write(&mut writer, cell.as_bytes());
        let count = writer.position();
        assert!(buffer.commit(count));
        is_json.then(|| String::from_utf8(buffer.as_bytes().to_vec()).unwrap())
    }

    #[test]
    fn json_is_written_without_white_space() {
        assert_eq!(written("{\"a\" : [1, 2.50 ,\n\"x \\\" y\"]}").as_deref(), Some("{\"a\":[1,2.50,\"x \\\" y\"]}"));
        assert_eq!(written("[12345678901234567890123]").as_deref(), Some("[12345678901234567890123]"));
    }

    #[test]
    fn invalid_json_is_refused() {
        for cell in ["{bad}", "[1,]", "{\"a\":\"\\ud800\"}", "[1] [2]"] {
            assert_eq!(written(cell), None, "{cell}");
        }
        assert!(written(&format!("{}{}", "[".repeat(31), "]".repeat(31))).is_some());
        assert!(written(&format!("{}{}", "[".repeat(32), "]".repeat(32))).is_none());
    }
}
