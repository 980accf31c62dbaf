//! Checks values against the declared types of a table created with `attributes`. The messages are Harper's.

use super::scan::Kind;
use jobhost_model::AttributeType;

/// Maximum number of characters of a value that a message quotes.
const QUOTED_CHARACTERS: usize = 200;

/// Checks one value. Null is valid for every type. `Err` holds the message for the client.
pub(super) fn check(declared: AttributeType, name: &str, kind: Kind, value: &[u8]) -> Result<(), String> {
    use AttributeType as Type;
    let fits = match (declared, kind) {
        (_, Kind::Null) | (Type::Any, _) => true,
        (Type::String | Type::ID, Kind::String { .. }) => true,
        (Type::ID, Kind::Array) => {
            serde_json::from_slice::<Vec<serde::de::IgnoredAny>>(value).is_ok_and(|list| !list.is_empty())
                && serde_json::from_slice::<Vec<String>>(value).is_ok()
        }
        (Type::Float, Kind::Number { .. }) => true,
        (Type::Boolean, Kind::True | Kind::False) => true,
        (Type::Int, Kind::Number { .. }) => return whole(name, value, "Int", -2_147_483_648.0, 2_147_483_647.0),
        (Type::Long, Kind::Number { .. }) => {
            return whole(name, value, "Long", -9_007_199_254_740_992.0, 9_007_199_254_740_992.0);
        }
        (Type::BigInt, Kind::Number { .. }) => is_whole(value),
        (Type::BigInt, Kind::String { .. }) => {
            let digits =
                value.trim_ascii().strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or_default();
            let digits = digits.strip_prefix(b"-").unwrap_or(digits);
            !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
        }
        (Type::Date, Kind::Number { .. }) => true,
        (Type::Date, Kind::String { .. }) => serde_json::from_slice::<String>(value).is_ok_and(|text| is_date(&text)),
        _ => false,
    };
    if fits { Ok(()) } else { Err(mismatch(declared, name, value)) }
}

fn mismatch(declared: AttributeType, name: &str, value: &[u8]) -> String {
    let value = shown(value);
    match declared {
        AttributeType::Boolean => format!("Value {value} in property {name} must be a boolean"),
        AttributeType::String => format!("Value {value} in property {name} must be a string"),
        AttributeType::ID => format!("Value {value} in property {name} must be a string, or an array of strings"),
        other => format!("Invalid value for attribute {name}: {value}, expecting {other:?}"),
    }
}

fn whole(name: &str, value: &[u8], expected: &str, least: f64, most: f64) -> Result<(), String> {
    if !is_whole(value) {
        return Err(format!("Invalid value for attribute {name}: {}, expecting {expected}", shown(value)));
    }
    if number(value).is_some_and(|number| number >= least && number <= most) {
        return Ok(());
    }
    Err(format!("Value {} in property {name} must be an integer (from {least} to {most})", shown(value)))
}

/// As in JavaScript, 1.0 and 1e3 are whole numbers.
fn is_whole(value: &[u8]) -> bool {
    number(value).is_some_and(|number| number.fract() == 0.0)
}

fn number(value: &[u8]) -> Option<f64> {
    std::str::from_utf8(value).ok()?.parse().ok()
}

/// Accepts `YYYY`, `YYYY-MM` and `YYYY-MM-DD`, optionally with a time. The text is stored unchanged.
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

/// Returns the start of a value, for a message.
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

    #[test]
    fn a_message_quotes_a_limited_number_of_characters_of_a_value() {
        let of =
            |count: usize| check(AttributeType::Boolean, "x", Kind::Array, "é".repeat(count).as_bytes()).unwrap_err();
        assert!(of(200).contains(&format!("Value {} in", "é".repeat(200))), "{}", of(200));
        assert!(of(201).contains(&format!("Value {}… in", "é".repeat(200))), "{}", of(201));
    }
}
