//! SQL that writes: checks what a role may write and read, and prepares the search for the affected records.

use super::SearchError;
use super::names::missing_table;
use super::permitted::PermittedSearch;
use crate::sql::{RowSource, SqlInsert, SqlStatement, SqlWrite, SqlWriteKind};
use jobhost_access::Role;
use jobhost_model::table::TableName;
use jobhost_model::{Action, Catalog, Right, Table};

use std::sync::Arc;

/// A statement that the role allows, on a table that exists.
#[derive(Debug)]
pub struct PermittedWrite {
    pub table: Arc<Table>,
    pub change: Change,
    /// Produce rows as arrays of the values described by `Change`, in this order.
    pub rows: Vec<PermittedRows>,
}

/// What to do with each row.
#[derive(Debug)]
pub enum Change {
    /// Write the row's values to these attributes; `None` for the columns of the single search.
    Write(Action, Option<Vec<String>>),
    /// Delete the record whose key is the row's only value.
    Delete,
}

#[derive(Debug)]
pub enum PermittedRows {
    /// A JSON array.
    Literal(String),
    Search(PermittedSearch),
}

impl PermittedWrite {
    /// Checks a statement. Writing requires the right `insert`, `update` or `delete`. Everything that a condition, an
    /// expression or a SELECT reads requires the right to read it, because the effects of the statement would reveal
    /// it.
    pub fn new(statement: SqlWrite, role: &Role, catalog: &Catalog) -> Result<Self, SearchError> {
        let SqlWrite { table: name, kind } = statement;
        let right = match &kind {
            SqlWriteKind::Insert(_) => Right::Insert,
            SqlWriteKind::Update(_) => Right::Update,
            SqlWriteKind::Delete(_) => Right::Delete,
        };
        role.check_table(catalog, &name, right)?;
        let table = catalog.table(&name).ok_or_else(|| SearchError::NotFound(missing_table(catalog, &name)))?;
        let search = |statement: &SqlStatement| PermittedSearch::of_sql(statement, role, catalog);
        let (change, rows) = match kind {
            SqlWriteKind::Insert(SqlInsert { columns, rows }) => {
                let names = columns.iter().flatten().map(String::as_str);
                role.check_attributes(table, Action::Insert, names)?;
                let rows = rows.into_iter().map(|source| match source {
                    RowSource::Literal(row) => Ok(PermittedRows::Literal(row)),
                    RowSource::Select(select) => search(&select).map(PermittedRows::Search),
                });
                (Change::Write(Action::Insert, columns), rows.collect::<Result<_, _>>()?)
            }
            SqlWriteKind::Update(update) => {
                let key = table.primary_key.as_str();
                role.check_attributes(table, Action::Update, update.attributes())?;
                if update.attributes().any(|name| name == key) {
                    let sentence = format!("'{key}' is the primary key of '{name}'; UPDATE cannot change it");
                    return Err(SearchError::Invalid(sentence));
                }
                let reading = update.reading(key, |name| table.has_attribute(name))?;
                let names = std::iter::once(key).chain(update.attributes()).map(str::to_owned).collect();
                (Change::Write(Action::Update, Some(names)), vec![PermittedRows::Search(search(&reading)?)])
            }
            SqlWriteKind::Delete(selection) => {
                let reading = selection.keys(&table.primary_key)?;
                (Change::Delete, vec![PermittedRows::Search(search(&reading)?)])
            }
        };
        Ok(PermittedWrite { table: Arc::clone(table), change, rows })
    }

    pub fn table_name(&self) -> &TableName {
        &self.table.name
    }
}
