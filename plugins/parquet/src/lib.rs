//! Parquet in, JSON records out, and back: in bounded memory, whatever the size of a file.
//!
//! Pure: no WIT, no files, no network. Reading: `source` fetches what is asked for through a few open streams and small
//! windows, `columns` chooses and checks columns, `value` writes values as JSON, [`load`] is a whole load: one pass that checks
//! every record and writes nothing, one that writes. Writing: `infer` finds a type for each column of rows that have no schema,
//! [`RowWriter`] writes them.
//!
//! What becomes of values is told in `docs/plugins.md`. Nothing is rounded, and null stays null.

mod columns;
mod error;
mod exact;
mod infer;
mod load;
mod rows;
mod source;
mod time;
mod value;
mod writer;

pub use error::Problem;
pub use infer::{ColumnType, Inference};
pub use load::{LoadError, Options, load};
pub use rows::MalformedRows;
pub use writer::{Compression, RowWriter, WriteError};
