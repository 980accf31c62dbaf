//! JSON in, JSON records out: a top-level array of objects, or objects one after the other, in a stream.
//!
//! Pure: no WIT, no files, no network. Bytes are fed in, and nothing that comes in can make it panic or use memory
//! without bound: a record may have 256 KiB and 32 levels. What it accepts is exactly what the host accepts in a batch
//! (`records.write`), so that whatever is wrong is found before anything is written. The parts, from the bottom up:
//!
//! * `scan` finds where values end, and whether they are JSON;
//! * `attributes` knows the names, `typed` the types, `record` the rules for one record;
//! * `reader` cuts the stream into records, with positions;
//! * [`load`] is a whole load, by the two passes of `jobhost-load`.
//!
//! Values keep their JSON: numbers their digits, strings their text. But a string of an untyped attribute that is itself
//! a JSON object or array becomes one, as in Harper and as in loads of CSV files; a string that begins so and is no JSON
//! stays text. Where a name stands twice in an object the last value counts, as in JavaScript. A byte order mark is passed
//! over; bytes that are not UTF-8 and halves of surrogate pairs are errors. `__createdtime__` and `__updatedtime__` are
//! left out: they belong to the host.

mod attributes;
mod error;
pub mod load;
mod one;
mod reader;
mod record;
mod scan;
mod typed;

pub use error::{Place, Problem};
pub use load::{LoadError, Options, load};
pub use one::Checker;
pub use reader::{MAX_RECORD_BYTES, Shape};
