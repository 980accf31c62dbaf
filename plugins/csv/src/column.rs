//! Typed columns, of tables that were created with attributes: a cell either fits its type or stops the load.

use std::ops::Range;

use jobhost_batch::{BLOCK, Block, JsonWriter};
use jobhost_load::{AttributeType, ValueError};

use crate::{cast, date, number};

/// The longest part of a value that an error message repeats, in characters.
const SHOWN_CHARACTERS: usize = 200;
/// Every number of so many digits is an Int.
const INT_DIGITS: usize = 9;

/// True if a cell of this type can stop a load.
pub(crate) fn can_fail(kind: AttributeType) -> bool {
    !matches!(kind, AttributeType::Any | AttributeType::String | AttributeType::Id)
}

/// Write the cell `source[range]` of the column `attribute` as JSON. `parse_json` concerns `Any` alone.
#[inline(always)]
pub(crate) fn write(
    kind: AttributeType,
    json: &mut JsonWriter<'_>,
    attribute: &str,
    source: &[u8],
    range: Range<usize>,
    parse_json: bool,
) -> Result<(), ValueError> {
    if kind == AttributeType::Any {
        cast::write(json, source, range, parse_json);
        return Ok(());
    }
    json.outline(|json| write_typed(kind, json, attribute, source, range))
}

/// Whether the cell `source[range]` is in the usual form of its type, which is valid and needs no conversion. False says
/// nothing.
#[inline]
pub(crate) fn is_usual(kind: AttributeType, source: &[u8], range: Range<usize>) -> bool {
    let cell = source.get(range.clone()).unwrap_or_default();
    let is_integer = |most_digits: usize| {
        (1..=BLOCK).contains(&cell.len())
            && number::is_canonical_integer(cell, Block::at(source, range.start), most_digits)
    };
    match kind {
        AttributeType::Int => is_integer(INT_DIGITS),
        AttributeType::Long | AttributeType::BigInt => is_integer(number::SAFE_DIGITS),
        AttributeType::Float => {
            (1..=BLOCK).contains(&cell.len()) && number::is_canonical_block(cell, Block::at(source, range.start))
        }
        AttributeType::Boolean => matches!(cell, b"true" | b"false"),
        AttributeType::Date => date::is_plain_utc(cell),
        AttributeType::Any | AttributeType::String | AttributeType::Id => false,
    }
}

/// Whether the cell `source[range]` is valid for its type, as far as that is seen without parsing it. False says nothing.
#[inline]
pub(crate) fn is_plainly_valid(kind: AttributeType, source: &[u8], range: Range<usize>) -> bool {
    match kind {
        AttributeType::Float => {
            let cell = source.get(range.clone()).unwrap_or_default();
            (1..=BLOCK).contains(&cell.len()) && number::is_decimal(cell, Block::at(source, range.start))
        }
        _ => is_usual(kind, source, range),
    }
}

fn write_typed(
    kind: AttributeType,
    json: &mut JsonWriter<'_>,
    attribute: &str,
    source: &[u8],
    range: Range<usize>,
) -> Result<(), ValueError> {
    let cell = source.get(range.clone()).unwrap_or_default();
    if is_usual(kind, source, range.clone()) {
        match kind {
            AttributeType::Boolean => json.boolean(cell.starts_with(b"t")),
            AttributeType::Date => date::write_plain_utc(json, source, range),
            _ => json.block(Block::at(source, range.start), range.len()),
        }
        return Ok(());
    }
    match kind {
        AttributeType::String => json.string(source, range),
        _ if cell.is_empty() => json.null(),
        AttributeType::Id => json.string(source, range),
        AttributeType::Boolean if cell.eq_ignore_ascii_case(b"true") => json.boolean(true),
        AttributeType::Boolean if cell.eq_ignore_ascii_case(b"false") => json.boolean(false),
        AttributeType::Boolean => {
            return Err(ValueError::Boolean { attribute: attribute.to_owned(), value: quoted(cell) });
        }
        _ if cell == b"null" => json.null(),
        AttributeType::Int | AttributeType::Long => write_integer(kind, json, attribute, cell)?,
        AttributeType::BigInt => match big_integer(cell) {
            Some(digits) => json.raw(digits.as_bytes(), 0..digits.len()),
            None => return Err(mismatch(kind, attribute, cell)),
        },
        AttributeType::Date => match instant(cell) {
            Some(instant) => date::write(json, instant),
            None => return Err(mismatch(kind, attribute, cell)),
        },
        AttributeType::Float | AttributeType::Any => match number::to_number(cell) {
            _ if number::is_canonical(cell) => json.raw(cell, 0..cell.len()),
            Some(number) => json.number(number),
            None => return Err(mismatch(kind, attribute, cell)),
        },
    }
    Ok(())
}

