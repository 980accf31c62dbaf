//! The media type that a source names.

/// Longest media type that is passed on: RFC 6838 allows 255 bytes without parameters.
const MAX_BYTES: usize = 255;

/// The media type with its parameters; `None` if it is empty or too long.
pub(crate) fn named(value: &str) -> Option<String> {
    let value = value.trim();
    (1..=MAX_BYTES).contains(&value.len()).then(|| value.to_owned())
}
