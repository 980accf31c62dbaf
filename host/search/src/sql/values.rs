//! Converts values between records and SQLite.
//!
//! A number is an integer if it fits 64 bits exactly, otherwise a double. A string is text. Null and missing values are
//! NULL. True, false, objects and arrays are blobs that hold their JSON text, so that sorting and grouping preserve
//! them. There are no other blobs, so a blob is always JSON.

use std::borrow::Cow;

use rusqlite::types::ValueRef;

/// A boolean: its JSON text and its SQL literal.
pub(super) struct Boolean {
    pub json: &'static [u8],
    pub literal: &'static str,
}

pub(super) const TRUE: Boolean = Boolean { json: b"true", literal: "x'74727565'" };
pub(super) const FALSE: Boolean = Boolean { json: b"false", literal: "x'66616c7365'" };

pub(super) fn boolean(is_true: bool) -> &'static [u8] {
    if is_true { TRUE.json } else { FALSE.json }
}

/// A value for SQLite. Text is owned only if its JSON has escapes.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Stored<'r> {
    Null,
    Integer(i64),
    Real(f64),
    Text(Cow<'r, str>),
    Json(&'r [u8]),
}

impl<'r> Stored<'r> {
    /// Converts the JSON text of a value. The store has validated it.
    pub fn read(json: &'r str) -> Self {
        match json.as_bytes().first() {
            Some(b'"') => match text_of(json) {
                Some(text) => Stored::Text(text),
                None => Stored::Null,
            },
            Some(b'-' | b'0'..=b'9') => match json.parse::<i64>() {
                Ok(integer) => Stored::Integer(integer),
                Err(_) => json.parse().map_or(Stored::Null, Stored::Real),
            },
            Some(b'n') | None => Stored::Null,
            Some(_) => Stored::Json(json.as_bytes()),
        }
    }

    pub fn as_sqlite(&self) -> ValueRef<'_> {
        match self {
            Stored::Null => ValueRef::Null,
            Stored::Integer(integer) => ValueRef::Integer(*integer),
            Stored::Real(real) => ValueRef::Real(*real),
            Stored::Text(text) => ValueRef::Text(text.as_bytes()),
            Stored::Json(json) => ValueRef::Blob(json),
        }
    }
}

/// Returns the content of a JSON string.
fn text_of(json: &str) -> Option<Cow<'_, str>> {
    let inner = json.get(1..json.len().checked_sub(1)?)?;
    if memchr::memchr(b'\\', inner.as_bytes()).is_none() {
        return Some(Cow::Borrowed(inner));
    }
    serde_json::from_str::<String>(json).ok().map(Cow::Owned)
}

/// Returns the truth of a value in a condition, as in JavaScript; `None` for NULL.
pub(super) fn truth(value: ValueRef<'_>) -> Option<bool> {
    match value {
        ValueRef::Null => None,
        ValueRef::Integer(integer) => Some(integer != 0),
        ValueRef::Real(real) => Some(real != 0.0),
        ValueRef::Text(text) => Some(!text.is_empty()),
        ValueRef::Blob(json) => Some(json != FALSE.json),
    }
}

/// Maximum number of digits with which a double is exact.
const EXACT_DIGITS: usize = 15;

/// Returns whether a text spells a number: digits with an optional sign and fraction. A text with a leading zero is a
/// code, not a number.
pub(super) fn spells_number(text: &str) -> bool {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
    let are_digits = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let exact = text.parse::<i64>().is_ok() || unsigned.len() <= EXACT_DIGITS;
    are_digits(whole) && are_digits(fraction) && (whole == "0" || !whole.starts_with('0')) && exact
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_keep_their_type() {
        for (json, expected) in [
            ("null", Stored::Null),
            ("0", Stored::Integer(0)),
            ("-0", Stored::Integer(0)),
            ("9223372036854775807", Stored::Integer(i64::MAX)),
            ("9223372036854775808", Stored::Real(9_223_372_036_854_775_808.0)),
            ("1.5e3", Stored::Real(1500.0)),
            ("\"\"", Stored::Text("".into())),
            ("\"a\\u0062\\n\"", Stored::Text("ab\n".into())),
            ("true", Stored::Json(b"true")),
            ("[1, 2]", Stored::Json(b"[1, 2]")),
            ("{}", Stored::Json(b"{}")),
        ] {
            assert_eq!(Stored::read(json), expected, "{json}");
        }
    }

    #[test]
    fn boolean_literals_equal_their_json_texts() {
        for boolean in [TRUE, FALSE] {
            assert_eq!(boolean.literal, format!("x'{}'", hex::encode(boolean.json)));
        }
    }

    #[test]
    fn only_texts_in_the_form_of_a_number_spell_a_number() {
        for number in ["0", "7", "-7", "987654321", "9223372036854775807", "0.5", "12.50"] {
            assert!(spells_number(number), "{number}");
        }
        for other in
            ["", "-", "007", "011", "+7", "1e3", ".5", "5.", "1 ", "0x1", "9223372036854775808", "1.2.3", "--1"]
        {
            assert!(!spells_number(other), "{other}");
        }
    }
}
