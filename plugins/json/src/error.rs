//! Problems with JSON that is loaded, with messages for the person who sent it. Where Harper has a message, it is
//! Harper's.

use std::fmt;

use jobhost_load::{KeyError, ValueError};

/// A position in the input: line and byte in the line start at 1, the offset in the input starts at 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub line: u64,
    pub column: u64,
    pub offset: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}, byte {}", self.line, self.column, self.offset)
    }
}

/// A problem with the input that stops a load.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The input is blank or ends in the middle of a value.
    #[error("Parser has expected a value")]
    Truncated { place: Place },
    #[error("Top-level object should be an array.")]
    NotAnArray { place: Place },
    #[error("{}", not_objects(.positions))]
    NotObjects { positions: Vec<u64> },
    #[error("Invalid JSON at {place}: {what}")]
    Syntax { place: Place, what: String },
    #[error("The text at {place} is not UTF-8: save the file as UTF-8")]
    NotUtf8 { place: Place },
    #[error("The record at {place} has bytes that are not {encoding}, the charset that the source names")]
    WrongEncoding { place: Place, encoding: &'static str },
    #[error(
        "The record at {place} is longer than {limit} bytes (sandbox.record_bytes): split it or shorten its values"
    )]
    RecordTooLong { place: Place, limit: usize },
    #[error("The record is nested deeper than {limit} levels at {place}")]
    TooDeep { place: Place, limit: usize },
    #[error("Invalid attribute name: '{0}'")]
    Name(String),
    #[error("The attribute name that begins '{start}' has {bytes} bytes, the limit is {limit}")]
    NameTooLong { start: String, bytes: usize, limit: usize },
    #[error(
        "The records have more than {limit} different attributes: put what varies into one attribute, as an object"
    )]
    TooManyAttributes { limit: usize },
    #[error(transparent)]
    Value(#[from] ValueError),
    /// An invalid primary key; `attribute` is its name.
    #[error("{error}")]
    Key { attribute: String, error: KeyError },
}

impl Problem {
    /// A short identifier of the problem, for programs.
    pub fn kind(&self) -> &'static str {
        match self {
            Problem::Truncated { .. }
            | Problem::NotAnArray { .. }
            | Problem::NotObjects { .. }
            | Problem::Syntax { .. }
            | Problem::TooDeep { .. }
            | Problem::NotUtf8 { .. } => "syntax",
            Problem::WrongEncoding { .. } => "encoding",
            Problem::RecordTooLong { .. } => "size",
            Problem::Name(_) | Problem::NameTooLong { .. } | Problem::TooManyAttributes { .. } => "attribute",
            Problem::Value(_) => "type",
            Problem::Key { .. } => "key",
        }
    }

    /// Returns the attribute that has the problem.
    pub fn attribute(&self) -> Option<&str> {
        match self {
            Problem::Value(error) => Some(error.attribute()),
            Problem::Key { attribute, .. } => Some(attribute),
            _ => None,
        }
    }

    /// Returns the reason for a rejected record, which has more detail than the message.
    pub(crate) fn reason(&self) -> String {
        match self {
            Problem::Truncated { place } => format!("{self}: the input ends at {place}"),
            _ => self.to_string(),
        }
    }
}

fn not_objects(positions: &[u64]) -> String {
    let sentences: Vec<String> =
        positions.iter().map(|position| format!("'records[{position}]' must be of type object")).collect();
    sentences.join(". ")
}
