//! Parses untrusted JSON. `serde_json::Value` treats an object with a certain key (that of its `RawValue`) as JSON
//! *text* with its own depth limit. So one request could be taken for another, and nested texts could overflow the
//! stack. This module parses such an object as a plain object. Untrusted input must not be parsed into a `Value` in any
//! other way.

mod cost;
mod top_level;
mod unescape;

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

pub use cost::tree_bytes;
pub use top_level::{MAX_MEMBERS, Members, NotMembers, position};
pub use unescape::{UnescapeError, unescape};

/// Parses untrusted JSON. No member name has a special meaning.
pub fn value(text: &str) -> serde_json::Result<Value> {
    let mut parser = serde_json::Deserializer::from_str(text);
    let value = Plain.deserialize(&mut parser)?;
    parser.end()?;
    Ok(value)
}

/// Parses untrusted JSON that must be an object.
pub fn object(text: &str) -> serde_json::Result<Map<String, Value>> {
    match value(text)? {
        Value::Object(members) => Ok(members),
        _ => Err(serde_json::Error::custom("an object was expected")),
    }
}

/// For `#[serde(deserialize_with)]` on members that hold untrusted JSON. Null becomes `None`.
pub fn optional<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Value>, D::Error> {
    Ok(Some(Plain.deserialize(from)?).filter(|value| !value.is_null()))
}

/// Like [`optional`], for an array.
pub fn list<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Value>, D::Error> {
    match Plain.deserialize(from)? {
        Value::Array(items) => Ok(items),
        _ => Err(D::Error::custom("a list was expected")),
    }
}

/// Like [`optional`], for an object.
pub fn members<'de, D: Deserializer<'de>>(from: D) -> Result<Map<String, Value>, D::Error> {
    match Plain.deserialize(from)? {
        Value::Object(members) => Ok(members),
        _ => Err(D::Error::custom("an object was expected")),
    }
}

struct Plain;

impl<'de> DeserializeSeed<'de> for Plain {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Plain {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(Plain)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            map.insert(name, members.next_value_seed(Plain)?);
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    const KEY: &str = "$serde_json::private::RawValue";

    #[test]
    fn an_object_with_the_key_of_raw_values_is_an_object() {
        let text = format!("{{\"{KEY}\": \"[1]\"}}");
        assert_eq!(value(&text).unwrap()[KEY], "[1]");
        assert_eq!(value(&text.replace('$', "\\u0024")).unwrap()[KEY], "[1]");
        // The reason for this module: `serde_json` itself parses the string as JSON text.
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), serde_json::json!([1]));

        #[derive(Deserialize)]
        struct Row {
            #[serde(deserialize_with = "optional")]
            one: Option<Value>,
            #[serde(deserialize_with = "list")]
            many: Vec<Value>,
            #[serde(deserialize_with = "members")]
            named: Map<String, Value>,
        }
        let text = format!("{{\"one\": {text}, \"many\": [{text}], \"named\": {text}}}");
        let row: Row = serde_json::from_str(&text).unwrap();
        assert!(row.one.unwrap().is_object() && row.many[0].is_object() && row.named.contains_key(KEY));
    }

    #[test]
    fn nesting_is_limited_and_trailing_text_is_rejected() {
        assert!(value(&"[".repeat(100_000)).is_err());
        assert!(value("1 2").is_err() && object("[]").is_err());
    }

    proptest! {
        #[test]
        fn other_texts_are_parsed_as_serde_json_parses_them(text in "[\\[\\]{}\",:0-9eE.+\\-a-z\\\\ ]{0,40}") {
            let (ours, theirs) = (value(&text).ok(), serde_json::from_str::<Value>(&text).ok());
            prop_assert_eq!(ours, theirs);
        }
    }
}
