//! Creates tables and reads their content.

use serde_json::{Value, json};

use crate::client::Client;

/// The database that the tests use.
pub const DATABASE: &str = "gold";

impl Client {
    /// Creates a table with the primary key `id`, and the database if necessary.
    #[track_caller]
    pub fn create_table(&self, table: &str) {
        let request = json!({"operation": "create_table", "database": DATABASE, "table": table, "primary_key": "id"});
        self.post(&request).ok();
    }

    /// Creates a table whose attributes have types: `[("n", "Int"), …]`. The primary key is `id` of type ID.
    #[track_caller]
    pub fn create_typed_table(&self, table: &str, attributes: &[(&str, &str)]) {
        let mut list = vec![json!({"name": "id", "type": "ID", "is_primary_key": true})];
        list.extend(attributes.iter().map(|(name, kind)| json!({"name": name, "type": kind})));
        let request = json!({
            "operation": "create_table", "database": DATABASE, "table": table, "primary_key": "id", "attributes": list,
        });
        self.post(&request).ok();
    }

    #[track_caller]
    pub fn insert(&self, table: &str, records: Value) -> Value {
        let request = json!({"operation": "insert", "database": DATABASE, "table": table, "records": records});
        self.post(&request).ok()
    }

    /// Returns all rows in key order, without the two system times.
    #[track_caller]
    pub fn rows(&self, table: &str) -> Vec<Value> {
        let request = json!({
            "operation": "search_by_value", "database": DATABASE, "table": table,
            "attribute": "id", "value": "*", "get_attributes": ["*"],
        });
        let Value::Array(mut rows) = self.post(&request).ok() else { panic!("rows of {table} are not an array") };
        for row in &mut rows {
            let row = row.as_object_mut().expect("a row is an object");
            row.remove("__createdtime__");
            row.remove("__updatedtime__");
        }
        rows
    }

    /// Returns the number of records that a table reports.
    #[track_caller]
    pub fn count(&self, table: &str) -> u64 {
        let request = json!({"operation": "describe_table", "database": DATABASE, "table": table});
        let description = self.post(&request).ok();
        description["record_count"].as_u64().unwrap_or_else(|| panic!("no record_count in {description}"))
    }
}
