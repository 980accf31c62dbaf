//! CSV in, JSON records out, by the grammar and the typing of the Operations API.
//!
//! Pure: no WIT, no files, no network. Bytes are fed in, and nothing that comes in can make it panic or use memory
//! without bound: a record may have 256 KiB. The parts, from the bottom up:
//!
//! * [`Reader`] cuts a stream of bytes into records and cells, strictly, with positions;
//! * [`cast`] decides what a cell of an untyped column is, [`AttributeType`] what one of a typed column is;
//! * [`RecordEncoder`] turns a record into one JSON object;
//! * [`load`] is a whole load, by the two passes of `jobhost-load`.

pub mod cast;
mod cells;
mod column;
pub mod columns;
mod date;
mod dialect;
mod encode;
mod error;
mod header;
mod key;
pub mod load;
mod number;
pub mod options;
mod preface;
pub mod preview;
mod reader;
mod record;
mod scan;

pub use dialect::{Dialect, Newline, Quoting};
pub use encode::{EncodeOptions, RecordEncoder};
pub use error::{Problem, SyntaxError};
pub use header::{Header, HeaderError};
pub use jobhost_load::{AttributeType, KeyError, MAX_KEY_BYTES, Step, ValueError};
pub use reader::{Reader, Reading};
pub use record::{Cell, Record};
