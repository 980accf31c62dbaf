//! Rejected records.

use serde::Serialize;

/// One input record that could not be taken.
#[derive(Debug, Clone, Serialize)]
pub struct Reject {
    /// Counted from 1.
    pub line: u64,
    /// Where the record begins in the input.
    pub byte_offset: u64,
    /// The column, if the fault is in one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// A short word for a program.
    pub kind: String,
    /// The start of the record as it stands in the input.
    pub raw: String,
    /// One sentence for a person.
    pub reason: String,
}
