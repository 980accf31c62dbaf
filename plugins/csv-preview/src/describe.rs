//! The description of the plugin.

use jobhost_load_plugin::{Place, compression_field, request_schema_without_table};
use jobhost_plugin::{Access, Capability, Description, Operation, Reply, schema};
use serde_json::{Value, json};

use crate::request::{DEFAULT_ROWS, MAX_ROWS, URL};

const NAME: &str = "csv_preview";

pub(crate) fn description() -> Description {
    Description {
        name: "csv-preview".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        summary: "Shows how a CSV load would read its input".to_owned(),
        capabilities: vec![Capability::ReadFile, Capability::FetchUrl, Capability::ReadS3],
        operations: vec![Operation {
            name: NAME.to_owned(),
            aliases: Vec::new(),
            summary: "Show the dialect, the first records, their types and the warnings of a CSV load".to_owned(),
            request_schema: request_schema_without_table(NAME, &fields()).to_string(),
            secrets: [URL.secrets(), schema::s3_secrets()].concat(),
            inline_source: Place::Data.inline_source(),
            access: Access::TablePermission,
            reply: Reply::Outcome,
            resumable: false,
        }],
    }
}

/// No source is required by the schema, because any one of them will do.
fn fields() -> Vec<schema::Field<'static>> {
    let places = [Place::Data, Place::File, URL].map(|place| place.fields("CSV"));
    let mut fields: Vec<schema::Field<'static>> =
        places.into_iter().flatten().map(|(name, schema, _)| (name, schema, false)).collect();
    let key: Value = json!({ "type": "string", "description": "Key of the object." });
    let rows: Value = json!({ "type": ["integer", "null"], "minimum": 1, "maximum": MAX_ROWS, "default": DEFAULT_ROWS,
        "description": "How many records to show." });
    let primary_key: Value = json!({ "type": ["string", "null"], "minLength": 1, "default": "id",
        "description": "The primary key, for a request without a table." });
    fields.extend([("s3", schema::s3(key), false), ("rows", rows, false), ("primary_key", primary_key, false)]);
    fields.extend(jobhost_csv::options::schema());
    fields.push(compression_field());
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_operation_answers_at_once_and_requires_no_table() {
        let description = description();
        let [preview] = &description.operations[..] else { panic!("one operation") };
        assert_eq!((preview.reply, preview.inline_source.as_deref()), (Reply::Outcome, Some("/data")));
        let schema: Value = serde_json::from_str(&preview.request_schema).unwrap();
        assert_eq!(schema["required"], json!(["operation"]));
        for field in ["data", "file_path", "csv_url", "s3", "rows", "delimiter", "compression", "table"] {
            assert!(schema["properties"].get(field).is_some(), "{field}");
        }
        assert!(preview.secrets.iter().any(|pointer| pointer == "/passthrough_headers/*"));
    }
}
