//! Shared code of the plugins that load records into a table: the fields of their requests and the rules for them,
//! access to the host, and the conversion of a load's result into the job's result.
//!
//! This crate must not know any format or source. Each plugin brings its own.

mod columns;
mod compression;
mod host;
mod json_options;
mod media_types;
mod outcome;
mod place;
mod request;
mod s3;
mod schema;

pub use columns::{check_columns, columns_field};
pub use compression::{check_compression, compression_field};
pub use host::{GuestHost, GuestSource, SourceInput, described};
pub use jobhost_load::Table;
pub use json_options::{JsonOptions, check_json_options, json_fields};
pub use media_types::CSV_MEDIA_TYPES;
pub use outcome::failure;
pub use place::Place;
pub use request::{Asked, KEY_REQUIRED, MAX_NAME_CHARACTERS, asked, check_atomic, check_load, check_target, is_action};
pub use s3::check_s3;
pub use schema::{request_schema, request_schema_without_table};
