//! Checks values against the declared types of a table created with `attributes`. These are the host's rules, so that
//! the first pass finds everything the host would refuse. A value keeps its JSON; nothing is converted.

use jobhost_load::{AttributeType, ValueError};

use crate::scan::Kind;

/// Number of characters of a value that a message quotes.
const QUOTED_CHARACTERS: usize = 200;

/// Checks one value; `value` is its JSON. Null fits every type.
pub(crate) fn check(declared: AttributeType, attribute: &str, kind: Kind, value: &[u8]) -> Result<(), ValueError> {
    use AttributeType as Type;
    let fits = match (declared, kind) {
        (_, Kind::Null) | (Type::Any, _) => true,
        (Type::String | Type::Id, Kind::String { .. }) => true,
        (Type::Id, Kind::Array) => serde_json::from_slice::<Vec<String>>(value).is_ok_and(|list| !list.is_empty()),
        (Type::Float | Type::Date, Kind::Number) => true,
        (Type::Boolean, Kind::True | Kind::False) => true,
        (Type::Int | Type::Long, Kind::Number) if is_whole(value) => return in_bounds(declared, attribute, value),
        (Type::BigInt, Kind::Number) => is_whole(value),
        (Type::BigInt, Kind::String { .. }) => is_digits(value),
        (Type::Date, Kind::String { .. }) => serde_json::from_slice::<String>(value).is_ok_and(|text| is_date(&text)),
        _ => false,
    };
    if fits { Ok(()) } else { Err(mismatch(declared, attribute, value)) }
}

#[cold]
fn mismatch(declared: AttributeType, attribute: &str, value: &[u8]) -> ValueError {
    let (attribute, value) = (attribute.to_owned(), shown(value));
    match declared {
        AttributeType::Boolean => ValueError::Boolean { attribute, value },
        AttributeType::String => ValueError::String { attribute, value },
        AttributeType::Id => ValueError::Id { attribute, value },
        other => ValueError::Type { attribute, value, expecting: other.name() },
    }
}

fn in_bounds(declared: AttributeType, attribute: &str, value: &[u8]) -> Result<(), ValueError> {
    match (declared.integer_bounds(), number(value)) {
        (Some((least, most)), Some(number)) if number < least as f64 || number > most as f64 => {
            Err(ValueError::Range { attribute: attribute.to_owned(), value: shown(value), least, most })
        }
        _ => Ok(()),
    }
}

/// Follows JavaScript: 1.0 and 1e3 are whole numbers.
fn is_whole(value: &[u8]) -> bool {
    number(value).is_some_and(|number| number.fract() == 0.0)
}

fn number(value: &[u8]) -> Option<f64> {
    std::str::from_utf8(value).ok()?.parse().ok()
}

/// Returns true for a string of decimal digits with an optional minus sign.
fn is_digits(value: &[u8]) -> bool {
    let digits = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or_default();
    let digits = digits.strip_prefix(b"-").unwrap_or(digits);
    !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
}

/// Returns true for `YYYY`, `YYYY-MM` or `YYYY-MM-DD` with an optional time. The text is stored unchanged.
fn is_date(text: &str) -> bool {
    let mut rest = text.as_bytes();
    for (digits, separator) in [(4, b'-'), (2, b'-'), (2, b'T')] {
        let Some((number, tail)) = rest.split_at_checked(digits) else { return false };
        if !number.iter().all(u8::is_ascii_digit) {
            return false;
        }
        match tail.split_first() {
            None => return true,
            Some((next, tail)) if *next == separator || (separator == b'T' && *next == b' ') => rest = tail,
            Some(_) => return false,
        }
    }
    rest.len() >= 4 && rest.iter().all(|byte| byte.is_ascii_digit() || b":.+-Z ".contains(byte))
}

/// Returns the start of a value for a message.
fn shown(value: &[u8]) -> String {
    let text = String::from_utf8_lossy(value);
    match text.char_indices().nth(QUOTED_CHARACTERS) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::Scanner;

    fn checked(declared: AttributeType, value: &str) -> Result<(), String> {
        let padded = format!("{value}{}", "\0".repeat(16));
        let kind = Scanner::new(padded.as_bytes(), 0, value.len()).value(32).unwrap();
        check(declared, "x", kind, value.as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn values_that_fit() {
        use AttributeType::*;
        for (declared, value) in [
            (Int, "1"),
            (Int, "-2147483648"),
            (Int, "1.0"),
            (Int, "null"),
            (Long, "9007199254740992"),
            (Float, "1.5e3"),
            (Boolean, "false"),
            (String, "\"\""),
            (Id, "\"a\""),
            (Id, "[\"a\"]"),
            (Date, "\"2021-01-02T03:04:05.000Z\""),
            (Date, "\"2021-01-02\""),
            (Date, "1"),
            (BigInt, "12345678901234567890"),
            (BigInt, "\"123\""),
            (Any, "{}"),
        ] {
            assert_eq!(checked(declared, value), Ok(()), "{declared:?} {value}");
        }
    }

    #[test]
    fn values_that_do_not_fit() {
        use AttributeType::*;
        for (declared, value, sentence) in [
            (Int, "\"abc\"", "Invalid value for attribute x: \"abc\", expecting Int"),
            (Int, "1.5", "Invalid value for attribute x: 1.5, expecting Int"),
            (Int, "2147483648", "Value 2147483648 in property x must be an integer (from -2147483648 to 2147483647)"),
            (Long, "true", "Invalid value for attribute x: true, expecting Long"),
            (Float, "\"1\"", "Invalid value for attribute x: \"1\", expecting Float"),
            (Boolean, "\"yes\"", "Value \"yes\" in property x must be a boolean"),
            (String, "1", "Value 1 in property x must be a string"),
            (Date, "\"soon\"", "Invalid value for attribute x: \"soon\", expecting Date"),
            (BigInt, "\"1x\"", "Invalid value for attribute x: \"1x\", expecting BigInt"),
            (Id, "[1]", "Value [1] in property x must be a string, or an array of strings"),
            (Id, "[]", "Value [] in property x must be a string, or an array of strings"),
        ] {
            assert_eq!(checked(declared, value), Err(sentence.to_owned()), "{declared:?} {value}");
        }
    }

    #[test]
    fn a_message_quotes_only_the_start_of_a_value() {
        let sentence = checked(AttributeType::Int, &format!("\"{}\"", "é".repeat(1000))).unwrap_err();
        assert!(sentence.chars().count() < 300 && sentence.contains('…'), "{sentence}");
    }
}
