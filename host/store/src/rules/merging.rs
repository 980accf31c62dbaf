//! Laying records over stored ones, and giving a record another key.

use crate::batch::members;
use crate::error::{StoreError, StoreErrorKind};
use jobhost_model::key::Key;
use jobhost_model::table::Table;

/// A record may grow by merging, but not without end.
pub const MAX_RECORD_BYTES: usize = 1 << 20;
/// How often a generated key that is taken is replaced. The second time is improbable already.
pub const MAX_KEY_TRIES: usize = 100;

/// Lays records over a text, one after another.
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

/// The text of a record with a generated key, which it begins with, with another key.
pub fn with_key(table: &Table, text: &[u8], old: &Key, new: &Key) -> Result<Vec<u8>, StoreError> {
    let name = members::quoted(&table.primary_key);
    let opening = |key: &Key| [b"{", name.as_slice(), b":", key.to_json().to_string().as_bytes()].concat();
    let rest = text.strip_prefix(opening(old).as_slice());
    let rest = rest.ok_or_else(|| StoreError::damaged("a record with a generated key"))?;
    Ok([opening(new).as_slice(), rest].concat())
}

/// No key that is free was generated.
pub fn no_free_key(table: &Table) -> StoreError {
    let message = format!("no key could be generated for a record of '{}' that is not taken; try again", table.name);
    StoreError::new(StoreErrorKind::Unavailable, message)
}
