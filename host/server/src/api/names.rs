//! Names of databases, tables and attributes in requests, and errors of a request as a refusal.

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
    let table = match envelope.value("table")? {
        None => {
            problems.add("'table' is required");
            None
        }
        Some(value) => problems.take(check_name("table", &value)),
    };
    Ok(database.zip(table).map(|(database, table)| TableName { database, table }))
}

/// The same for operations that write records, in which clients of Harper may write a name of digits as a number.
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

/// A request about one table and nothing else that could be wrong.
pub(super) fn only_table_name(envelope: &Envelope) -> Result<TableName, ApiError> {
    let mut problems = Problems::default();
    match table_name(envelope, &mut problems)? {
        Some(name) => Ok(name),
        None => Err(problems.into()),
    }
}
