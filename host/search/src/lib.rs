//! Searches: the search operations of clients and the queries of jobs, evaluated by conditions or by SQL.
//!
//! This crate must not name a storage engine, and it knows nothing about HTTP, jobs or WebAssembly.

mod operations;
pub mod query;
pub mod sql;

pub use operations::{
    Change, MAX_SEARCH_BYTES, PermittedRows, PermittedSearch, PermittedWrite, Problems, Rows, SearchBudget,
    SearchError, SearchLimits, SearchRequest, check_name, keys, missing_table,
};
