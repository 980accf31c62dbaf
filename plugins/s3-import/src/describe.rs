//! What the plugin says of itself.

use jobhost_load_plugin::{compression_field, request_schema};
use jobhost_plugin::{Access, Capability, Description, Operation, Reply, schema};
use serde_json::{Value, json};

pub(crate) fn description() -> Description {
    let name = "import_from_s3";
    Description {
        name: "s3-import".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        summary: "Loads CSV and JSON from an S3 object into a table".to_owned(),
        capabilities: vec![Capability::Insert, Capability::Update, Capability::ReadS3],
        operations: vec![Operation {
            name: name.to_owned(),
            aliases: Vec::new(),
            summary: "Load an S3 object: CSV, an array of JSON objects, or a JSON object a line".to_owned(),
            request_schema: request_schema(
                name,
                &[&[("s3", schema::s3(key()), true)][..], &jobhost_csv::options::schema(), &[compression_field()]]
                    .concat(),
            )
            .to_string(),
            secrets: schema::s3_secrets(),
            inline_source: None,
            access: Access::TablePermission,
            reply: Reply::JobId,
            resumable: true,
        }],
    }
}

fn key() -> Value {
    json!({
        "type": "string",
        "pattern": "\\.(csv|json|jsonl|ndjson)(\\.gz|\\.zst)?$",
        "description": "Key of the object. Its end tells the format: .csv, .json (an array of objects), .jsonl or .ndjson \
                        (an object a line), and may be followed by .gz or .zst."
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_operation_names_its_secrets_and_what_it_needs() {
        let description = description();
        let [import] = &description.operations[..] else { panic!("one operation") };
        assert_eq!(import.secrets[0], "/s3/aws_access_key_id");
        assert!(import.resumable && import.inline_source.is_none());
        let schema: Value = serde_json::from_str(&import.request_schema).unwrap();
        assert_eq!(schema["required"], json!(["operation", "table", "s3"]));
    }
}
