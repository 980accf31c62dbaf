//! Searches: the search operations of clients and of jobs' queries, evaluated by conditions or by SQL.
//!
//! Nothing here may name a storage engine, and nothing may know HTTP, jobs or WebAssembly.

mod operations;
pub mod query;
pub mod sql;

pub use operations::{
    Change, MAX_SEARCH_BYTES, PermittedRows, PermittedSearch, PermittedWrite, Problems, Rows, SearchBudget,
    SearchError, SearchLimits, SearchRequest, check_name, keys, missing_table,
};
