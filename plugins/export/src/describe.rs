//! What the plugin says of itself.

use jobhost_plugin::{Access, Description, Operation};
use serde_json::{Value, json};

pub(crate) fn description() -> Description {
    let path = json!({ "type": "string", "minLength": 1, "description": "A directory in which the server may write." });
    let filename = json!({
        "type": "string",
        "minLength": 1,
        "maxLength": 200,
        "description": "Name of the file, without extension; without it the name is the time in milliseconds."
    });
    Description {
        name: "export".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        summary: "Writes the result of a search to a file of the server or to an S3 object".to_owned(),
        operations: vec![
            operation(
                "export_local",
                "Write the result of a search to a file of the server",
                &[("path", path, true), ("filename", filename, false)],
            ),
            Operation {
                secrets: ["aws_access_key_id", "aws_secret_access_key", "session_token", "aws_session_token"]
                    .map(|field| format!("/s3/{field}"))
                    .to_vec(),
                ..operation("export_to_s3", "Write the result of a search to an S3 object", &[("s3", s3(), true)])
            },
        ],
    }
}

fn operation(name: &str, summary: &str, fields: &[(&str, Value, bool)]) -> Operation {
    Operation {
        name: name.to_owned(),
        aliases: Vec::new(),
        summary: summary.to_owned(),
        request_schema: schema(name, fields).to_string(),
        secrets: Vec::new(),
        inline_source: None,
        access: Access::SuperUser,
        resumable: true,
    }
}

fn s3() -> Value {
    json!({
        "type": "object",
        "properties": {
            "aws_access_key_id": { "type": "string", "description": "Secret." },
            "aws_secret_access_key": { "type": "string", "description": "Secret." },
            "session_token": { "type": "string", "description": "Secret; for temporary keys." },
            "aws_session_token": { "type": "string", "description": "The same as session_token." },
            "profile": {
                "type": "string",
                "description": "A profile of the server's credentials file, instead of keys."
            },
            "bucket": { "type": "string" },
            "key": { "type": "string", "description": "Key of the object, without extension." },
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

fn schema(operation: &str, fields: &[(&str, Value, bool)]) -> Value {
    let mut properties = json!({
        "operation": { "const": operation },
        "format": { "enum": ["json", "csv", "jsonl"], "description": "Also the extension of the name." },
        "compression": {
            "enum": ["gzip", "zstd", null],
            "description": "Compress what is written; .gz or .zst is appended to the name."
        },
        "search_operation": {
            "type": "object",
            "description": "A request for one of these operations.",
            "properties": {
                "operation": {
                    "enum": ["search_by_value", "search_by_hash", "search_by_id", "sql", "search_by_conditions"]
                }
            },
            "required": ["operation"]
        }
    });
    let mut required = vec!["operation", "format", "search_operation"];
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_secret_and_exports_are_for_super_users() {
        let description = description();
        let [local, s3] = &description.operations[..] else { panic!("two operations") };
        assert!(local.secrets.is_empty());
        assert_eq!(s3.secrets[0], "/s3/aws_access_key_id");
        assert_eq!(s3.secrets.len(), 4);
        for operation in [local, s3] {
            assert_eq!(operation.access, Access::SuperUser);
            assert!(operation.resumable);
            let schema: Value = serde_json::from_str(&operation.request_schema).unwrap();
            assert_eq!(schema["required"][1], "format");
        }
    }
}
