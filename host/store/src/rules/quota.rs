//! The storage quota of a user: estimates how much a group adds, and whether that is too much.

use crate::error::{StoreError, StoreErrorKind};
use crate::records::{Quota, TableWrite};
use jobhost_model::table::Action;

/// Rejects writes that might exceed the user's quota, before anything is changed. `held` is the number of bytes that
/// the user has written and that still exist. How much an update replaces is not known yet, so updates are rejected
/// only if the user is already at the limit.
pub fn check(quota: &Quota, held: u64, writes: &[TableWrite]) -> Result<(), StoreError> {
    let bytes = |write: &TableWrite| match write.action {
        Action::Update => 0,
        Action::Insert | Action::Upsert => {
            write.batch.encoded().map(|(key, text)| (key.len() + text.len()) as u64).sum()
        }
    };
    let more: u64 = writes.iter().map(bytes).sum();
    if held.saturating_add(more.max(1)) <= quota.bytes {
        return Ok(());
    }
    let Quota { user, bytes } = quota;
    let sentence = format!(
        "The records that '{user}' has written take {held} bytes and {more} bytes are to be added; a user may store {bytes} \
         bytes (data.user_max_bytes). Delete records, or ask whoever runs the host for more"
    );
    Err(StoreError::new(StoreErrorKind::OverQuota, sentence))
}
