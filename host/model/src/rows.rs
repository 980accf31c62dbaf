//! Formats of result rows.

/// How the rows of a result are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowShape {
    /// One JSON object per row. Absent values are null.
    Objects,
    /// One JSON array per row, with one element per column.
    Arrays,
}
