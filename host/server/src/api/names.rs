//! Names of databases, tables and attributes in requests, and the errors of a request as a response.

use serde_json::Value;

use super::envelope::Envelope;
use super::error::ApiError;
use jobhost_model::TableName;
use jobhost_model::table::DEFAULT_DATABASE;

pub(super) use jobhost_search::{Problems, check_name};

impl From<Problems> for ApiError {
    fn from(problems: Problems) -> Self {
        ApiError::bad_request(problems.into_sentence())
    }
}

/// Returns `database`, or its synonym `schema`, or the default.
pub(super) fn database(envelope: &Envelope) -> Result<Result<String, String>, ApiError> {
    Ok(match envelope.first_of(&["database", "schema"])? {
        None => Ok(DEFAULT_DATABASE.to_owned()),
        Some((label, value)) => check_name(label, &value),
    })
}

/// Parses `database` and `table`.
pub(super) fn table_name(envelope: &Envelope, problems: &mut Problems) -> Result<Option<TableName>, ApiError> {
    let database = problems.take(database(envelope)?);
    let table = match envelope.value("table")? {
        None => {
            problems.add("'table' is required");
            None
        }
        Some(value) => problems.take(check_name("table", &value)),
    };
    Ok(database.zip(table).map(|(database, table)| TableName { database, table }))
}

/// Like [`table_name`], for operations that write records, where Harper's clients may send a numeric name as a number.
pub(super) fn written_table_name(envelope: &Envelope, problems: &mut Problems) -> Result<Option<TableName>, ApiError> {
    let named = |label: &str, value: Value| match value {
        Value::Number(number) if number.is_u64() => check_name(label, &Value::String(number.to_string())),
        other => check_name(label, &other),
    };
    let database = problems.take(match envelope.first_of(&["database", "schema"])? {
        None => Ok(DEFAULT_DATABASE.to_owned()),
        Some((label, value)) => named(label, value),
    });
    let table = problems.take(match envelope.value("table")? {
        None => Err("'table' is required".to_owned()),
        Some(value) => named("table", value),
    });
    Ok(database.zip(table).map(|(database, table)| TableName { database, table }))
}

/// Returns the table of a request in which nothing else can be wrong.
pub(super) fn only_table_name(envelope: &Envelope) -> Result<TableName, ApiError> {
    let mut problems = Problems::default();
    match table_name(envelope, &mut problems)? {
        Some(name) => Ok(name),
        None => Err(problems.into()),
    }
}
