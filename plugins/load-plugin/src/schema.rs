//! The JSON Schema of a request.

use serde_json::{Value, json};

/// The schema of requests for `operation`: the fields that all loads share, and these. A field is a name, a schema, and
/// whether it must be there.
pub fn request_schema(operation: &str, fields: &[(&str, Value, bool)]) -> Value {
    let name = json!({
        "type": "string",
        "minLength": 1,
        "maxLength": 250,
        "pattern": "^[ -.0-_a-~]*$"
    });
    let mut properties = json!({
        "operation": { "const": operation },
        "database": name,
        "schema": name,
        "table": name,
        "action": {
            "enum": ["insert", "update", "upsert", null],
            "default": "insert",
            "description": "insert passes over rows whose key exists, update those whose key does not; upsert takes both."
        }
    });
    let mut required = vec!["operation", "table"];
    for (field, schema, is_required) in fields {
        if let Some(properties) = properties.as_object_mut() {
            properties.insert((*field).to_owned(), schema.clone());
        }
        if *is_required {
            required.push(field);
        }
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": properties,
        "required": required
    })
}
