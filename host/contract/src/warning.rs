//! Warnings.

/// An unexpected effect of a successful operation, for example cells that were dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// A short word for a program.
    pub code: String,
    /// Line of the input, counted from 1, if the warning is about one.
    pub line: Option<u64>,
    /// One sentence for a person.
    pub message: String,
}
