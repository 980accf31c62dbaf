//! Read-only SQL over records: one SELECT, run by SQLite on virtual tables over a store snapshot.
//!
//! The text is parsed (`parse`) and then rendered for SQLite from the syntax tree (`render`), so SQLite never sees a
//! statement, function or name that was not checked. This module must never write anything except its own temporary
//! files, never open a file or a database that a statement names, and never use more memory, disk or time than
//! `SqlLimits` allows.
//!
//! Names of databases, tables and attributes are compared byte for byte, as everywhere in records, although SQLite
//! folds case: see `names`. Permissions are the caller's responsibility; columns that a table does not show are unknown
//! here.

mod connection;
mod functions;
mod like;
mod literal;
mod names;
mod output;
mod parse;
mod plain;
mod reader;
mod render;
mod rows;
mod sentences;
mod state;
mod values;
mod vtab;
mod write;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

pub(crate) use connection::prepare;
pub use connection::{Checked, check};
pub use plain::PlainSelect;
pub use rows::SqlRows;
pub use write::{RowSource, SqlInsert, SqlUpdate, SqlWrite, SqlWriteKind, is_write};

use super::query::{QueryError, selectable_attributes};
use jobhost_budget::{DiskPool, Owner};
use jobhost_model::Limit;
use jobhost_model::table::{Catalog, Table, TableName};
use jobhost_store::{StoreError, StoreErrorKind};

/// Maximum size of a statement in bytes.
pub const MAX_SQL_BYTES: usize = 64 << 10;
/// Maximum number of tables in one statement.
pub const MAX_TABLES: usize = 16;
/// Maximum number of databases in one statement.
pub const MAX_DATABASES: usize = 8;
/// Columns that one table can show to a statement, and that a result can have: SQLite's own bound.
pub const MAX_COLUMNS: usize = 2000;
/// Maximum number of columns that all `*` of a statement may stand for together. SQLite takes some ten microseconds per
/// column.
const MAX_STAR_COLUMNS: usize = 8000;
/// Maximum of windows times columns squared, which SQLite's planning time for windows is proportional to.
const MAX_WINDOW_WORK: usize = 4_000_000;
/// The longest text or blob, and the longest row while it is sorted.
const MAX_VALUE_BYTES: usize = 16 << 20;

/// Why a statement cannot be run. The messages are for the client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SqlError {
    #[error("{0}")]
    Invalid(String),
    /// The database or table does not exist.
    #[error("{0}")]
    NotFound(String),
    /// The machine cannot start another thread.
    #[error("{0}")]
    Unavailable(String),
}

impl From<SqlError> for QueryError {
    fn from(error: SqlError) -> Self {
        match error {
            SqlError::Invalid(message) => QueryError::Invalid(message),
            SqlError::NotFound(message) => QueryError::Store(StoreError::new(StoreErrorKind::NotFound, message)),
            SqlError::Unavailable(message) => QueryError::Store(StoreError::new(StoreErrorKind::Unavailable, message)),
        }
    }
}

/// What one query may take.
#[derive(Debug, Clone)]
pub struct SqlLimits {
    /// For sorting. What is more goes to temporary files.
    pub memory_bytes: Limit,
    /// Bytes that may be written to temporary files.
    pub spill_bytes: Limit,
    /// Where temporary files are made; they have no name there, so that nothing is left behind. Made if it is absent.
    pub spill_dir: PathBuf,
    /// Time of computing. Waiting for whoever reads the rows does not count.
    pub time: Limit,
    /// Memory of all statements of the process together.
    pub heap_bytes: usize,
    /// The budget that temporary files are charged to; `None`: not charged.
    pub spill: Option<Spill>,
}

impl SqlLimits {
    /// Default of [`SqlLimits::memory_bytes`].
    pub const MEMORY_BYTES: Limit = Limit::new("sql.memory_bytes", 32 << 20);
    /// Default of [`SqlLimits::spill_bytes`].
    pub const SPILL_BYTES: Limit = Limit::new("sql.spill_bytes", 10 << 30);
    /// Default of [`SqlLimits::time`].
    pub const TIME: Limit = Limit::new("sql.timeout_seconds", 3600);
}

/// Whose temporary files they are.
#[derive(Debug, Clone)]
pub struct Spill {
    pub disk: DiskPool,
    pub owner: Owner,
}

