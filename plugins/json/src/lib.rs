//! Reads a stream of JSON records: a top-level array of objects, or a sequence of objects.
//!
//! This crate is pure: no WIT, no files, no network. No input can make it panic or use unlimited memory: a record is
//! limited to 256 KiB and 32 levels of nesting. It accepts exactly what the host accepts in a batch (`records.write`),
//! so every problem is found before anything is written. The modules, from the bottom up:
//!
//! * `scan` finds where values end, and whether they are valid JSON.
//! * `attributes` knows the names, `record` the rules for one record.
//! * `reader` splits the stream into records and tracks positions.
//! * [`load`] is a whole load in the two passes of `jobhost-load`.
//!
//! Values keep their JSON: numbers keep their digits, strings their text. The exception is a string of an untyped
//! attribute that is itself a JSON object or array: it becomes that object or array, as in Harper and in loads of CSV
//! files. A string that only looks like one stays text. If an object repeats a name, the last value counts, as in
//! JavaScript. A byte order mark is skipped. Invalid UTF-8 and unpaired surrogates are errors. `__createdtime__` and
//! `__updatedtime__` are ignored because the host sets them.

mod attributes;
mod error;
pub mod load;
mod one;
mod options;
mod reader;
mod record;
mod scan;

pub use error::{Place, Problem};
pub use load::{LoadError, load};
pub use one::Checker;
pub use options::{Options, Shape};
