//! Checks JSON values against the declared types of attributes. The error messages are Harper's.

use crate::AttributeType;

/// Maximum number of characters of a value that a message quotes.
const QUOTED_CHARACTERS: usize = 200;

/// The type of a JSON value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JsonType {
    /// null.
    Null,
    /// true or false.
    Boolean,
    /// A number.
    Number,
    /// A string.
    String,
    /// An array.
    Array,
    /// An object.
    Object,
}

/// Checks one value; `json` is its text. Null fits every type.
pub fn check(declared: AttributeType, attribute: &str, of: JsonType, json: &[u8]) -> Result<(), ValueError> {
    use AttributeType as Type;
    let fits = match (declared, of) {
        (_, JsonType::Null) | (Type::Any, _) => true,
        (Type::String | Type::Id, JsonType::String) => true,
        (Type::Id, JsonType::Array) => serde_json::from_slice::<Vec<String>>(json).is_ok_and(|list| !list.is_empty()),
        (Type::Float | Type::Date, JsonType::Number) => true,
        (Type::Boolean, JsonType::Boolean) => true,
        (Type::Int | Type::Long, JsonType::Number) if is_whole(json) => return in_bounds(declared, attribute, json),
        (Type::BigInt, JsonType::Number) => is_whole(json),
        (Type::BigInt, JsonType::String) => is_digits(json),
        (Type::Date, JsonType::String) => serde_json::from_slice::<String>(json).is_ok_and(|text| is_date(&text)),
        _ => false,
    };
    if fits { Ok(()) } else { Err(ValueError::mismatch(declared, attribute, shown(json))) }
}

fn in_bounds(declared: AttributeType, attribute: &str, json: &[u8]) -> Result<(), ValueError> {
    match (declared.integer_bounds(), number(json)) {
        (Some((least, most)), Some(number)) if number < least as f64 || number > most as f64 => {
            Err(ValueError::Range { attribute: attribute.to_owned(), value: shown(json), least, most })
        }
        _ => Ok(()),
    }
}

/// Follows JavaScript: 1.0 and 1e3 are whole numbers.
fn is_whole(json: &[u8]) -> bool {
    number(json).is_some_and(|number| number.fract() == 0.0)
}

fn number(json: &[u8]) -> Option<f64> {
    std::str::from_utf8(json).ok()?.parse().ok()
}

/// Returns true for a string of decimal digits with an optional minus sign.
fn is_digits(json: &[u8]) -> bool {
    let digits = json.trim_ascii().strip_prefix(b"\"").and_then(|json| json.strip_suffix(b"\"")).unwrap_or_default();
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
fn shown(json: &[u8]) -> String {
    let text = String::from_utf8_lossy(json);
    match text.char_indices().nth(QUOTED_CHARACTERS) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.into_owned(),
    }
}

/// A value that does not fit the type of its attribute. `value` is shown as written; strings keep their quotes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant says what its fields are")]
pub enum ValueError {
    #[error("Invalid value for attribute {attribute}: {value}, expecting {expecting}")]
    Type { attribute: String, value: String, expecting: &'static str },
    #[error("Value {value} in property {attribute} must be a boolean")]
    Boolean { attribute: String, value: String },
    #[error("Value {value} in property {attribute} must be a string")]
    String { attribute: String, value: String },
    #[error("Value {value} in property {attribute} must be a string, or an array of strings")]
    Id { attribute: String, value: String },
    #[error("Value {value} in property {attribute} must be an integer (from {least} to {most})")]
    Range { attribute: String, value: String, least: i64, most: i64 },
}

impl ValueError {
    /// The error for a value of another type than the declared one.
    pub fn mismatch(declared: AttributeType, attribute: &str, value: String) -> Self {
        let attribute = attribute.to_owned();
        match declared {
            AttributeType::Boolean => ValueError::Boolean { attribute, value },
            AttributeType::String => ValueError::String { attribute, value },
            AttributeType::Id => ValueError::Id { attribute, value },
            other => ValueError::Type { attribute, value, expecting: other.name() },
        }
    }

    /// The name of the attribute.
    pub fn attribute(&self) -> &str {
        match self {
            ValueError::Type { attribute, .. }
            | ValueError::Boolean { attribute, .. }
            | ValueError::String { attribute, .. }
            | ValueError::Id { attribute, .. }
            | ValueError::Range { attribute, .. } => attribute,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_quotes_a_limited_number_of_characters_of_a_value() {
        let of = |count: usize| {
            check(AttributeType::Boolean, "x", JsonType::Array, "é".repeat(count).as_bytes()).unwrap_err().to_string()
        };
        assert!(of(200).contains(&format!("Value {} in", "é".repeat(200))), "{}", of(200));
        assert!(of(201).contains(&format!("Value {}… in", "é".repeat(200))), "{}", of(201));
    }

    fn checked(declared: AttributeType, json: &str) -> Result<(), String> {
        let of = match json.as_bytes()[0] {
            b'n' => JsonType::Null,
            b't' | b'f' => JsonType::Boolean,
            b'"' => JsonType::String,
            b'[' => JsonType::Array,
            b'{' => JsonType::Object,
            _ => JsonType::Number,
        };
        check(declared, "x", of, json.as_bytes()).map_err(|error| error.to_string())
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
