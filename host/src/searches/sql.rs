//! The operation `sql`: its statement, and what a role may see of the tables in it.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::budget::Taken;
use super::permitted::readable;
use super::rows::Rows;
use super::{SearchError, SearchLimits};
use crate::access::{Denial, Right, Role};
use crate::records::query::{Query, QueryError, RowFormat, Search};
use crate::records::sql::{self, SqlError, SqlRows, SqlStatement, VisibleTable};
use crate::records::{Catalogue, Store, Table, TableName};

/// The statement of the request's `sql`.
pub(super) fn statement(fields: &Map<String, Value>) -> Result<SqlStatement, SqlError> {
    match fields.get("sql") {
        None | Some(Value::Null) => {
            Err(SqlError::Invalid("The 'sql' parameter is missing from the request body".to_owned()))
        }
        Some(Value::String(text)) => SqlStatement::parse(text),
        Some(_) => Err(SqlError::Invalid("'sql' must be a string".to_owned())),
    }
}

/// A statement that can be run, and no more of each table than the role may read.
#[derive(Debug, Clone)]
pub(super) struct PermittedSql {
    statement: SqlStatement,
    tables: Vec<VisibleTable>,
}

impl PermittedSql {
    pub fn new(statement: &SqlStatement, role: &Role, catalogue: &Catalogue) -> Result<Self, SearchError> {
        let wanted: Vec<_> = statement.tables().iter().map(|table| (table.clone(), vec![Right::Read])).collect();
        role.check_tables(catalogue, &wanted)?;
        let tables = statement.resolve(catalogue)?;
        let visible = tables.iter().map(|table| visible(role, table)).collect::<Result<Vec<_>, _>>()?;
        match sql::check(statement, &visible) {
            Ok(_) => Ok(PermittedSql { statement: statement.clone(), tables: visible }),
            Err(error) => Err(hidden_attributes(statement, &tables, role).unwrap_or_else(|| error.into())),
        }
    }

    pub fn tables(&self) -> Vec<&TableName> {
        self.statement.tables().iter().collect()
    }

    /// Begins it. `format.order` counts where the statement asks for no order.
    pub async fn open(
        self,
        store: Arc<dyn Store>,
        format: RowFormat,
        limits: &SearchLimits,
    ) -> Result<Rows, QueryError> {
        if let (Some(plain), [visible]) = (self.statement.plain(), self.tables.as_slice()) {
            // The columns were checked with the statement.
            let attributes = plain.columns.clone().unwrap_or_else(|| visible.columns.clone());
            let query = Query { attributes: Some(attributes), ..Query::everything() };
            let taken = match &limits.budget {
                Some(budget) => budget.scan().await?,
                None => Taken::default(),
            };
            let search = Search::open(store.as_ref(), &visible.table, query, format, limits.of_query()).await?;
            return Ok(Rows::of_search(store, search, taken));
        }
        let taken = match &limits.budget {
            Some(budget) => budget.sql().await?,
            None => Taken::default(),
        };
        let limits = limits.of_sql();
        // The snapshot and the statement are made on a thread that may wait for the disk.
        let open = move || SqlRows::open(store, &self.statement, &self.tables, format.shape, format.separator, limits);
        let rows = tokio::task::spawn_blocking(open).await;
        Ok(Rows::of_sql(rows.map_err(|error| SqlError::Unavailable(error.to_string()))??, taken))
    }
}

fn visible(role: &Role, table: &Arc<Table>) -> Result<VisibleTable, Denial> {
    if !role.restricts_attributes(table) {
        return Ok(VisibleTable::whole(Arc::clone(table)));
    }
    let columns = readable(role, table);
    if columns.is_empty() {
        role.check_readable(table, [table.primary_key.as_str()])?;
    }
    Ok(VisibleTable { table: Arc::clone(table), columns })
}

/// The refusal of a statement that would be right if the role could read all it names.
fn hidden_attributes(statement: &SqlStatement, tables: &[Arc<Table>], role: &Role) -> Option<SearchError> {
    if !tables.iter().any(|table| role.restricts_attributes(table)) {
        return None;
    }
    let whole: Vec<_> = tables.iter().cloned().map(VisibleTable::whole).collect();
    let reads = sql::check(statement, &whole).ok()?.reads;
    let mut denied = Denial::default();
    for table in tables {
        let names = reads.get(&table.name).into_iter().flatten().map(String::as_str);
        if let Err(denial) = role.check_readable(table, names) {
            denied.unauthorized_access.extend(denial.unauthorized_access);
        }
    }
    if denied.is_empty() { None } else { Some(denied.into()) }
}