/// A parsed statement: its text for SQLite, and what it reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqlStatement {
    rendered: Vec<Part>,
    tables: Vec<TableName>,
    /// Every name that may be a column. A wide table declares only these.
    names: BTreeSet<String>,
    /// Of these, the ones in double quotes without a table: clients of other databases mean text by that.
    double_quoted: BTreeSet<String>,
    /// How often `*` or `t.*` stands in it.
    stars: usize,
    /// Number of OVER and WINDOW clauses, and of column references including repetitions.
    windows: usize,
    columns: usize,
    /// Whether tables may be replaced by copies: no column is qualified with its database, which a copy does not have.
    copyable: bool,
    /// Result columns that are omitted from a row if they are null.
    may_be_absent: BTreeSet<String>,
    plain: Option<PlainSelect>,
}

/// A piece of the text for SQLite.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    /// A table in FROM, with its number in `tables`, and whether an alias follows.
    Table {
        number: usize,
        named: bool,
    },
}

impl SqlStatement {
    /// Adds a hint at single quotes to an error, if the attribute that it calls unknown is in double quotes.
    fn with_hint(&self, error: QueryError) -> QueryError {
        let QueryError::Invalid(message) = error else { return error };
        let unknown = self.double_quoted.iter().find(|name| message == format!("unknown attribute '{name}'"));
        QueryError::Invalid(match unknown {
            Some(name) => {
                let text = name.replace('\'', "''");
                format!("{message}; if it is meant as text, write it in single quotes: '{text}'")
            }
            None => message,
        })
    }

    /// Parses exactly one SELECT.
    pub fn parse(text: &str) -> Result<SqlStatement, SqlError> {
        parse::parse(text)
    }

    /// Returns the tables that the statement reads, without duplicates, in order of first mention.
    pub fn tables(&self) -> &[TableName] {
        &self.tables
    }

    /// Returns the selected columns if the statement only selects columns of a single table.
    pub fn plain(&self) -> Option<&PlainSelect> {
        self.plain.as_ref()
    }

    /// Returns the names that the statement may use as columns of any of its tables; `None` if it selects all columns
    /// with `*`.
    pub fn named_columns(&self) -> Option<&BTreeSet<String>> {
        if self.stars > 0 { None } else { Some(&self.names) }
    }

    /// Returns the text for SQLite. Tables in `copied` are first read into a temporary table, which SQLite can index.
    fn sql(&self, copied: &BTreeSet<usize>) -> String {
        let mut sql = String::new();
        for part in &self.rendered {
            let (number, named) = match part {
                Part::Text(text) => {
                    sql.push_str(text);
                    continue;
                }
                Part::Table { number, named } => (number, named),
            };
            let Some(name) = self.tables.get(*number) else { continue };
            let copy = copied.contains(number);
            // A LIMIT keeps SQLite from flattening the subquery into the outer query.
            sql.push_str(if copy { "(SELECT * FROM " } else { "" });
            names::push_quoted(&mut sql, &name.database);
            sql.push('.');
            names::push_quoted(&mut sql, &name.table);
            sql.push_str(if copy { " LIMIT -1)" } else { "" });
            if copy && !named {
                sql.push_str(" AS ");
                names::push_quoted(&mut sql, &name.table);
            }
        }
        sql
    }

    /// Looks up the tables in the catalog. Returns `NotFound` for the first one that does not exist.
    pub fn resolve(&self, catalog: &Catalog) -> Result<Vec<Arc<Table>>, SqlError> {
        let find = |name: &TableName| match catalog.table(name) {
            Some(table) => Ok(Arc::clone(table)),
            None if catalog.has_database(&name.database) => Err(missing_table(name)),
            None => Err(SqlError::NotFound(format!("database '{}' does not exist", name.database))),
        };
        self.tables.iter().map(find).collect()
    }
}

fn missing_table(name: &TableName) -> SqlError {
    SqlError::NotFound(format!("Table '{name}' does not exist"))
}

/// A table with the columns that a statement may see, in the order of `*`.
#[derive(Debug, Clone)]
pub struct VisibleTable {
    pub table: Arc<Table>,
    pub columns: Vec<String>,
}

impl VisibleTable {
    /// Creates a table with all columns that `*` stands for.
    pub fn whole(table: Arc<Table>) -> Self {
        let columns = selectable_attributes(&table).into_iter().map(str::to_owned).collect();
        VisibleTable { table, columns }
    }
}

#[cfg(test)]
mod tests;
