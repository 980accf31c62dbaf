//! A search operation as requested.

use serde_json::{Map, Value};

use super::SearchError;
use super::members::{first_of, flag, keys, page, selection, sort};
use super::names::{Problems, table_name};
use crate::query::{Filter, Query, Sort};
use crate::sql::{SqlError, SqlStatement};
use jobhost_model::TableName;

/// Maximum size of a search operation in bytes. Parsed into values, it takes many times that.
pub const MAX_SEARCH_BYTES: usize = 16 << 20;

type Fields = Map<String, Value>;

/// A search operation, parsed but not yet checked. As in Harper, denials are reported before other errors, so
/// `permitted` reports both.
#[derive(Debug, Clone)]
pub struct SearchRequest {
    pub(super) asked: Asked,
}

#[derive(Debug, Clone)]
pub(super) enum Asked {
    Table(Box<TableSearch>),
    Sql(Result<SqlStatement, SqlError>),
}

/// A search in one table.
#[derive(Debug, Clone)]
pub(super) struct TableSearch {
    /// `None` if the table name is invalid; `query` holds the error.
    pub table: Option<TableName>,
    /// The query, or the error message.
    pub query: Result<Query, String>,
    /// The attribute that `search_by_value` searches. Kept separately, because a value of `*` produces no condition
    /// that names it.
    pub attribute: Option<String>,
}

impl SearchRequest {
    /// Returns the members that an operation uses; empty if it is not a search.
    pub fn members_of(operation: &str) -> &'static [&'static str] {
        match operation {
            "search_by_id" | "search_by_hash" => {
                &["database", "schema", "table", "ids", "hash_values", "get_attributes"]
            }
            "search_by_value" => &[
                "database",
                "schema",
                "table",
                "attribute",
                "search_attribute",
                "value",
                "search_value",
                "get_attributes",
                "limit",
                "offset",
                "desc",
                "reverse",
                "sort",
            ],
            "search_by_conditions" => {
                &["database", "schema", "table", "get_attributes", "limit", "offset", "sort", "conditions", "operator"]
            }
            "sql" => &["sql"],
            _ => &[],
        }
    }

    /// Parses an operation. Members that `members_of` does not list are ignored. The caller limits their size.
    pub fn parse(operation: &str, fields: &Fields) -> Result<Self, SearchError> {
        let asked = match operation {
            "search_by_id" => Asked::Table(Box::new(by_id("ids", fields))),
            "search_by_hash" => Asked::Table(Box::new(by_id("hash_values", fields))),
            "search_by_value" => Asked::Table(Box::new(by_value(fields))),
            "search_by_conditions" => Asked::Table(Box::new(by_conditions(fields))),
            "sql" => Asked::Sql(statement(fields)),
            other => {
                let name: String = other.chars().take(100).collect();
                return Err(SearchError::Invalid(format!(
                    "'{name}' is not a search operation: use search_by_id, search_by_hash, search_by_value, search_by_conditions or sql"
                )));
            }
        };
        Ok(SearchRequest { asked })
    }
}

/// `documented` is the documented name of the keys.
fn by_id(documented: &str, fields: &Fields) -> TableSearch {
    let mut problems = Problems::default();
    let table = table_name(fields, &mut problems);
    let sent = first_of(fields, &["ids", "hash_values"]);
    let keys = problems.take(keys(sent.map_or(documented, |(name, _)| name), sent.map(|(_, value)| value.clone())));
    if !fields.contains_key("get_attributes") {
        problems.add("'get_attributes' is required");
    }
    let attributes = problems.take(selection(fields));
    let query = problems.none().map(|()| {
        let keys = keys.unwrap_or_default().into_iter().map(|(key, _)| key).collect();
        Query { keys: Some(keys), attributes: attributes.flatten(), ..Query::everything() }
    });
    TableSearch { table, query, attribute: None }
}

fn by_value(fields: &Fields) -> TableSearch {
    let mut problems = Problems::default();
    let table = table_name(fields, &mut problems);
    let attribute = problems.take(match first_of(fields, &["attribute", "search_attribute"]) {
        None => Err("'attribute' is required".to_owned()),
        Some((_, Value::String(attribute))) => Ok(attribute.clone()),
        Some(_) => Err("'attribute' must be a string".to_owned()),
    });
    let value = problems.take(match first_of(fields, &["value", "search_value"]) {
        None => Err("'value' is required".to_owned()),
        Some((_, value)) => Ok(value),
    });
    let attributes = problems.take(selection(fields)).flatten();
    let (limit, offset) = problems.take(page(fields)).unwrap_or_default();
    let descending = problems.take(flag(fields, "desc")).unwrap_or_default()
        || problems.take(flag(fields, "reverse")).unwrap_or_default();
    let sort = problems.take(sort(fields)).flatten();
    let query = match (attribute.clone(), value) {
        (Some(attribute), Some(value)) => problems.none().and_then(|()| {
            let sort = sort.or_else(|| descending.then(|| Sort { attribute: attribute.clone(), descending: true }));
            let filter = Filter::from_value(attribute, value).map_err(|error| error.to_string())?;
            Ok(Query { filter, keys: None, attributes, sort, limit, offset })
        }),
        _ => Err(problems.into_sentence()),
    };
    TableSearch { table, query, attribute }
}

fn by_conditions(fields: &Fields) -> TableSearch {
    let mut problems = Problems::default();
    let table = table_name(fields, &mut problems);
    let attributes = problems.take(selection(fields)).flatten();
    let (limit, offset) = problems.take(page(fields)).unwrap_or_default();
    let sort = problems.take(sort(fields)).flatten();
    let filter = Filter::from_conditions(fields.get("conditions"), fields.get("operator"));
    let query = match problems.take(filter.map_err(|error| error.to_string())) {
        Some(filter) => problems.none().map(|()| Query { filter, keys: None, attributes, sort, limit, offset }),
        None => Err(problems.into_sentence()),
    };
    TableSearch { table, query, attribute: None }
}

/// The statement of the request's `sql`.
fn statement(fields: &Fields) -> Result<SqlStatement, SqlError> {
    match fields.get("sql") {
        None | Some(Value::Null) => {
            Err(SqlError::Invalid("The 'sql' parameter is missing from the request body".to_owned()))
        }
        Some(Value::String(text)) => SqlStatement::parse(text),
        Some(_) => Err(SqlError::Invalid("'sql' must be a string".to_owned())),
    }
}
