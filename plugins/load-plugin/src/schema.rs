//! The JSON Schema of a request.

use jobhost_plugin::schema::{Field, request};
use serde_json::{Value, json};

/// Returns the schema of requests for `operation`: the fields that all loads share and `fields`.
pub fn request_schema(operation: &str, fields: &[Field<'_>]) -> Value {
    schema(operation, fields, true)
}

/// The same for an operation that needs no table.
pub fn request_schema_without_table(operation: &str, fields: &[Field<'_>]) -> Value {
    schema(operation, fields, false)
}

fn schema(operation: &str, fields: &[Field<'_>], is_table_required: bool) -> Value {
    let name = json!({
        "type": "string",
        "minLength": 1,
        "maxLength": 250,
        "pattern": "^[ -.0-_a-~]*$"
    });
    let action = json!({
        "enum": ["insert", "update", "upsert", null],
        "default": "insert",
        "description": "insert passes over rows whose key exists, update those whose key does not; upsert takes both."
    });
    let atomic = json!({
        "type": ["boolean", "null"],
        "default": true,
        "description": "true: all rows become visible together when the job completes, and none if it fails. false: rows are \
                        visible as they are stored, and remain if the job fails."
    });
    let shared = [
        ("database", name.clone(), false),
        ("schema", name.clone(), false),
        ("table", name, is_table_required),
        ("action", action, false),
        ("atomic", atomic, false),
    ];
    request(operation, &[&shared, fields].concat())
}
