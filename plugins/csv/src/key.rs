//! Primary keys: which cells can be one.

use std::ops::Range;

use jobhost_batch::{BLOCK, Block, JsonBuffer, JsonWriter};
use jobhost_load::{AttributeType, KeyError, MAX_KEY_BYTES};

use crate::cast::{Value, cast};
use crate::number;

/// What the cell of the primary key is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Key {
    /// The host gives one.
    Absent,
    Text,
    Digits,
    Number(f64),
}

/// True if the cell `source[range]` is a plain number, as most keys are. False says nothing.
#[inline(always)]
pub(crate) fn is_plain(source: &[u8], range: Range<usize>, column: AttributeType) -> bool {
    let start = range.start;
    let cell = source.get(range).unwrap_or_default();
    column == AttributeType::Any
        && (1..=BLOCK).contains(&cell.len())
        && number::is_canonical_block(cell, Block::at(source, start))
}

/// Decide what key a cell is. A number is a key only if it is written back just as the cell has it, and a date stays the text
/// that it is: two cells with different texts must never become one key. JSON is never parsed; an empty cell is no key.
#[inline(never)]
pub(crate) fn key(cell: &[u8], column: AttributeType) -> Result<Key, KeyError> {
    if cell.is_empty() {
        return Ok(Key::Absent);
    }
    if matches!(column, AttributeType::String | AttributeType::Id) {
        return text(cell);
    }
    match cast(cell) {
        Value::Digits => Ok(Key::Digits),
        Value::Text | Value::MaybeJson => text(cell),
        Value::Null => Ok(Key::Absent),
        Value::Boolean(_) => Err(KeyError::Type("boolean")),
        Value::Number(number) if is_written(cell, number) => Ok(Key::Number(number)),
        Value::Exact => match number::to_number(cell).filter(|number| is_written(cell, *number)) {
            Some(number) => Ok(Key::Number(number)),
            None => text(cell),
        },
        Value::Number(_) | Value::PlainDate | Value::Date(_) => text(cell),
    }
}

/// Checks a key that is a JSON text; false for null. Whether it is valid JSON is found when it is written.
pub(crate) fn json_key(cell: &[u8]) -> Result<bool, KeyError> {
    match cell.first() {
        Some(b'n') => Ok(false),
        Some(b't' | b'f') => Err(KeyError::Type("boolean")),
        Some(b'{' | b'[') => Err(KeyError::Type("object")),
        Some(b'"') => match serde_json::from_slice::<String>(cell) {
            Ok(key) if key.len() > MAX_KEY_BYTES => Err(KeyError::TooLong(key.len())),
            _ => Ok(true),
        },
        _ => Ok(true),
    }
}

#[inline]
fn text(cell: &[u8]) -> Result<Key, KeyError> {
    // A byte that is not UTF-8 takes three as U+FFFD, so that only then the exact length has to be found.
    if cell.len() * 3 > MAX_KEY_BYTES {
        let length = String::from_utf8_lossy(cell).len();
        if length > MAX_KEY_BYTES {
            return Err(KeyError::TooLong(length));
        }
    }
    Ok(Key::Text)
}

/// Whether JSON has the number just as the cell has it.
fn is_written(cell: &[u8], number: f64) -> bool {
    let mut json = JsonBuffer::default();
    json.number(number);
    json.as_bytes() == cell
}

/// Write the key that `key` found in `source[range]`.
#[inline]
pub(crate) fn write(json: &mut JsonWriter<'_>, key: Key, source: &[u8], range: Range<usize>) {
    match key {
        Key::Absent => json.null(),
        Key::Text => json.string(source, range),
        Key::Digits => json.raw(source, range),
        Key::Number(number) => json.number(number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_numbers_and_texts() {
        let untyped = |cell: &str| key(cell.as_bytes(), AttributeType::Any);
        assert_eq!(untyped("1"), Ok(Key::Digits));
        assert_eq!(untyped("1.0"), Ok(Key::Text));
        assert_eq!(untyped("1.5"), Ok(Key::Digits));
        assert_eq!(untyped("+1"), Ok(Key::Text));
        assert_eq!(untyped(" 1"), Ok(Key::Text));
        assert_eq!(untyped("007"), Ok(Key::Text));
        assert_eq!(untyped("1e3"), Ok(Key::Text));
        assert_eq!(untyped("[1]"), Ok(Key::Text));
        assert_eq!(untyped("valueOf"), Ok(Key::Text));
        assert_eq!(untyped(""), Ok(Key::Absent));
        assert_eq!(untyped("null"), Ok(Key::Absent));
        assert_eq!(untyped("undefined"), Ok(Key::Absent));
        assert_eq!(untyped("true"), Err(KeyError::Type("boolean")));
        assert_eq!(untyped("2021-01-02T03:04:05Z"), Ok(Key::Text));
        assert_eq!(untyped(&"k".repeat(1978)), Ok(Key::Text));
        assert_eq!(untyped(&"k".repeat(2100)), Err(KeyError::TooLong(2100)));
    }

    #[test]
    fn big_integers_are_not_rounded_into_each_other() {
        let untyped = |cell: &str| key(cell.as_bytes(), AttributeType::Any);
        assert_eq!(untyped("9007199254740992"), Ok(Key::Number(9007199254740992.0)));
        assert_eq!(untyped("9007199254740993"), Ok(Key::Text));
    }

    #[test]
    fn text_columns_keep_their_text() {
        assert_eq!(key(b"1", AttributeType::Id), Ok(Key::Text));
        assert_eq!(key(b"true", AttributeType::String), Ok(Key::Text));
        assert_eq!(key(b"", AttributeType::Id), Ok(Key::Absent));
    }
}
