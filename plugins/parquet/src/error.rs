//! Problems with a Parquet file that is loaded, with messages for the person who sent it.

use parquet::errors::ParquetError;

/// Maximum number of names that a message lists.
const SHOWN_NAMES: usize = 20;

/// A problem with the file that stops a load.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    #[error("The file is not valid Parquet, or is damaged: {0}")]
    File(ParquetError),
    #[error("The file has {found} rows, but its footer says {said}: it is damaged")]
    RowCount { found: u64, said: u64 },
    #[error("The size of the source is not known, and Parquet is read from its end: load it uncompressed")]
    NoSize,
    #[error("The file has no column '{name}'; it has {}", names(.known))]
    NoColumn { name: String, known: Vec<String> },
    #[error(
        "Column '{column}' has the type {kind}, which cannot be loaded: leave it out with 'columns' or write it as text"
    )]
    Type { column: String, kind: String },
    #[error(
        "Column '{column}' is compressed with {codec}, which cannot be read here: write the file with snappy, zstd, gzip, \
         lz4_raw or no compression"
    )]
    Compression { column: String, codec: String },
    #[error("Row {row}, column '{column}': {what}")]
    Value { row: u64, column: String, what: String },
    #[error("Row {row}: {problem}")]
    Record { row: u64, problem: jobhost_json::Problem },
}

impl Problem {
    /// A short identifier of the problem, for programs.
    pub fn kind(&self) -> &'static str {
        match self {
            Problem::File(_) | Problem::RowCount { .. } | Problem::NoSize => "syntax",
            Problem::NoColumn { .. } => "attribute",
            Problem::Type { .. } | Problem::Compression { .. } | Problem::Value { .. } => "type",
            Problem::Record { problem, .. } => problem.kind(),
        }
    }

    /// Returns the number of the row that has the problem, starting at 1.
    pub(crate) fn row(&self) -> Option<u64> {
        match self {
            Problem::Value { row, .. } | Problem::Record { row, .. } => Some(*row),
            _ => None,
        }
    }

    pub(crate) fn column(&self) -> Option<&str> {
        match self {
            Problem::NoColumn { name: column, .. }
            | Problem::Type { column, .. }
            | Problem::Compression { column, .. }
            | Problem::Value { column, .. } => Some(column),
            Problem::Record { problem, .. } => problem.attribute(),
            _ => None,
        }
    }
}

fn names(known: &[String]) -> String {
    let shown: Vec<&str> = known.iter().take(SHOWN_NAMES).map(String::as_str).collect();
    let more = known.len().saturating_sub(shown.len());
    match more {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
