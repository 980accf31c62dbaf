//! Rejected records.

use serde::Serialize;

/// One input record that could not be taken.
#[derive(Debug, Clone, Serialize)]
pub struct Reject {
    /// Counted from 1.
    pub line: u64,
    pub byte_offset: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    pub kind: String,
    pub raw: String,
    pub reason: String,
}
