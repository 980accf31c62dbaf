//! A request as the plugin sees it: a JSON object with accessors for its fields. As everywhere in the Operations API,
//! unknown fields are ignored and null is treated as absent.

use serde_json::{Map, Value};

use crate::{Refusal, TableName};

/// The database of requests that do not name one.
const DEFAULT_DATABASE: &str = "data";
const MAX_NAME_CHARACTERS: usize = 250;

/// The fields of a request.
#[derive(Debug, Clone, Default)]
pub struct Request {
    fields: Map<String, Value>,
}

impl Request {
    /// Parses a request. The host passes a JSON object.
    pub fn parse(json: &str) -> Result<Self, Refusal> {
        match serde_json::from_str(json) {
            Ok(Value::Object(fields)) => Ok(Request { fields }),
            Ok(_) => Err(Refusal::new("The request must be a JSON object")),
            Err(error) => Err(Refusal::new(format!("The request is not JSON: {error}"))),
        }
    }

    /// Returns a field that is present and not null.
    pub fn get(&self, field: &str) -> Option<&Value> {
        self.fields.get(field).filter(|value| !value.is_null())
    }

    /// Returns the names of the fields.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.fields.keys().map(String::as_str)
    }

    /// Returns a field as it is, even if it is null.
    pub fn raw(&self, field: &str) -> Option<&Value> {
        self.fields.get(field)
    }

    /// Returns true if the field is present, even if it is null.
    pub fn names(&self, field: &str) -> bool {
        self.fields.contains_key(field)
    }

    /// Returns a field that is a string.
    pub fn text(&self, field: &str) -> Option<&str> {
        self.get(field).and_then(Value::as_str)
    }

    /// Returns the database. `database` takes precedence over its synonym `schema`; without either it is `data`.
    pub fn database(&self) -> &str {
        let given = self.get("database").or_else(|| self.get("schema"));
        given.and_then(Value::as_str).unwrap_or(DEFAULT_DATABASE)
    }

    /// Returns the name of the table. Check `table` and the database first.
    pub fn table_name(&self) -> TableName {
        TableName { database: self.database().to_owned(), table: self.text("table").unwrap_or_default().to_owned() }
    }
}

/// Returns the problems with the name of a database or table. Each message follows a label: `Table cannot exceed …`.
pub fn check_name(name: &Value) -> Vec<&'static str> {
    let Value::String(name) = name else {
        return vec!["names cannot include backticks or forward slashes", "has an incorrect length"];
    };
    let mut problems = Vec::new();
    if !name.chars().all(|character| matches!(character, ' '..='~') && !matches!(character, '/' | '`')) {
        problems.push("names cannot include backticks or forward slashes");
    }
    match name.encode_utf16().count() {
        0 => problems.push("is too short (minimum is 1 characters)"),
        length if length > MAX_NAME_CHARACTERS => problems.push("cannot exceed 250 characters"),
        _ => {}
    }
    problems
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn request(value: Value) -> Request {
        Request::parse(&value.to_string()).unwrap()
    }

    #[test]
    fn database_wins_over_schema_and_data_is_the_default() {
        assert_eq!(request(json!({})).database(), "data");
        assert_eq!(request(json!({"schema": "s"})).database(), "s");
        assert_eq!(request(json!({"schema": "s", "database": "d"})).database(), "d");
        assert_eq!(request(json!({"schema": "s", "database": null})).database(), "s");
    }

    #[test]
    fn a_request_is_an_object() {
        assert_eq!(Request::parse("[1]").unwrap_err().message, "The request must be a JSON object");
        assert!(Request::parse("{").unwrap_err().message.starts_with("The request is not JSON"));
    }

    #[test]
    fn null_is_treated_as_absent_but_is_named() {
        let request = request(json!({"data": null}));
        assert!(request.get("data").is_none());
        assert!(request.names("data"));
    }

    #[test]
    fn names_are_printable_ascii_without_slash_and_backtick() {
        let slashes = "names cannot include backticks or forward slashes";
        assert!(check_name(&json!("a b-c.d|e~")).is_empty());
        assert_eq!(check_name(&json!("a/b")), [slashes]);
        assert_eq!(check_name(&json!("a`b")), [slashes]);
        assert_eq!(check_name(&json!("é")), [slashes]);
        assert_eq!(check_name(&json!("x".repeat(251))), ["cannot exceed 250 characters"]);
        assert_eq!(check_name(&json!("")), ["is too short (minimum is 1 characters)"]);
        assert_eq!(check_name(&json!(5)), [slashes, "has an incorrect length"]);
    }
}
