//! The members of a search operation: their types and error messages.

use serde_json::{Map, Value};

use crate::query::Sort;
use jobhost_model::Key;

/// Maximum number of keys in one request.
const MAX_KEYS: usize = 1_000_000;
/// Maximum number of attributes that one request may select.
const MAX_SELECTED: usize = 10_000;

type Fields = Map<String, Value>;

/// Returns the first of several synonyms that is present, with its name.
pub(super) fn first_of<'f, 'n>(fields: &'f Fields, names: &[&'n str]) -> Option<(&'n str, &'f Value)> {
    names.iter().find_map(|name| Some((*name, fields.get(*name)?)))
}

/// Parses `ids` or its synonym `hash_values`. Returns each value as a key and as it was sent. Errors use the name
/// `label`, which is the one that the client sent.
pub fn keys(label: &str, value: Option<Value>) -> Result<Vec<(Key, Value)>, String> {
    let items = match value {
        None | Some(Value::Null) => return Err(format!("'{label}' is required")),
        Some(Value::Array(items)) if items.len() > MAX_KEYS => {
            return Err(format!("'{label}' must contain at most {MAX_KEYS} items"));
        }
        Some(Value::Array(items)) => items,
        Some(_) => return Err(format!("'{label}' must be an array")),
    };
    let mut keys = Vec::with_capacity(items.len());
    for item in items {
        match Key::from_json(&item) {
            Ok(Some(key)) => keys.push((key, item)),
            Ok(None) => return Err(format!("'{label}' must be strings or numbers")),
            Err(error) => {
                return Err(match item {
                    Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
                        format!("'{label}' must be strings or numbers")
                    }
                    _ => error.to_string(),
                });
            }
        }
    }
    Ok(keys)
}

/// Parses `get_attributes`. Returns `None` for all attributes.
pub(super) fn selection(fields: &Fields) -> Result<Option<Vec<String>>, String> {
    let Some(value) = fields.get("get_attributes") else { return Ok(None) };
    let Value::Array(items) = value else { return Err("'get_attributes' must be an array".to_owned()) };
    if items.is_empty() {
        return Err("'get_attributes' must contain at least 1 items".to_owned());
    }
    if items.len() > MAX_SELECTED {
        return Err(format!("'get_attributes' must contain at most {MAX_SELECTED} items"));
    }
    let mut names = Vec::with_capacity(items.len());
    let mut seen = std::collections::HashSet::with_capacity(items.len());
    for item in items {
        match item {
            Value::String(name) if name == "*" => return Ok(None),
            Value::String(name) => {
                if seen.insert(name) {
                    names.push(name.clone());
                }
            }
            _ => return Err("'get_attributes' must be strings".to_owned()),
        }
    }
    Ok(Some(names))
}

/// Parses `limit` and `offset`.
pub(super) fn page(fields: &Fields) -> Result<(Option<u64>, u64), String> {
    let limit = fields.get("limit").map(|value| whole_number("limit", value, 1)).transpose()?;
    let offset = fields.get("offset").map(|value| whole_number("offset", value, 0)).transpose()?;
    Ok((limit, offset.unwrap_or(0)))
}

fn whole_number(label: &str, value: &Value, least: u64) -> Result<u64, String> {
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    match number {
        None => Err(format!("'{label}' must be a number")),
        Some(number) if number.fract() != 0.0 => Err(format!("'{label}' must be an integer")),
        Some(number) if number < least as f64 => Err(format!("'{label}' must be greater than or equal to {least}")),
        // The cast saturates; no result has that many rows.
        Some(number) => Ok(number as u64),
    }
}

pub(super) fn flag(fields: &Fields, label: &str) -> Result<bool, String> {
    match fields.get(label) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(_) => Err(format!("'{label}' must be a boolean")),
    }
}

pub(super) fn sort(fields: &Fields) -> Result<Option<Sort>, String> {
    let sort = match fields.get("sort") {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Object(sort)) => sort,
        Some(_) => return Err("'sort' must be of type object".to_owned()),
    };
    let attribute = match sort.get("attribute") {
        None => return Err("'sort.attribute' is required".to_owned()),
        Some(Value::String(attribute)) => attribute.clone(),
        Some(_) => return Err("'sort.attribute' must be a string".to_owned()),
    };
    let descending = match sort.get("descending") {
        None => false,
        Some(Value::Bool(descending)) => *descending,
        Some(_) => return Err("'sort.descending' must be a boolean".to_owned()),
    };
    if sort.get("next").is_some_and(|next| !next.is_null()) {
        return Err("'sort.next' is not supported: sort by one attribute".to_owned());
    }
    Ok(Some(Sort { attribute, descending }))
}
