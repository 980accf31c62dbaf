//! CSV in, JSON records out, by the grammar and the typing of the Operations API.
//!
//! Pure: no WIT, no files, no network. Bytes are fed in, and nothing that comes in can make it panic or use memory
//! without bound: a record may have 256 KiB. The parts, from the bottom up:
//!
//! * [`Reader`] cuts a stream of bytes into records and cells, strictly, with positions;
//! * [`cast`] decides what a cell of an untyped column is, [`ColumnType`] what one of a typed column is;
//! * [`RecordEncoder`] turns a record into one JSON object;
//! * [`load`] does a whole load in two passes: validate everything, then write.

pub mod cast;
mod cells;
mod column;
mod date;
mod dialect;
mod encode;
mod error;
mod header;
mod json_cell;
mod key;
pub mod load;
mod number;
mod reader;
mod record;
mod scan;

pub use column::ColumnType;
pub use dialect::{Dialect, Newline};
pub use encode::{EncodeOptions, RecordEncoder};
pub use error::{CellError, Problem, SyntaxError};
pub use header::{Header, HeaderError};
pub use key::{KeyError, MAX_KEY_BYTES};
pub use reader::{MAX_RECORD_BYTES, Reader, Step};
pub use record::{Cell, Record};
