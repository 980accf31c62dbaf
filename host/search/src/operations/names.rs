//! Names of databases and tables in requests, and a collector for all errors of a request.

use serde_json::{Map, Value};

use super::members::first_of;
use jobhost_model::table::DEFAULT_DATABASE;
use jobhost_model::{Catalog, TableName};

/// Maximum length of a name in characters, as in Harper.
const MAX_NAME_CHARACTERS: usize = 250;

/// All errors of a request, reported in one message: `'table' is required. 'records' is required`.
#[derive(Debug, Default)]
pub struct Problems(Vec<String>);

impl Problems {
    pub fn add(&mut self, sentence: impl Into<String>) {
        self.0.push(sentence.into());
    }

    /// Returns the value of a successful check, or records its error message.
    pub fn take<T>(&mut self, checked: Result<T, String>) -> Option<T> {
        checked.map_err(|sentence| self.add(sentence)).ok()
    }

    /// Returns all messages as one.
    pub fn into_sentence(self) -> String {
        self.0.join(". ")
    }

    /// Returns `Ok` if there are no errors.
    pub fn none(self) -> Result<(), String> {
        if self.0.is_empty() { Ok(()) } else { Err(self.into_sentence()) }
    }
}

/// Checks a name by Harper's rules: 1 to 250 printable ASCII characters, without slash and backtick.
pub fn check_name(label: &str, value: &Value) -> Result<String, String> {
    let Value::String(name) = value else { return Err(format!("'{label}' must be a string")) };
    if name.is_empty() {
        return Err(format!("'{label}' is not allowed to be empty"));
    }
    if name.chars().count() > MAX_NAME_CHARACTERS {
        return Err(format!("'{label}' length must be less than or equal to {MAX_NAME_CHARACTERS} characters long"));
    }
    if name.contains(['/', '`']) {
        return Err(format!("'{label}' names cannot include backticks or forward slashes"));
    }
    if !name.chars().all(|character| character == ' ' || character.is_ascii_graphic()) {
        return Err(format!("'{label}' names must be printable ASCII characters"));
    }
    Ok(name.clone())
}

/// Parses `database` (or its synonym `schema`, or the default) and `table`.
pub(super) fn table_name(fields: &Map<String, Value>, problems: &mut Problems) -> Option<TableName> {
    let database = match first_of(fields, &["database", "schema"]) {
        None => Some(DEFAULT_DATABASE.to_owned()),
        Some((label, value)) => problems.take(check_name(label, value)),
    };
    let table = match fields.get("table") {
        None => problems.take(Err("'table' is required".to_owned())),
        Some(value) => problems.take(check_name("table", value)),
    };
    database.zip(table).map(|(database, table)| TableName { database, table })
}

/// Returns the error message for a missing table, which names the database if that is missing.
pub fn missing_table(catalog: &Catalog, name: &TableName) -> String {
    if catalog.has_database(&name.database) {
        format!("Table '{name}' does not exist")
    } else {
        format!("database '{}' does not exist", name.database)
    }
}
