//! The rows of any kind of search.

use std::sync::Arc;

use super::budget::Taken;
use crate::query::{QueryError, Search};
use crate::sql::SqlRows;
use jobhost_store::RecordStore;

/// A running search. It pins a store snapshot until it is dropped.
pub struct Rows {
    input: Input,
    /// Fields are dropped in declaration order: the charge is released after the snapshot.
    _taken: Taken,
}

enum Input {
    Search(Arc<dyn RecordStore>, Box<Search>),
    Sql(SqlRows),
    Nothing,
}

impl Rows {
    pub(super) fn of_search(store: Arc<dyn RecordStore>, search: Search, taken: Taken) -> Self {
        Rows { input: Input::Search(store, Box::new(search)), _taken: taken }
    }

    pub(super) fn of_sql(rows: SqlRows, taken: Taken) -> Self {
        Rows { input: Input::Sql(rows), _taken: taken }
    }

    /// Creates an empty result without columns.
    pub(super) fn none() -> Self {
        Rows { input: Input::Nothing, _taken: Taken::default() }
    }

    /// Returns the names of the columns, in order.
    pub fn columns(&self) -> &[String] {
        match &self.input {
            Input::Search(_, search) => search.columns(),
            Input::Sql(rows) => rows.columns(),
            Input::Nothing => &[],
        }
    }

    /// Appends the next rows to `out`: at most about 256 KiB, possibly none. Returns false at the end. Rows are
    /// separated, also across pages; there is no separator before the first row or after the last.
    pub async fn next(&mut self, out: &mut Vec<u8>) -> Result<bool, QueryError> {
        match &mut self.input {
            Input::Search(store, search) => search.next(store.as_ref(), out).await,
            Input::Sql(rows) => rows.next(out).await,
            Input::Nothing => Ok(false),
        }
    }
}
