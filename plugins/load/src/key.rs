//! Error messages for invalid primary keys.

/// Maximum length of a key in bytes of UTF-8.
pub const MAX_KEY_BYTES: usize = 1978;

/// Why a primary key is invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The value has this JSON type, which cannot be a key.
    #[error("Invalid primary key type: {0}")]
    Type(&'static str),
    #[error("Primary key size is too large: {0}")]
    TooLong(usize),
    /// Another spelling of a number: stored as the number, it could be the same key as a record that is written otherwise.
    #[error(
        "The primary key '{cell}' is not how the {kind} {written} is written: write {written}, or give the key the type String"
    )]
    Spelling { cell: String, kind: &'static str, written: String },
    /// The record has no key. The operation provides the message.
    #[error("{0}")]
    Missing(&'static str),
}
