//! Searches records: typed conditions, projection and sorting, in limited memory.
//!
//! Works on the JSON texts of records. This module never builds a tree of a record, never reformats a number, and knows
//! nothing about users: permissions are the caller's responsibility.

mod fields;
mod filter;
mod output;
mod parse;
mod projection;
mod search;
mod sort;
pub(crate) mod text;
mod value;

pub(crate) use fields::{Damaged, Fields, Span};
pub use filter::{Condition, Filter, Test};
pub use parse::{MAX_CONDITION_DEPTH, MAX_CONDITIONS};
pub use projection::selectable_attributes;
pub(crate) use projection::value_at;
pub use search::{RowFormat, Search, SearchLimits, Separator};
pub use sort::Sort;
pub use value::{Number, Scalar};

use std::collections::HashSet;

use jobhost_budget::Exhausted;
use jobhost_model::key::Key;
use jobhost_model::table::Table;
use jobhost_store::StoreError;

/// Why a search failed.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The request is invalid; the message is for the client.
    #[error("{0}")]
    Invalid(String),
    /// The result would exceed the memory limit of a search; the message says what to do.
    #[error("{0}")]
    TooLarge(String),
    #[error("{0}")]
    Store(#[from] StoreError),
    /// A budget is exhausted at the moment.
    #[error(transparent)]
    Exhausted(#[from] Exhausted),
}

/// What to search for and what to return.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    pub filter: Filter,
    /// Look up only these keys, in this order; `None` searches the whole table in key order.
    pub keys: Option<Vec<Key>>,
    /// Attributes of each row, in this order; `None` for all.
    pub attributes: Option<Vec<String>>,
    pub sort: Option<Sort>,
    pub limit: Option<u64>,
    pub offset: u64,
}

impl Query {
    pub fn everything() -> Self {
        Query { filter: Filter::everything(), keys: None, attributes: None, sort: None, limit: None, offset: 0 }
    }

    /// Returns whether the query only looks up keys and scans nothing.
    pub fn looks_up_keys(&self, primary_key: &str) -> bool {
        self.keys.is_some() || self.filter.pinned_key(primary_key).is_some()
    }

    /// Rejects attributes that the table does not have. Names all of them in one message, as Harper does.
    pub fn check_attributes(&self, table: &Table) -> Result<(), QueryError> {
        let mut named: Vec<&str> = self.attributes.iter().flatten().map(String::as_str).collect();
        self.filter.each_attribute(&mut |attribute| named.push(attribute));
        named.extend(self.sort.iter().map(|sort| sort.attribute.as_str()));
        let mut seen = HashSet::new();
        named.retain(|name| !table.has_attribute(name) && seen.insert(*name));
        let unknown = named;
        match unknown.split_last() {
            None => Ok(()),
            Some((only, [])) => Err(QueryError::Invalid(format!("unknown attribute '{only}'"))),
            Some((last, others)) => {
                Err(QueryError::Invalid(format!("unknown attribute '{} and {last}'", others.join(", "))))
            }
        }
    }
}

#[cfg(test)]
mod tests;
