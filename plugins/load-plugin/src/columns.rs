//! The field `columns`: which columns of the input are loaded.

use jobhost_plugin::schema::Field;
use jobhost_plugin::{Refusal, Request};
use serde_json::{Value, json};

/// Maximum number of columns that a request may name. A load cannot have more attributes either.
const MAX_COLUMNS: usize = 10_000;

/// Returns the columns that a request names, or `None` if it names none and all of them are loaded.
pub fn check_columns(request: &Request) -> Result<Option<Vec<String>>, Refusal> {
    let Some(columns) = request.get("columns") else { return Ok(None) };
    let names = columns.as_array().and_then(|columns| {
        columns.iter().map(|name| name.as_str().filter(|name| !name.is_empty()).map(str::to_owned)).collect()
    });
    match names {
        Some(names) if (1..=MAX_COLUMNS).contains(&Vec::len(&names)) => Ok(Some(names)),
        _ => Err(Refusal::new(format!(
            "'columns' must be an array of 1 to {MAX_COLUMNS} names of columns, or be left out to load all"
        ))),
    }
}

/// Returns the JSON Schema of the field.
pub fn columns_field() -> Field<'static> {
    let schema: Value = json!({
        "type": ["array", "null"],
        "items": { "type": "string", "minLength": 1 },
        "minItems": 1,
        "maxItems": MAX_COLUMNS,
        "description": "The columns that are loaded; all without it."
    });
    ("columns", schema, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_names_or_absent() {
        let check = |value: Value| check_columns(&Request::parse(&json!({ "columns": value }).to_string()).unwrap());
        assert_eq!(check(json!(null)).unwrap(), None);
        assert_eq!(check(json!(["a", "b"])).unwrap(), Some(vec!["a".to_owned(), "b".to_owned()]));
        for bad in [json!([]), json!("a"), json!([1]), json!([""]), json!({})] {
            assert!(check(bad.clone()).unwrap_err().message.starts_with("'columns' must be an array"), "{bad}");
        }
    }
}
