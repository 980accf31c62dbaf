//! Reads Parquet as JSON records and writes JSON rows as Parquet, in limited memory for files of any size.
//!
//! This crate is pure: no WIT, no files, no network. Reading: `source` reads ranges of the file through a few open
//! streams and small windows, `columns` selects and checks columns, `value` writes values as JSON, and [`load`] is a
//! whole load: the first pass checks every record and writes nothing, the second writes them. Writing: `infer` finds a
//! type for each column of rows without a schema, and [`RowWriter`] writes them.
//!
//! `docs/plugins.md` specifies how values are converted. Nothing is rounded, and null stays null.

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
