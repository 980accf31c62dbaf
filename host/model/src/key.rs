//! Primary keys: a number or a string, and their order-preserving binary encoding.
//!
//! Keys have the same order everywhere: numbers by value, then strings by their UTF-8 bytes, then UUIDs (strings of 36
//! characters in canonical lower case) by their value. UUIDs have a class of their own because 16 bytes instead of 36
//! halve the size of a table's index.
//!
//! Numbers are doubles, as in JavaScript: integers beyond 2^53 that round to the same double are the same key. The
//! record's text still keeps all digits. The binary encoding is stored on disk and must never change.

use serde_json::Value;

/// Maximum length of a string key in bytes of UTF-8, as in Harper.
pub const MAX_KEY_BYTES: usize = 1978;
/// Maximum length of an encoded key in bytes: a class byte and the string.
pub const MAX_ENCODED_BYTES: usize = 1 + MAX_KEY_BYTES;

const NUMBER: u8 = 0x10;
const STRING: u8 = 0x20;
const UUID: u8 = 0x30;
const UUID_TEXT_BYTES: usize = 36;

/// The primary key of a record.
#[derive(Debug, Clone, PartialEq)]
pub enum Key {
    /// A finite number, never -0.
    Number(f64),
    /// A string of at most [`MAX_KEY_BYTES`] bytes.
    String(Box<str>),
}

/// Why a value cannot be a primary key. The messages are Harper's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The value has this JSON type.
    #[error("Invalid primary key type: {0}")]
    Type(&'static str),
    /// The string has this many bytes.
    #[error("Primary key size is too large: {0}")]
    TooLarge(usize),
    /// The number is not finite. Cannot occur in JSON.
    #[error("Invalid primary key: the number is not finite")]
    NotFinite,
    /// The bytes are not a valid encoding of a key.
    #[error("the stored form of a primary key is damaged")]
    Damaged,
}

impl Key {
    /// Creates a number key. -0 becomes 0.
    pub fn number(value: f64) -> Result<Key, KeyError> {
        if !value.is_finite() {
            return Err(KeyError::NotFinite);
        }
        // Adding positive zero turns -0 into 0 and leaves all other values unchanged.
        Ok(Key::Number(value + 0.0))
    }

    /// Creates a string key.
    pub fn string(value: impl Into<Box<str>>) -> Result<Key, KeyError> {
        let value = value.into();
        if value.len() > MAX_KEY_BYTES { Err(KeyError::TooLarge(value.len())) } else { Ok(Key::String(value)) }
    }

    /// Converts a JSON value. Returns `None` for null, which counts as a missing key.
    pub fn from_json(value: &Value) -> Result<Option<Key>, KeyError> {
        match value {
            Value::Null => Ok(None),
            Value::Number(number) => Key::number(number.as_f64().unwrap_or(f64::NAN)).map(Some),
            Value::String(text) => Key::string(text.as_str()).map(Some),
            Value::Bool(_) => Err(KeyError::Type("boolean")),
            Value::Array(_) => Err(KeyError::Type("array")),
            Value::Object(_) => Err(KeyError::Type("object")),
        }
    }

    /// Converts the key to JSON. Integers are written without a fraction.
    pub fn to_json(&self) -> Value {
        match self {
            Key::Number(number) => number_to_json(*number),
            Key::String(text) => Value::String(text.to_string()),
        }
    }

    /// Appends the binary encoding. Encoded keys compare as bytes in key order.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Key::Number(number) => encode_number(*number, out),
            Key::String(text) => encode_string(text.as_bytes(), out),
        }
    }

    /// Decodes a binary encoding.
    pub fn decode(encoded: &[u8]) -> Result<Key, KeyError> {
        let (class, rest) = encoded.split_first().ok_or(KeyError::Damaged)?;
        match *class {
            NUMBER => {
                let bits = u64::from_be_bytes(rest.try_into().map_err(|_| KeyError::Damaged)?);
                let bits = if bits >> 63 == 1 { bits ^ (1 << 63) } else { !bits };
                Key::number(f64::from_bits(bits)).map_err(|_| KeyError::Damaged)
            }
            STRING => std::str::from_utf8(rest).map(|text| Key::String(text.into())).map_err(|_| KeyError::Damaged),
            UUID => {
                let bytes: [u8; 16] = rest.try_into().map_err(|_| KeyError::Damaged)?;
                Ok(Key::String(uuid::Uuid::from_bytes(bytes).hyphenated().to_string().into()))
            }
            _ => Err(KeyError::Damaged),
        }
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Key::Number(number) => write!(f, "{number}"),
            Key::String(text) => f.write_str(text),
        }
    }
}

fn number_to_json(number: f64) -> Value {
    // 2^53: above it, doubles cannot represent every integer, so writing all digits would suggest false precision.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() <= EXACT { Value::from(number as i64) } else { Value::from(number) }
}

