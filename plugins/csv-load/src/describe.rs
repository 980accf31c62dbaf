//! What the plugin says of itself.

use jobhost_load_plugin::{compression_field, request_schema};
use jobhost_plugin::{Access, Capability, Description, Operation, Reply};
use serde_json::{Value, json};

pub(crate) fn description() -> Description {
    let data = json!({ "type": "string", "description": "The CSV text itself, header first." });
    let file = json!({ "type": "string", "description": "Path of a file that the server may read." });
    let url = json!({
        "type": "string",
        "format": "uri",
        "pattern": "^[Hh][Tt][Tt][Pp][Ss]?://",
        "description": "Where to fetch the CSV from, by GET."
    });
    let headers = json!({
        "type": "object",
        "additionalProperties": { "type": "string" },
        "description": "Headers to send with the request; they are treated as secrets."
    });
    Description {
        name: "csv-load".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        summary: "Loads CSV from the request, a file or a URL into a table".to_owned(),
        capabilities: vec![Capability::Insert, Capability::Update, Capability::ReadFile, Capability::FetchUrl],
        operations: vec![
            Operation {
                inline_source: Some("/data".to_owned()),
                ..operation("csv_data_load", "Load CSV text that the request carries", &[("data", data, true)])
            },
            operation("csv_file_load", "Load a CSV file of the server", &[("file_path", file, true)]),
            Operation {
                secrets: vec!["/passthrough_headers/*".to_owned()],
                ..operation(
                    "csv_url_load",
                    "Load CSV from a URL",
                    &[("csv_url", url, true), ("passthrough_headers", headers, false)],
                )
            },
        ],
    }
}

fn operation(name: &str, summary: &str, fields: &[(&str, Value, bool)]) -> Operation {
    Operation {
        name: name.to_owned(),
        aliases: Vec::new(),
        summary: summary.to_owned(),
        request_schema: request_schema(
            name,
            &[fields, &jobhost_csv::options::schema(), &[compression_field()]].concat(),
        )
        .to_string(),
        secrets: Vec::new(),
        inline_source: None,
        access: Access::TablePermission,
        reply: Reply::JobId,
        resumable: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_has_a_schema_that_names_what_it_needs() {
        let description = description();
        let needs: Vec<(String, Value)> = description
            .operations
            .iter()
            .map(|operation| {
                let schema: Value = serde_json::from_str(&operation.request_schema).unwrap();
                (operation.name.clone(), schema["required"].clone())
            })
            .collect();
        let expected = [("csv_data_load", "data"), ("csv_file_load", "file_path"), ("csv_url_load", "csv_url")]
            .map(|(name, field)| (name.to_owned(), json!(["operation", "table", field])));
        assert_eq!(needs, expected);
        assert!(description.operations.iter().all(|operation| operation.resumable));
        assert_eq!(description.operations[0].inline_source.as_deref(), Some("/data"));
        assert_eq!(description.operations[2].secrets, ["/passthrough_headers/*"]);
    }
}
