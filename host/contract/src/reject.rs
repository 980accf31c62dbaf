//! Rejected records.

use serde::Serialize;

/// One input record that could not be stored.
#[derive(Debug, Clone, Serialize)]
pub struct Reject {
    /// The line, counted from 1.
    pub line: u64,
    /// The offset at which the record begins in the input.
    pub byte_offset: u64,
    /// The column, if the error is in one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// A short word for a program.
    pub kind: String,
    /// The beginning of the record as it appears in the input.
    pub raw: String,
    /// One sentence for a person.
    pub reason: String,
}
