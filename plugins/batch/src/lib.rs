//! Writes records as JSON directly into the buffer of a batch, whose size is limited.
//!
//! This crate is pure: no WIT, no I/O. The output is always valid UTF-8, and valid JSON as long as the caller closes
//! what it opens. Values from outside are escaped here and nowhere else.

mod block;
mod json;
mod limits;
mod writer;

pub use block::{BLOCK, Block};
pub use json::JsonBuffer;
pub use limits::{Batch, FLUSH_BYTES, FLUSH_RECORDS, MAX_RECORD_BYTES};
pub use writer::{JsonWriter, MAX_GROWTH, MAX_NUMBER_BYTES};
