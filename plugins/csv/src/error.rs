//! What can be wrong with a CSV text, in sentences for the person who sent it. Where Harper has a sentence, it is Harper's.

use jobhost_load::{KeyError, ValueError};

use crate::header::HeaderError;

/// The text is not CSV. Lines count from 1, bytes from 0.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SyntaxError {
    #[error(
        "Unclosed quote at line {line}, byte {offset}: the cell that starts there with '\"' has no closing '\"' before the end of the input"
    )]
    UnclosedQuote { line: u64, offset: u64 },
    #[error(
        "Text after a closing quote at line {line}, byte {offset}: write a quote inside a quoted cell twice, and nothing between the closing quote and the next delimiter"
    )]
    TextAfterQuote { line: u64, offset: u64 },
    #[error("The record at line {line}, byte {offset} is longer than {limit} bytes (sandbox.record_bytes); {hint}")]
    RecordTooLong { line: u64, offset: u64, limit: usize, hint: String },
    #[error("This is {what}, not CSV: save it as CSV, or load it by the operation for its format")]
    Binary { what: &'static str },
}

impl SyntaxError {
    pub fn line(&self) -> u64 {
        match self {
            SyntaxError::UnclosedQuote { line, .. }
            | SyntaxError::TextAfterQuote { line, .. }
            | SyntaxError::RecordTooLong { line, .. } => *line,
            SyntaxError::Binary { .. } => 1,
        }
    }

    pub fn offset(&self) -> u64 {
        match self {
            SyntaxError::UnclosedQuote { offset, .. }
            | SyntaxError::TextAfterQuote { offset, .. }
            | SyntaxError::RecordTooLong { offset, .. } => *offset,
            SyntaxError::Binary { .. } => 0,
        }
    }
}

/// Anything that stops a load because of what the input says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    #[error(transparent)]
    Syntax(#[from] SyntaxError),
    #[error(
        "The record at line {line}, byte {offset} has bytes that are not {encoding}. Name the encoding of the file with 'encoding', for example \"windows-1252\", or load them as U+FFFD with 'invalid_bytes': \"replace\""
    )]
    InvalidBytes { line: u64, offset: u64, encoding: &'static str },
    #[error(transparent)]
    Header(#[from] HeaderError),
    #[error(transparent)]
    Cell(#[from] ValueError),
    /// The cell does not fit the type that the request names.
    #[error("{error}, at line {line}")]
    TypedCell { error: ValueError, line: u64 },
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(
        "The record at line {line}, byte {offset} takes {size} bytes as JSON, the limit is {limit} (sandbox.record_bytes): split it or shorten its cells"
    )]
    RecordTooLarge { line: u64, offset: u64, size: usize, limit: usize },
    #[error(
        "The header has one cell, and the record at line {line}, byte {offset} has {cells}, cut at {delimiter:?}. Name the delimiter with 'delimiter', or pass over what stands before the header with 'skip_rows' or 'comment'"
    )]
    OneColumn { line: u64, offset: u64, cells: usize, delimiter: char },
}

impl Problem {
    /// A short word for a program.
    pub fn kind(&self) -> &'static str {
        match self {
            Problem::Syntax(_) => "syntax",
            Problem::Header(_) | Problem::OneColumn { .. } => "header",
            Problem::Cell(_) | Problem::TypedCell { .. } => "type",
            Problem::InvalidBytes { .. } => "encoding",
            Problem::Key(_) => "key",
            Problem::RecordTooLarge { .. } => "size",
        }
    }
}
