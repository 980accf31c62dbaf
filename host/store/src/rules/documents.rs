//! Rules for the names of documents.

use crate::error::{StoreError, StoreErrorKind};

/// Maximum length of kind and name in bytes, far below the maximum key length of any engine.
const MAX_NAME_BYTES: usize = 1000;
/// Separates kind and name in the keys of the engines. Neither may contain it.
pub const SEPARATOR: u8 = 0;

/// Fails unless a document may have this kind and name.
pub fn check_name(kind: &str, name: &str) -> Result<(), StoreError> {
    let has_separator = kind.as_bytes().contains(&SEPARATOR) || name.as_bytes().contains(&SEPARATOR);
    if kind.is_empty() || has_separator || kind.len() + 1 + name.len() > MAX_NAME_BYTES {
        let message = format!("the name of a {kind} must have at most {MAX_NAME_BYTES} bytes and no NUL character");
        return Err(StoreError::new(StoreErrorKind::Invalid, message));
    }
    Ok(())
}
