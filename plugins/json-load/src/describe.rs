//! The description of the plugin.

use jobhost_load_plugin::{Place, compression_field, json_fields, request_schema};
use jobhost_plugin::{Access, Capability, Description, Operation, Reply};

use crate::request::{DATA_LOAD, FILE_LOAD, URL, URL_LOAD};

/// The formats of input that a request may refer to.
const FORMAT: &str = "JSON text (an array of objects, one object, or an object a line)";

pub(crate) fn description() -> Description {
    Description {
        name: "json-load".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        summary: "Loads JSON from the request, a file or a URL into a table".to_owned(),
        capabilities: vec![Capability::Insert, Capability::Update, Capability::ReadFile, Capability::FetchUrl],
        operations: vec![
            operation(DATA_LOAD, "Load JSON text that the request carries", Place::Data),
            operation(FILE_LOAD, "Load a JSON file of the server", Place::File),
            operation(URL_LOAD, "Load JSON from a URL", URL),
        ],
    }
}

fn operation(name: &str, summary: &str, place: Place) -> Operation {
    Operation {
        name: name.to_owned(),
        aliases: Vec::new(),
        summary: summary.to_owned(),
        request_schema: request_schema(
            name,
            &[&place.fields(FORMAT)[..], &json_fields(), &[compression_field()]].concat(),
        )
        .to_string(),
        secrets: place.secrets(),
        inline_source: place.inline_source(),
        access: Access::TablePermission,
        reply: Reply::JobId,
        resumable: true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn every_operation_has_a_schema_with_its_required_fields() {
        let description = description();
        for (operation, field) in description.operations.iter().zip(["data", "file_path", "json_url"]) {
            let schema: Value = serde_json::from_str(&operation.request_schema).unwrap();
            assert_eq!(schema["required"], json!(["operation", "table", field]));
            assert!(operation.resumable);
        }
        assert_eq!(description.operations[0].inline_source.as_deref(), Some("/data"));
        assert_eq!(description.operations[2].secrets, ["/passthrough_headers/*"]);
    }
}
