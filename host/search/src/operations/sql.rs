//! A statement restricted to the tables and attributes that a role may see.

use std::sync::Arc;

use super::budget::Taken;
use super::hidden::hidden_attributes;
use super::readable::readable;
use super::rows::Rows;
use super::{SearchError, SearchLimits};
use crate::query::{Query, QueryError, RowFormat, Search};
use crate::sql::{self, SqlError, SqlRows, SqlStatement, VisibleTable};
use jobhost_access::Role;
use jobhost_model::{Catalog, Right, Table, TableName};
use jobhost_store::RecordStore;

/// A statement that can be run, and no more of each table than the role may read.
#[derive(Debug, Clone)]
pub(super) struct PermittedSql {
    statement: SqlStatement,
    tables: Vec<VisibleTable>,
}

impl PermittedSql {
    pub fn new(statement: &SqlStatement, role: &Role, catalog: &Catalog) -> Result<Self, SearchError> {
        let wanted: Vec<_> = statement.tables().iter().map(|table| (table.clone(), vec![Right::Read])).collect();
        if let Err(mut denial) = role.check_tables(catalog, &wanted) {
            // As in Harper: if the statement reads several databases, the readable tables are checked as well.
            let first = statement.tables().first().map(|table| &table.database);
            if statement.tables().iter().any(|table| Some(&table.database) != first)
                && let Some(attributes) = hidden_attributes(statement, role, catalog)
            {
                denial.add(attributes);
            }
            return Err(denial.into());
        }
        let tables = statement.resolve(catalog)?;
        let visible: Vec<_> = tables.iter().map(|table| visible(role, table)).collect();
        let blind = visible.iter().find(|table| table.columns.is_empty());
        let error = match (sql::check(statement, &visible), blind) {
            (Ok(_), None) => return Ok(PermittedSql { statement: statement.clone(), tables: visible }),
            (Err(error), None) => error.into(),
            // If nothing of a table can be read, not even its record count is revealed. `SELECT *` returns no rows.
            (_, Some(_)) if statement.plain().is_some_and(|plain| plain.columns.is_none()) => {
                return Ok(PermittedSql { statement: statement.clone(), tables: visible });
            }
            (_, Some(VisibleTable { table, .. })) => {
                role.check_readable(table, [table.primary_key.as_str()]).err().unwrap_or_default().into()
            }
        };
        Err(hidden_attributes(statement, role, catalog).map_or(error, SearchError::from))
    }

    pub fn tables(&self) -> Vec<&TableName> {
        self.statement.tables().iter().collect()
    }

    /// Starts the statement. `format.order` applies if the statement does not request an order.
    pub async fn open(
        self,
        store: Arc<dyn RecordStore>,
        format: RowFormat,
        limits: &SearchLimits,
    ) -> Result<Rows, QueryError> {
        if let (Some(plain), [visible]) = (self.statement.plain(), self.tables.as_slice()) {
            if visible.columns.is_empty() {
                return Ok(Rows::none());
            }
            // The columns were checked together with the statement.
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
        // Opening the snapshot and preparing the statement may wait for the disk.
        let open = move || SqlRows::open(store, &self.statement, &self.tables, format.shape, format.separator, limits);
        let rows = tokio::task::spawn_blocking(open).await;
        Ok(Rows::of_sql(rows.map_err(|error| SqlError::Unavailable(error.to_string()))??, taken))
    }
}

fn visible(role: &Role, table: &Arc<Table>) -> VisibleTable {
    if role.restricts_attributes(table) {
        VisibleTable { table: Arc::clone(table), columns: readable(role, table) }
    } else {
        VisibleTable::whole(Arc::clone(table))
    }
}
