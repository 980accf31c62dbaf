//! JSON Schemas of requests, and of the fields that several plugins share. `describe` only publishes them; `plan`
//! checks the requests.

use serde_json::{Map, Value, json};

/// JSON Pointers to the fields of `s3` that only the host may see, for [`Operation::secrets`](crate::Operation).
pub fn s3_secrets() -> Vec<String> {
    ["aws_access_key_id", "aws_secret_access_key", "session_token", "aws_session_token"]
        .map(|field| format!("/s3/{field}"))
        .to_vec()
}

/// A field of a request: its name, its schema and whether it is required.
pub type Field<'a> = (&'a str, Value, bool);

/// Returns the schema of a request for `operation` with these fields.
pub fn request(operation: &str, fields: &[Field<'_>]) -> Value {
    let mut properties = Map::from_iter([("operation".to_owned(), json!({ "const": operation }))]);
    let mut required = vec!["operation"];
    for (field, schema, is_required) in fields {
        properties.insert((*field).to_owned(), schema.clone());
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

/// Returns the schema of an object on an S3 server: access keys or a profile, and its location. `key` is the schema of
/// the object's key.
pub fn s3(key: Value) -> Value {
    json!({
        "type": "object",
        "properties": {
            "aws_access_key_id": { "type": "string", "description": "Secret." },
            "aws_secret_access_key": { "type": "string", "description": "Secret." },
            "session_token": { "type": "string", "description": "Secret; for temporary keys." },
            "aws_session_token": { "type": "string", "description": "The same as session_token." },
            "profile": {
                "type": "string",
                "description": "A profile of the server's credentials file, instead of keys; for super_users."
            },
            "bucket": { "type": "string" },
            "key": key,
            "region": { "type": "string" },
            "endpoint": { "type": "string", "format": "uri", "description": "URL of the S3 server." },
            "path_style": { "type": "boolean", "description": "Whether the bucket stands in the path of the URL." }
        },
        "required": ["bucket", "key"],
        "oneOf": [
            { "required": ["aws_access_key_id", "aws_secret_access_key", "region"] },
            { "required": ["profile"] }
        ]
    })
}
