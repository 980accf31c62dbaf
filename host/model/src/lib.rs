//! Shared types of the host: names, keys, tables, times, job rows, and untrusted JSON.
//!
//! No I/O, and no rules that belong to a single crate. This crate knows nothing about stores, permissions, WebAssembly
//! or HTTP.

#![warn(missing_docs, unreachable_pub)]

pub mod attributes;
pub mod jobs;
pub mod json;
pub mod key;
pub mod objects;
pub mod plain_text;
pub mod rights;
pub mod rows;
pub mod table;
pub mod time;

pub use attributes::Attributes;
pub use key::{Key, KeyError};
pub use objects::{Encoding, ObjectInfo, Receipt, S3Location};
pub use rights::Right;
pub use rows::RowShape;
pub use table::{Action, Attribute, AttributeType, Catalog, Table, TableName};
pub use time::{Clock, SystemClock, Timestamp};
