//! What plugins that load records into a table have in common: the fields of their requests with their rules, the way to
//! the host, and how a load's end becomes the job's.
//!
//! Knows no format and no source: those are the plugins' own.

mod columns;
mod host;
mod outcome;
mod place;
mod request;
mod s3;
mod schema;

pub use columns::{check_columns, columns_field};
pub use host::{GuestHost, GuestSource, SourceInput};
pub use outcome::failure;
pub use place::Place;
pub use request::{Asked, KEY_REQUIRED, MAX_NAME_CHARACTERS, asked, check_load, is_action};
pub use s3::check_s3;
pub use schema::request_schema;
