//! Loads records of any format. If what is written becomes visible only at the end, one pass reads, checks and writes.
//! Otherwise a first pass checks every record and writes nothing, and the second writes them. Both read the source from its
//! start, so that nothing has to be kept in memory.
//!
//! This crate is pure: no WIT, no files, no network. [`Host`] is the interface to the host, [`Format`] the interface to
//! a format. The crate also contains what formats share: types of attributes, error messages for keys and values, and
//! JSON inside of text.

mod attribute;
mod checkpoint;
#[cfg(feature = "memory")]
pub mod counting;
mod decoding;
mod driver;
mod error;
mod first;
mod format;
mod host;
mod input;
pub mod json_text;
mod key;
#[cfg(feature = "memory")]
pub mod memory;

pub use attribute::{AttributeType, SYSTEM_ATTRIBUTES, ValueError};
pub use checkpoint::{Checkpoint, CheckpointError};
pub use decoding::{Decoding, encoding_option, shown_value};
pub use driver::{Loaded, load};
pub use encoding_rs::Encoding;
pub use error::LoadError;
pub use first::{FirstRecords, first_records};
pub use format::{Format, Step};
pub use host::{Host, Input, Open, Reject, Table, Warning, shown};
pub use key::{KeyError, MAX_KEY_BYTES};
