//! Warnings.

/// Something that was done, but not as a reader of the input would expect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// A short word for a program.
    pub code: String,
    /// Line of the input, counted from 1, if the warning is about one.
    pub line: Option<u64>,
    /// One sentence for a person.
    pub message: String,
}
