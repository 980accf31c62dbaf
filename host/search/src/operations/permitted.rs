//! A search restricted to what a role may see, ready to be opened.

use std::sync::Arc;

use super::budget::Taken;
use super::names::missing_table;
use super::readable::readable;
use super::request::{Asked, SearchRequest, TableSearch};
use super::rows::Rows;
use super::sql::PermittedSql;
use super::{SearchError, SearchLimits};
use crate::query::{Query, QueryError, RowFormat, Search, Separator};
use crate::sql::SqlStatement;
use jobhost_access::{Denial, Role};
use jobhost_model::{Catalog, Right, RowShape, Table, TableName};
use jobhost_store::{RecordStore, ScanOrder};

/// A search that the role allows, on tables and attributes that exist.
#[derive(Debug, Clone)]
pub struct PermittedSearch(Permitted);

#[derive(Debug, Clone)]
enum Permitted {
    Table { table: Arc<Table>, query: Query },
    Sql(PermittedSql),
}

impl SearchRequest {
    /// Checks the search against the role. A name that the role may not read is rejected; `*` omits what the role may
    /// not read.
    pub fn permitted(&self, role: &Role, catalog: &Catalog) -> Result<PermittedSearch, SearchError> {
        match &self.asked {
            Asked::Table(search) => search.permitted(role, catalog).map(PermittedSearch),
            Asked::Sql(Ok(statement)) => PermittedSearch::of_sql(statement, role, catalog),
            Asked::Sql(Err(error)) => Err(error.clone().into()),
        }
    }
}

impl TableSearch {
    fn permitted(&self, role: &Role, catalog: &Catalog) -> Result<Permitted, SearchError> {
        if let Some(name) = &self.table {
            role.check_table(catalog, name, Right::Read)?;
        }
        let mut query = self.query.clone().map_err(SearchError::Invalid)?;
        let name = self.table.as_ref().ok_or_else(|| SearchError::Invalid("'table' is required".to_owned()))?;
        let table = catalog.table(name).ok_or_else(|| SearchError::NotFound(missing_table(catalog, name)))?;
        if role.restricts_attributes(table) {
            self.check_readable(role, table, &query)?;
            query.attributes.get_or_insert_with(|| readable(role, table));
        } else {
            if let Some(attribute) = self.attribute.as_ref().filter(|attribute| !table.has_attribute(attribute)) {
                return Err(SearchError::Invalid(format!("unknown attribute '{attribute}'")));
            }
            query.check_attributes(table)?;
        }
        Ok(Permitted::Table { table: Arc::clone(table), query })
    }

    /// Checks every attribute that the search names, in the order in which Harper reports them.
    fn check_readable(&self, role: &Role, table: &Table, query: &Query) -> Result<(), Denial> {
        let mut named: Vec<&str> = Vec::new();
        query.filter.each_attribute(&mut |attribute| named.push(attribute));
        named.extend(self.attribute.as_deref());
        named.extend(query.attributes.iter().flatten().map(String::as_str));
        named.extend(query.sort.iter().map(|sort| sort.attribute.as_str()));
        role.check_readable(table, named)
    }
}

impl PermittedSearch {
    /// Checks a statement on its own.
    pub(super) fn of_sql(statement: &SqlStatement, role: &Role, catalog: &Catalog) -> Result<Self, SearchError> {
        PermittedSql::new(statement, role, catalog).map(|sql| PermittedSearch(Permitted::Sql(sql)))
    }

    /// Returns the tables that the search reads.
    pub fn tables(&self) -> Vec<&TableName> {
        match &self.0 {
            Permitted::Table { table, .. } => vec![&table.name],
            Permitted::Sql(sql) => sql.tables(),
        }
    }

    /// Starts the search on the store's current state. `order` applies to a search in one table that does not request
    /// an order.
    pub async fn open(
        self,
        store: Arc<dyn RecordStore>,
        shape: RowShape,
        separator: Separator,
        order: ScanOrder,
        limits: &SearchLimits,
    ) -> Result<Rows, QueryError> {
        let format = RowFormat { shape, separator, order };
        match self.0 {
            Permitted::Table { table, query } => {
                let taken = match &limits.budget {
                    // Looking up keys pins no snapshot.
                    Some(budget) if !query.looks_up_keys(&table.primary_key) => budget.scan().await?,
                    _ => Taken::default(),
                };
                let search = Search::open(store.as_ref(), &table, query, format, limits.of_query()).await?;
                Ok(Rows::of_search(store, search, taken))
            }
            Permitted::Sql(sql) => sql.open(store, format, limits).await,
        }
    }
}
