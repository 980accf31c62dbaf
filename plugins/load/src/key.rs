//! Primary keys: what is said of one that is impossible.

/// The longest key, in bytes of UTF-8.
pub const MAX_KEY_BYTES: usize = 1978;

/// A record whose primary key is impossible.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The word is JSON's for what was found.
    #[error("Invalid primary key type: {0}")]
    Type(&'static str),
    #[error("Primary key size is too large: {0}")]
    TooLong(usize),
    /// The sentence is the operation's.
    #[error("{0}")]
    Missing(&'static str),
}
