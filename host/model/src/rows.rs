//! The shapes of rows.

/// How the rows of a result are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowShape {
    /// A JSON object a row, an absent value as null.
    Objects,
    /// A JSON array a row, one element a column.
    Arrays,
}
