//! Shared types of the host: names, keys, tables, times, job rows, and untrusted JSON.
//!
//! No I/O, and no rules that belong to a single crate. This crate knows nothing about stores, permissions, WebAssembly
//! or HTTP.

#![warn(missing_docs, unreachable_pub)]

pub mod attributes;
pub mod jobs;
pub mod json;
pub mod key;
mod limit;
pub mod objects;
pub mod plain_text;
pub mod rights;
pub mod rows;
pub mod table;
pub mod time;

pub use attributes::{Attribute, Attributes};
pub use jobhost_json_text::AttributeType;
pub use key::{Key, KeyError};
pub use limit::Limit;
pub use objects::{Encoding, ObjectInfo, Receipt, S3Location};
pub use rights::Right;
pub use rows::RowShape;
pub use table::{Action, Catalog, Table, TableName};
pub use time::{Clock, SystemClock, Timestamp};
