//! Search operations: from a client's JSON to rows, for HTTP responses and for the queries of jobs.
//!
//! A request is parsed (`SearchRequest`), checked against role and catalog (`PermittedSearch`) and then opened
//! (`Rows`). The types allow only this order, so no search can read a table or an attribute that the role does not
//! allow. This module knows access control and records, and nothing about HTTP, jobs or plugins.

mod budget;
mod hidden;
mod members;
mod names;
mod permitted;
mod readable;
mod request;
mod rows;
mod sql;
mod sql_write;

pub use budget::SearchBudget;
pub use members::keys;
pub use names::{Problems, check_name, missing_table};
pub use permitted::PermittedSearch;
pub use request::{MAX_SEARCH_BYTES, SearchRequest};
pub use rows::Rows;
pub use sql_write::{Change, PermittedRows, PermittedWrite};

use crate::query::{self, QueryError};
use crate::sql::{Spill, SqlError, SqlLimits};
use jobhost_access::Denial;
use jobhost_budget::Exhausted;
use jobhost_store::{StoreError, StoreErrorKind};

/// The limits of one search.
#[derive(Debug, Clone)]
pub struct SearchLimits {
    /// Maximum memory, in bytes, for sorting the rows of a search in one table.
    pub sort_bytes: usize,
    pub sql: SqlLimits,
    /// What a search is charged to; `None`: not charged.
    pub budget: Option<SearchBudget>,
}

impl SearchLimits {
    /// Returns the limits for a search in one table.
    fn of_query(&self) -> query::SearchLimits {
        let account = self.budget.as_ref().map(|budget| budget.account.clone());
        query::SearchLimits { sort_bytes: self.sort_bytes, account }
    }

    /// Returns the limits for an SQL statement.
    fn of_sql(&self) -> SqlLimits {
        let spill = self.budget.as_ref().map(|SearchBudget { account, .. }| Spill {
            disk: account.budgets.spill.clone(),
            owner: account.owner.clone(),
        });
        SqlLimits { spill, ..self.sql.clone() }
    }
}

impl Default for SearchLimits {
    fn default() -> Self {
        SearchLimits {
            sort_bytes: 64 << 20,
            sql: SqlLimits {
                memory_bytes: SqlLimits::MEMORY_BYTES,
                spill_bytes: SqlLimits::SPILL_BYTES,
                spill_dir: std::env::temp_dir(),
                time: SqlLimits::TIME,
                heap_bytes: 256 << 20,
                spill: None,
            },
            budget: None,
        }
    }
}

/// Why a search failed. The messages are for the client.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// The request is invalid.
    #[error("{0}")]
    Invalid(String),
    /// The database or table does not exist.
    #[error("{0}")]
    NotFound(String),
    /// The role does not allow the search.
    #[error("{0}")]
    Denied(Denial),
    #[error("{0}")]
    Store(StoreError),
    /// A budget is exhausted at the moment.
    #[error(transparent)]
    Exhausted(#[from] Exhausted),
}

impl From<Denial> for SearchError {
    fn from(denial: Denial) -> Self {
        SearchError::Denied(denial)
    }
}

impl From<QueryError> for SearchError {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::Invalid(sentence) | QueryError::TooLarge(sentence) => SearchError::Invalid(sentence),
            QueryError::Store(error) if error.kind == StoreErrorKind::NotFound => SearchError::NotFound(error.message),
            QueryError::Store(error) => SearchError::Store(error),
            QueryError::Exhausted(exhausted) => SearchError::Exhausted(exhausted),
        }
    }
}

impl From<SqlError> for SearchError {
    fn from(error: SqlError) -> Self {
        QueryError::from(error).into()
    }
}

#[cfg(test)]
mod tests;
