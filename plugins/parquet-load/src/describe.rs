//! The description of the plugin.

use jobhost_load_plugin::{Place, columns_field, request_schema};
use jobhost_plugin::schema::{self, Field};
use jobhost_plugin::{Access, Capability, Description, Operation, Reply};
use serde_json::json;

use crate::request::{FILE_LOAD, S3_LOAD, URL, URL_LOAD};

const FORMAT: &str = "Parquet";

pub(crate) fn description() -> Description {
    Description {
        name: "parquet-load".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        summary: "Loads Parquet from a file, a URL or an S3 object into a table".to_owned(),
        capabilities: vec![
            Capability::Insert,
            Capability::Update,
            Capability::ReadFile,
            Capability::FetchUrl,
            Capability::ReadS3,
        ],
        operations: vec![
            operation(FILE_LOAD, "Load a Parquet file of the server", Place::File.fields(FORMAT), vec![]),
            operation(URL_LOAD, "Load Parquet from a URL", URL.fields(FORMAT), URL.secrets()),
            operation(S3_LOAD, "Load a Parquet object of an S3 server", vec![s3()], schema::s3_secrets()),
        ],
    }
}

fn operation(name: &str, summary: &str, fields: Vec<Field<'_>>, secrets: Vec<String>) -> Operation {
    let fields = [fields, vec![columns_field()]].concat();
    Operation {
        name: name.to_owned(),
        aliases: Vec::new(),
        summary: summary.to_owned(),
        request_schema: request_schema(name, &fields).to_string(),
        secrets,
        inline_source: None,
        access: Access::TablePermission,
        reply: Reply::JobId,
        resumable: true,
    }
}

fn s3() -> Field<'static> {
    ("s3", schema::s3(json!({ "type": "string", "description": "Key of the object." })), true)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn every_operation_has_a_schema_with_its_required_fields() {
        let description = description();
        for (operation, field) in description.operations.iter().zip(["file_path", "parquet_url", "s3"]) {
            let schema: Value = serde_json::from_str(&operation.request_schema).unwrap();
            assert_eq!(schema["required"], json!(["operation", "table", field]));
            assert_eq!(schema["properties"]["columns"]["items"]["type"], "string");
            assert!(operation.resumable && operation.inline_source.is_none());
        }
        assert_eq!(description.operations[1].secrets, ["/passthrough_headers/*"]);
        assert_eq!(description.operations[2].secrets[0], "/s3/aws_access_key_id");
    }
}
