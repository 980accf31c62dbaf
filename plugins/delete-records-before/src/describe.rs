//! The description of the plugin.

use jobhost_plugin::{Access, Capability, Description, Operation, Reply};
use serde_json::json;

pub(crate) fn description() -> Description {
    let name = json!({ "type": "string", "minLength": 1, "maxLength": 250 });
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "operation": { "enum": ["delete_records_before", "delete_files_before"] },
            "database": name,
            "schema": name,
            "table": name,
            "date": {
                "type": "string",
                "pattern": r"^\d{4}(-\d\d(-\d\d([T ]\d\d:\d\d(:\d\d([.,]\d+)?)?(Z|[+-]\d\d:?\d\d)?)?)?)?$",
                "description": "Records created before it are deleted. ISO 8601; without a zone it is UTC."
            }
        },
        "required": ["operation", "table", "date"]
    });
    Description {
        name: "delete-records-before".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        summary: "Deletes old records of a table".to_owned(),
        capabilities: vec![Capability::Delete],
        operations: vec![Operation {
            name: "delete_records_before".to_owned(),
            aliases: vec!["delete_files_before".to_owned()],
            summary: "Delete the records of a table that were created before a date".to_owned(),
            request_schema: schema.to_string(),
            secrets: Vec::new(),
            inline_source: None,
            access: Access::SuperUser,
            reply: Reply::JobId,
            resumable: true,
        }],
    }
}