/// Appends the encoding of a number key. `number` must be finite.
pub fn encode_number(number: f64, out: &mut Vec<u8>) {
    let bits = (number + 0.0).to_bits();
    let ordered = if bits >> 63 == 1 { !bits } else { bits ^ (1 << 63) };
    let [a, b, c, d, e, f, g, h] = ordered.to_be_bytes();
    out.extend_from_slice(&[NUMBER, a, b, c, d, e, f, g, h]);
}

/// Appends the encoding of a string key. `text` must be UTF-8 of at most `MAX_KEY_BYTES` bytes.
pub fn encode_string(text: &[u8], out: &mut Vec<u8>) {
    if let Some(packed) = pack_uuid(text) {
        out.push(UUID);
        out.extend_from_slice(&packed);
    } else {
        out.push(STRING);
        out.extend_from_slice(text);
    }
}

/// Returns the 16 bytes of a UUID in canonical lower case. Nothing else is packed, so decoding restores the exact text.
fn pack_uuid(text: &[u8]) -> Option<[u8; 16]> {
    let text: &[u8; UUID_TEXT_BYTES] = text.try_into().ok()?;
    let mut packed = [0u8; 16];
    let mut bytes = packed.iter_mut();
    let mut rest = text.as_slice();
    for (group, digits) in [8usize, 4, 4, 4, 12].into_iter().enumerate() {
        if group > 0 {
            rest = rest.strip_prefix(b"-")?;
        }
        let (hex, tail) = rest.split_at_checked(digits)?;
        for pair in hex.chunks_exact(2) {
            let &[high, low] = pair else { return None };
            *bytes.next()? = hex_value(high)? << 4 | hex_value(low)?;
        }
        rest = tail;
    }
    Some(packed)
}

fn hex_value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn encoded(value: Value) -> Vec<u8> {
        let mut out = Vec::new();
        Key::from_json(&value).unwrap().unwrap().encode(&mut out);
        out
    }

    #[test]
    fn encoded_keys_compare_in_key_order() {
        let ascending = [
            json!(-1.0e300),
            json!(-2),
            json!(-1.5),
            json!(0),
            json!(5e-324),
            json!(1),
            json!(1.5),
            json!(10),
            json!(9007199254740993u64),
            json!(1e300),
            json!(""),
            json!("\u{0}"),
            json!("01"),
            json!("a"),
            json!("aa"),
            json!("b"),
            json!("zzzz"),
            json!("é"),
            json!("0f000000-0000-0000-0000-000000000000"),
            json!("f0000000-0000-0000-0000-00000000000a"),
        ];
        let forms: Vec<_> = ascending.iter().cloned().map(encoded).collect();
        assert!(forms.is_sorted_by(|a, b| a < b));
        for (value, form) in ascending.iter().zip(&forms) {
            let key = Key::decode(form).unwrap();
            assert_eq!(Some(&key), Key::from_json(value).unwrap().as_ref());
            let mut again = Vec::new();
            key.encode(&mut again);
            assert_eq!(&again, form);
        }
    }

    #[test]
    fn only_canonical_lower_case_uuids_are_packed() {
        assert_eq!(encoded(json!("6fa459ea-ee8a-3ca4-894e-db77e160355e")).len(), 17);
        for other in [
            "6FA459EA-ee8a-3ca4-894e-db77e160355e",
            "6fa459ea-ee8a-3ca4-894e_db77e160355e",
            "6fa459eaxee8a-3ca4-894e-db77e160355e",
        ] {
            assert_eq!(encoded(json!(other)).len(), 37, "{other}");
        }
    }

    #[test]
    fn invalid_keys_are_rejected_with_harpers_messages() {
        let sentence = |value: Value| Key::from_json(&value).unwrap_err().to_string();
        assert_eq!(sentence(json!(true)), "Invalid primary key type: boolean");
        assert_eq!(sentence(json!([1])), "Invalid primary key type: array");
        assert_eq!(sentence(json!({})), "Invalid primary key type: object");
        assert_eq!(sentence(json!("x".repeat(2100))), "Primary key size is too large: 2100");
        assert_eq!(Key::from_json(&Value::Null).unwrap(), None);
        assert!(Key::from_json(&json!("x".repeat(MAX_KEY_BYTES))).is_ok());
    }

    #[test]
    fn minus_zero_equals_zero_and_integers_have_no_fraction() {
        assert_eq!(Key::from_json(&json!(-0.0)).unwrap(), Some(Key::Number(0.0)));
        assert_eq!(encoded(json!(-0.0)), encoded(json!(0)));
        assert_eq!(Key::Number(3.0).to_json().to_string(), "3");
        assert_eq!(Key::Number(-1.5).to_json().to_string(), "-1.5");
    }

    #[test]
    fn damaged_encodings_are_reported_as_errors() {
        for form in [&[][..], &[NUMBER], &[NUMBER, 1, 2], &[STRING, 0xff], &[UUID, 1], &[0x99]] {
            assert!(Key::decode(form).is_err());
        }
    }
}
