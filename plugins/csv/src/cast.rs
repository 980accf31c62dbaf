//! What a cell of an untyped column is. Quoting makes no difference. The order of the questions is Harper's: a fixed set
//! of words, then numbers, then date-times, then JSON; everything else is text.

use std::ops::Range;

use jobhost_batch::{BLOCK, Block, JsonWriter};
use jobhost_load::json_text;

use crate::{date, number};

/// A plus and more digits than a quantity would have it before is a telephone number, which needs its plus.
const PHONE_BYTES: usize = 7;

/// The value of a cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value {
    /// The text as it stands.
    Text,
    Null,
    Boolean(bool),
    /// A number that JSON writes as the cell does.
    Digits,
    Number(f64),
    /// A number that JSON writes as the cell does and a double does not hold: the digits stay.
    Exact,
    /// A date-time in UTC as `toISOString` writes it, but that it may lack the milliseconds.
    PlainDate,
    /// An instant in milliseconds since the Unix epoch.
    Date(i64),
    /// Begins and ends like a JSON object or array, and may be one.
    MaybeJson,
}

/// What `cell` is, JSON left out of account.
#[inline]
pub fn cast(cell: &[u8]) -> Value {
    let Some(&first) = cell.first() else { return Value::Text };
    match first {
        b'0'..=b'9' | b'-' => {
            if cell.len() >= date::PLAIN_BYTES && date::is_plain_utc(cell) {
                Value::PlainDate
            } else if number::is_canonical(cell) {
                Value::Digits
            } else {
                number_or_date(cell)
            }
        }
        b'+' if cell.len() > PHONE_BYTES => Value::Text,
        b'+' | b'.' | b'\t'..=b'\r' | b' ' | 0xc2 | 0xe1..=0xe3 | 0xef => number_or_date(cell),
        b't' | b'f' | b'T' | b'F' | b'n' | b'N' | b'u' => word(cell),
        _ => Value::Text,
    }
}

/// As `cast`, and tells cells that may be JSON.
#[inline]
pub fn cast_with_json(cell: &[u8]) -> Value {
    if json_text::looks_like_json(cell) { Value::MaybeJson } else { cast(cell) }
}

fn word(cell: &[u8]) -> Value {
    match cell {
        b"true" | b"TRUE" => Value::Boolean(true),
        b"false" | b"FALSE" => Value::Boolean(false),
        // JSON has no NaN; it becomes null, as in `JSON.stringify`.
        b"null" | b"NULL" | b"undefined" | b"NaN" => Value::Null,
        _ => Value::Text,
    }
}

fn number_or_date(cell: &[u8]) -> Value {
    let begins_0_point = cell.starts_with(b"0.");
    // Leading zeros and exponents mark codes, not quantities: they stay text.
    let leading_zero = cell.len() > 1 && cell.starts_with(b"0");
    let may_be_number = begins_0_point || !(leading_zero || memchr::memchr2(b'e', b'E', cell).is_some());
    if may_be_number {
        if let Some(number) = number::to_number(cell) {
            return if number::needs_all_digits(cell) { Value::Exact } else { Value::Number(number) };
        }
    }
    date::with_zone(cell).map_or(Value::Text, Value::Date)
}

/// How the first byte of a cell decides where to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    /// Nothing but text begins so.
    Text,
    /// A digit or a minus sign.
    Digit,
    Other,
}

#[allow(clippy::indexing_slicing, reason = "evaluated when it is compiled")]
const CLASSES: [Class; 256] = {
    let mut classes = [Class::Text; 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = match byte as u8 {
            b'0'..=b'9' | b'-' => Class::Digit,
            b'+' | b'.' | b'\t'..=b'\r' | b' ' | 0xc2 | 0xe1..=0xe3 | 0xef => Class::Other,
            b't' | b'f' | b'T' | b'F' | b'n' | b'N' | b'u' | b'{' | b'[' => Class::Other,
            _ => Class::Text,
        };
        byte += 1;
    }
    classes
};

/// Write the value of the cell `source[range]` as JSON. What most cells are, short texts and plain numbers, is told from
/// one block, without a loop; everything else goes the general way.
#[inline(always)]
pub(crate) fn write(json: &mut JsonWriter<'_>, source: &[u8], range: Range<usize>, parse_json: bool) {
    let cell = source.get(range.clone()).unwrap_or_default();
    let length = cell.len();
    let block = Block::at(source, range.start);
    let class = match cell.first() {
        None => Class::Text,
        Some(&first) => CLASSES.get(usize::from(first)).copied().unwrap_or(Class::Other),
    };
    match class {
        Class::Text if length > BLOCK || !json.short_string(block, length) => json.string(source, range),
        Class::Text => {}
        Class::Digit if length <= BLOCK && number::is_canonical_block(cell, block) => json.block(block, length),
        Class::Digit | Class::Other => json.outline(|json| write_other(json, source, range, parse_json)),
    }
}

fn write_other(json: &mut JsonWriter<'_>, source: &[u8], range: Range<usize>, parse_json: bool) {
    let cell = source.get(range.clone()).unwrap_or_default();
    let value = if parse_json { cast_with_json(cell) } else { cast(cell) };
    match value {
        Value::Text => json.string(source, range),
        Value::Digits | Value::Exact => json.raw(source, range),
        Value::Null => json.null(),
        Value::Boolean(value) => json.boolean(value),
        Value::Number(number) => json.number(number),
        Value::PlainDate => date::write_plain_utc(json, source, range),
        Value::Date(instant) => date::write(json, instant),
        Value::MaybeJson => {
            if !json_text::write(json, cell) {
                json.string(source, range);
            }
        }
    }
}
