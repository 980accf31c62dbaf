//! Records on their way to the host: JSON text, written straight into one bounded buffer.
//!
//! Pure: no WIT, no I/O. What is written is always valid UTF-8 and, as long as the caller closes what it opens,
//! valid JSON; values that come from outside are escaped here and nowhere else.

mod block;
mod json;
mod limits;
mod writer;

pub use block::{BLOCK, Block};
pub use json::JsonBuffer;
pub use limits::{Batch, FLUSH_BYTES, FLUSH_RECORDS, MAX_RECORD_BYTES};
pub use writer::{JsonWriter, MAX_GROWTH, MAX_NUMBER_BYTES};
