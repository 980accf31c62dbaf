//! What plugins that load records into a table have in common: the fields of their requests with their rules, the way to
//! the host, and how a load's end becomes the job's.
//!
//! Knows no format and no source: those are the plugins' own.

mod host;
mod outcome;
mod place;
mod request;
mod schema;

pub use host::{GuestHost, GuestSource, SourceInput};
pub use outcome::{failure, loaded};
pub use place::Place;
pub use request::{Asked, KEY_REQUIRED, MAX_NAME_CHARACTERS, asked, check_load, is_action};
pub use schema::request_schema;