fn write_integer(
    kind: AttributeType,
    json: &mut JsonWriter<'_>,
    attribute: &str,
    cell: &[u8],
) -> Result<(), ValueError> {
    let number = match cell {
        [b'$', digits @ ..] => number::radix(digits, 36),
        _ if cell.strip_prefix(b"-").unwrap_or(cell).iter().all(u8::is_ascii_digit) => number::to_number(cell),
        _ => None,
    };
    let Some(number) = number else {
        return Err(mismatch(kind, attribute, cell));
    };
    if let Some((least, most)) = kind.integer_bounds() {
        if number < least as f64 || number > most as f64 {
            let value = shown(cell);
            return Err(ValueError::Range { attribute: attribute.to_owned(), value, least, most });
        }
    }
    json.number(number);
    Ok(())
}

/// The error for a cell that is not a JSON text.
#[cold]
pub(crate) fn not_json(attribute: &str, cell: &[u8]) -> ValueError {
    ValueError::Type { attribute: attribute.to_owned(), value: quoted(cell), expecting: "JSON" }
}

#[cold]
fn mismatch(kind: AttributeType, attribute: &str, cell: &[u8]) -> ValueError {
    ValueError::Type { attribute: attribute.to_owned(), value: quoted(cell), expecting: kind.name() }
}

fn quoted(cell: &[u8]) -> String {
    format!("\"{}\"", shown(cell))
}

fn shown(cell: &[u8]) -> String {
    String::from_utf8_lossy(cell).chars().take(SHOWN_CHARACTERS).collect()
}

/// The digits of an integer of any size, as JSON writes them.
fn big_integer(cell: &[u8]) -> Option<String> {
    let text = number::trim(std::str::from_utf8(cell).ok()?);
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(match digits.trim_start_matches('0') {
        "" => "0".to_owned(),
        digits => format!("{sign}{digits}"),
    })
}

/// A number is milliseconds since the epoch, anything else a date.
fn instant(cell: &[u8]) -> Option<i64> {
    match number::to_number(cell) {
        // A year alone is a number too; Harper takes it for milliseconds.
        Some(number) => (number.abs() <= date::MOST as f64).then_some(number as i64),
        None => date::lenient(cell),
    }
}

#[cfg(test)]
mod tests {
    use jobhost_batch::JsonBuffer;

    use super::*;

    fn written(column: AttributeType, cell: &str) -> Result<String, String> {
        let mut buffer = JsonBuffer::default();
        let mut writer = buffer.room(cell.len() * 6 + 32);
        write(column, &mut writer, "x", cell.as_bytes(), 0..cell.len(), false).map_err(|error| error.to_string())?;
        let count = writer.position();
        assert!(buffer.commit(count));
        Ok(String::from_utf8(buffer.as_bytes().to_vec()).unwrap())
    }

    #[test]
    fn cells_that_fit() {
        use AttributeType::*;
        let cases = [
            (Int, "5", "5"),
            (Int, "-007", "-7"),
            (Int, "$zz", "1295"),
            (Int, "null", "null"),
            (Int, "", "null"),
            (Long, "9007199254740991", "9007199254740991"),
            (Float, "1.50", "1.5"),
            (Float, "1e5", "100000"),
            (Float, "null", "null"),
            (Boolean, "FALSE", "false"),
            (Boolean, "True", "true"),
            (Boolean, "", "null"),
            (String, "007", "\"007\""),
            (String, "", "\"\""),
            (String, "true", "\"true\""),
            (String, "null", "\"null\""),
            (Id, "1", "\"1\""),
            (Id, "", "null"),
            (Date, "2021-01-02T03:04:05Z", "\"2021-01-02T03:04:05.000Z\""),
            (Date, "2021-01-02T03:04:05", "\"2021-01-02T03:04:05.000Z\""),
            (Date, "1600000000000", "\"2020-09-13T12:26:40.000Z\""),
            (Date, "null", "null"),
            (Any, "7", "7"),
            (Any, "x", "\"x\""),
            (BigInt, "123456789012345678901", "123456789012345678901"),
            (BigInt, "-007", "-7"),
            (BigInt, "-0", "0"),
        ];
        for (column, cell, json) in cases {
            assert_eq!(written(column, cell).as_deref(), Ok(json), "{column:?} {cell:?}");
        }
    }

    #[test]
    fn cells_that_do_not_fit() {
        use AttributeType::*;
        let cases = [
            (Int, "abc", "Invalid value for attribute x: \"abc\", expecting Int"),
            (Int, "1.5", "Invalid value for attribute x: \"1.5\", expecting Int"),
            (Int, "-", "Invalid value for attribute x: \"-\", expecting Int"),
            (Int, "3000000000", "Value 3000000000 in property x must be an integer (from -2147483648 to 2147483647)"),
            (Long, "1e5", "Invalid value for attribute x: \"1e5\", expecting Long"),
            (Float, "NaN", "Invalid value for attribute x: \"NaN\", expecting Float"),
            (Boolean, "yes", "Value \"yes\" in property x must be a boolean"),
            (Boolean, "null", "Value \"null\" in property x must be a boolean"),
            (Date, "soon", "Invalid value for attribute x: \"soon\", expecting Date"),
            (BigInt, "1.5", "Invalid value for attribute x: \"1.5\", expecting BigInt"),
        ];
        for (column, cell, message) in cases {
            assert_eq!(written(column, cell), Err(message.to_owned()), "{column:?} {cell:?}");
        }
    }
}
