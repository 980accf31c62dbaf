//! Merges records into stored ones, and replaces keys in records.

use crate::batch::members;
use crate::error::{StoreError, StoreErrorKind};
use jobhost_model::key::Key;
use jobhost_model::table::Table;

/// Maximum size, in bytes, that a record may reach by merging.
pub const MAX_RECORD_BYTES: usize = 1 << 20;
/// Maximum number of attempts to replace a generated key that is taken. Even a second one is improbable.
pub const MAX_KEY_TRIES: usize = 100;

/// Merges records into a text, in order.
pub fn fold<'t>(records: impl IntoIterator<Item = &'t [u8]>, text: &mut Vec<u8>) -> Result<(), StoreError> {
    let mut merged = Vec::new();
    for record in records {
        merged.clear();
        members::merge(text, record, &mut merged).map_err(|_| StoreError::damaged("the text of a record"))?;
        if merged.len() > MAX_RECORD_BYTES {
            let bytes = merged.len();
            let message =
                format!("a record would grow to {bytes} bytes, more than the limit of {MAX_RECORD_BYTES} bytes");
            return Err(StoreError::new(StoreErrorKind::Invalid, message));
        }
        std::mem::swap(text, &mut merged);
    }
    Ok(())
}

/// Replaces the generated key at the start of a record with another key.
pub fn with_key(table: &Table, text: &[u8], old: &Key, new: &Key) -> Result<Vec<u8>, StoreError> {
    let name = members::quoted(&table.primary_key);
    let opening = |key: &Key| [b"{", name.as_slice(), b":", key.to_json().to_string().as_bytes()].concat();
    let rest = text.strip_prefix(opening(old).as_slice());
    let rest = rest.ok_or_else(|| StoreError::damaged("a record with a generated key"))?;
    Ok([opening(new).as_slice(), rest].concat())
}

/// The error if every generated key was taken.
pub fn no_free_key(table: &Table) -> StoreError {
    let message = format!("no key could be generated for a record of '{}' that is not taken; try again", table.name);
    StoreError::new(StoreErrorKind::Unavailable, message)
}
