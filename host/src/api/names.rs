//! Names in requests: databases, tables, attributes; and the collection of sentences about what is wrong with them.

use serde_json::Value;

use super::envelope::Envelope;
use super::error::ApiError;
use crate::records::TableName;
use crate::records::table::DEFAULT_DATABASE;

/// Harper's bound; longer names are refused.
const MAX_NAME_CHARACTERS: usize = 250;

/// Everything that is wrong with a request, to be said at once: `'table' is required. 'records' is required`.
#[derive(Debug, Default)]
pub(super) struct Problems(Vec<String>);

impl Problems {
    pub fn add(&mut self, sentence: impl Into<String>) {
        self.0.push(sentence.into());
    }

    /// The value of a check, or its sentence is added.
    pub fn take<T>(&mut self, checked: Result<T, String>) -> Option<T> {
        checked.map_err(|sentence| self.add(sentence)).ok()
    }

    pub fn into_error(self) -> ApiError {
        ApiError::bad_request(self.0.join(". "))
    }

    pub fn into_result(self) -> Result<(), ApiError> {
        if self.0.is_empty() { Ok(()) } else { Err(self.into_error()) }
    }
}

/// Harper's rule for names: 1 to 250 characters of printable ASCII without slash and backtick.
pub(super) fn check_name(label: &str, value: &Value) -> Result<String, String> {
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

/// `database`, or its synonym `schema`, or the default.
pub(super) fn database(envelope: &Envelope) -> Result<Result<String, String>, ApiError> {
    Ok(match envelope.first_of(&["database", "schema"])? {
        None => Ok(DEFAULT_DATABASE.to_owned()),
        Some((label, value)) => check_name(label, &value),
    })
}

/// `database` and `table`.
pub(super) fn table_name(envelope: &Envelope, problems: &mut Problems) -> Result<Option<TableName>, ApiError> {
    let database = problems.take(database(envelope)?);
    let table = match envelope.value::<Value>("table")? {
        None => {
            problems.add("'table' is required");
            None
        }
        Some(value) => problems.take(check_name("table", &value)),
    };
    Ok(database.zip(table).map(|(database, table)| TableName { database, table }))
}

/// A request about one table and nothing else that could be wrong.
pub(super) fn only_table_name(envelope: &Envelope) -> Result<TableName, ApiError> {
    let mut problems = Problems::default();
    match table_name(envelope, &mut problems)? {
        Some(name) => Ok(name),
        None => Err(problems.into_error()),
    }
}
