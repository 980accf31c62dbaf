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
    /// The record has no key. The operation provides the message.
    #[error("{0}")]
    Missing(&'static str),
}
