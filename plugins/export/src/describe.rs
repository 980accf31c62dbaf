//! The description of the plugin.

use jobhost_plugin::schema::Field;
use jobhost_plugin::{Access, Capability, Description, Operation, Reply, schema};
use serde_json::{Value, json};

pub(crate) fn description() -> Description {
    let path = json!({ "type": "string", "minLength": 1, "description": "A directory in which the server may write." });
    let filename = json!({
        "type": "string",
        "minLength": 1,
        "maxLength": 200,
        "description": "Name of the file, without extension; without it the name is the time in milliseconds."
    });
    let key = json!({ "type": "string", "description": "Key of the object, without extension." });
    Description {
        name: "export".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        summary: "Writes the result of a search to a file of the server or to an S3 object".to_owned(),
        capabilities: vec![Capability::Query, Capability::WriteFile, Capability::WriteS3],
        operations: vec![
            operation(
                "export_local",
                "Write the result of a search to a file of the server",
                &[("path", path, true), ("filename", filename, false)],
            ),
            Operation {
                secrets: schema::s3_secrets(),
                ..operation(
                    "export_to_s3",
                    "Write the result of a search to an S3 object",
                    &[("s3", schema::s3(key), true)],
                )
            },
        ],
    }
}

fn operation(name: &str, summary: &str, fields: &[Field<'_>]) -> Operation {
    Operation {
        name: name.to_owned(),
        aliases: Vec::new(),
        summary: summary.to_owned(),
        request_schema: request(name, fields).to_string(),
        secrets: Vec::new(),
        inline_source: None,
        access: Access::SuperUser,
        reply: Reply::JobId,
        resumable: true,
    }
}

fn request(operation: &str, fields: &[Field<'_>]) -> Value {
    let format =
        json!({ "enum": ["json", "csv", "jsonl", "parquet"], "description": "Also the extension of the name." });
    let compression = json!({
        "enum": ["gzip", "zstd", null],
        "description": "Compress what is written; .gz or .zst is appended to the name. In Parquet, pages are compressed, by \
                        snappy without this, and nothing is appended."
    });
    let search = json!({
        "type": "object",
        "description": "A request for one of these operations.",
        "properties": {
            "operation": {
                "enum": ["search_by_value", "search_by_hash", "search_by_id", "sql", "search_by_conditions"]
            }
        },
        "required": ["operation"]
    });
    let shared = [("format", format, true), ("compression", compression, false), ("search_operation", search, true)];
    let csv = [
        (
            "delimiter",
            json!({ "type": "string", "default": ",", "description": "CSV: one ASCII character, or \"tab\"." }),
            false,
        ),
        (
            "quote_all",
            json!({ "type": "boolean", "default": false, "description": "CSV: numbers and booleans are in quotes too." }),
            false,
        ),
        (
            "header",
            json!({ "type": "boolean", "default": true, "description": "CSV: whether names come first." }),
            false,
        ),
        (
            "null_value",
            json!({ "type": "string", "maxLength": 64, "default": "", "description": "CSV: what null becomes." }),
            false,
        ),
        (
            "line_end",
            json!({ "enum": ["lf", "crlf"], "default": "lf", "description": "CSV: the end of a row." }),
            false,
        ),
        (
            "types",
            json!({ "enum": ["auto", "json"], "default": "auto",
                "description": "CSV: json writes every cell as a JSON text, which a load with the same option reads back." }),
            false,
        ),
    ];
    schema::request(operation, &[&shared[..], &csv, fields].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn access_keys_are_secret_and_exports_require_a_super_user() {
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
