//! Searching records: typed conditions, projection, sorting, in bounded memory.
//!
//! Works on the JSON texts of records. Nothing here builds a tree of a record, reprints a number, or knows the user:
//! permissions are the caller's responsibility.

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

/// Why a search cannot be done.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The request is wrong; the sentence is for the client.
    #[error("{0}")]
    Invalid(String),
    /// The result would take more memory than a search may; the sentence says what to do.
    #[error("{0}")]
    TooLarge(String),
    #[error("{0}")]
    Store(#[from] StoreError),
    /// There is no room for it at the moment.
    #[error(transparent)]
    Exhausted(#[from] Exhausted),
}

/// What to look for and how to show it.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    pub filter: Filter,
    /// Look only at these keys, and in this order; `None` looks at the whole table in order of key.
    pub keys: Option<Vec<Key>>,
    /// What each row shows, in this order; `None` shows everything.
    pub attributes: Option<Vec<String>>,
    pub sort: Option<Sort>,
    pub limit: Option<u64>,
    pub offset: u64,
}

impl Query {
    pub fn everything() -> Self {
        Query { filter: Filter::everything(), keys: None, attributes: None, sort: None, limit: None, offset: 0 }
    }

    /// Whether it looks at the records of certain keys, and scans nothing.
    pub fn looks_up_keys(&self, primary_key: &str) -> bool {
        self.keys.is_some() || self.filter.pinned_key(primary_key).is_some()
    }

    /// Refuses attributes that the table does not have, all of them in one sentence, as Harper words it.
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
