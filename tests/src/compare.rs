//! Comparing an answer with a recorded one: what differs from run to run is replaced by a word first, numbers are
//! compared as numbers, the order of members does not matter, the order of rows does.

use serde_json::{Map, Value, json};

/// Members whose value is a moment.
const TIMES: [&str; 6] =
    ["__createdtime__", "__updatedtime__", "created_datetime", "start_datetime", "end_datetime", "last_updated_record"];
/// Members whose value depends on how a store keeps its data.
const SIZES: [&str; 3] = ["db_size", "table_size", "db_audit_size"];
/// Keys that a server makes up are above all that anybody counts up to.
const GENERATED_KEY: f64 = 1e13;

/// Replace moments, sizes, identifiers, generated keys and tokens by words.
pub fn normalise(value: &Value) -> Value {
    match value {
        Value::Object(members) => Value::Object(members.iter().map(member).collect()),
        Value::Array(items) => items.iter().map(normalise).collect(),
        Value::String(text) if is_token(text) => json!("<JWT>"),
        Value::String(text) => json!(without_uuids(text)),
        other => other.clone(),
    }
}

fn member((name, value): (&String, &Value)) -> (String, Value) {
    let value = match value {
        Value::Number(_) if TIMES.contains(&name.as_str()) => json!("<time>"),
        Value::Number(_) if SIZES.contains(&name.as_str()) => json!("<size>"),
        Value::Number(number) if name == "id" && number.as_f64().is_some_and(|key| key > GENERATED_KEY) => {
            json!("<generated>")
        }
        value => normalise(value),
    };
    (name.clone(), value)
}

/// Which members an answer may have that the expected one has not.
#[derive(Debug, Clone, Copy)]
pub enum Added<'a> {
    Only(&'a [String]),
    Any,
}

/// The first difference between what was expected and what came, as `path: expected …, got …`.
pub fn difference(expected: &Value, actual: &Value, added: Added<'_>) -> Option<String> {
    at("", expected, actual, added)
}

fn at(path: &str, expected: &Value, actual: &Value, added: Added<'_>) -> Option<String> {
    let same = match (expected, actual) {
        (Value::Object(expected), Value::Object(actual)) => return members(path, expected, actual, added),
        (Value::Array(expected), Value::Array(actual)) if expected.len() == actual.len() => {
            let mut pairs = expected.iter().zip(actual).enumerate();
            return pairs
                .find_map(|(index, (expected, actual))| at(&format!("{path}[{index}]"), expected, actual, added));
        }
        (Value::Number(expected), Value::Number(actual)) => expected.as_f64() == actual.as_f64(),
        // `<any>` in a verdict stands for a value that the verdict leaves open.
        (Value::String(open), _) if open == "<any>" => true,
        (expected, actual) => expected == actual,
    };
    (!same).then(|| format!("{path}: expected {}, got {}", short(expected), short(actual)))
}

fn members(path: &str, expected: &Map<String, Value>, actual: &Map<String, Value>, added: Added<'_>) -> Option<String> {
    for (name, value) in expected {
        let path = format!("{path}.{name}");
        match actual.get(name) {
            Some(found) => {
                if let Some(difference) = at(&path, value, found, added) {
                    return Some(difference);
                }
            }
            None => return Some(format!("{path}: expected {value}, got nothing")),
        }
    }
    let Added::Only(added) = added else { return None };
    let extra = actual.iter().find(|(name, _)| !expected.contains_key(*name) && !added.contains(name));
    extra.map(|(name, value)| format!("{path}.{name}: not expected, got {value}"))
}

/// The start of a value, and how many items it has if it is an array.
fn short(value: &Value) -> String {
    const CHARACTERS: usize = 1000;
    let text: String = value.to_string().chars().take(CHARACTERS).collect();
    match value.as_array() {
        Some(items) => format!("{} items {text}", items.len()),
        None => text,
    }
}

fn is_token(text: &str) -> bool {
    text.starts_with("eyJ") && text.matches('.').count() == 2
}

fn without_uuids(text: &str) -> String {
    const LENGTH: usize = 36;
    let mut result = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        match rest.get(..LENGTH).filter(|window| is_uuid(window)) {
            Some(_) => {
                result.push_str("<uuid>");
                rest = &rest[LENGTH..];
            }
            None => {
                result.push(first);
                rest = &rest[first.len_utf8()..];
            }
        }
    }
    result
}

fn is_uuid(text: &str) -> bool {
    text.char_indices().all(|(index, character)| match index {
        8 | 13 | 18 | 23 => character == '-',
        _ => character.is_ascii_hexdigit(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_from_run_to_run_is_replaced() {
        let row = json!([{"id": "08d91c1b-02e4-4a54-a757-6fbb5ae00847", "start_datetime": 5, "message":
            "Starting job with id 08d91c1b-02e4-4a54-a757-6fbb5ae00847", "end_datetime": null}, {"id": 275862539418624u64}]);
        let expected = json!([{"id": "<uuid>", "start_datetime": "<time>", "message": "Starting job with id <uuid>",
            "end_datetime": null}, {"id": "<generated>"}]);
        assert_eq!(normalise(&row), expected);
    }

    #[test]
    fn numbers_compare_as_numbers_and_only_named_members_may_be_added() {
        assert_eq!(difference(&json!({"a": 1}), &json!({"a": 1.0, "b": 2}), Added::Only(&["b".to_owned()])), None);
        assert_eq!(difference(&json!({"a": 1}), &json!({"a": 1, "b": 2}), Added::Any), None);
        assert!(difference(&json!({"a": 1}), &json!({"a": 1, "b": 2}), Added::Only(&[])).is_some());
        assert!(difference(&json!([1, 2]), &json!([2, 1]), Added::Only(&[])).is_some());
        assert!(difference(&json!({"a": 1}), &json!({"a": "1"}), Added::Only(&[])).is_some());
    }
}
