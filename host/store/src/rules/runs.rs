//! The runs of a group: consecutive writes with the same table and action. A store applies each run as a whole.

use crate::records::TableWrite;

/// Returns the runs in order. None is empty.
pub fn runs(writes: &[TableWrite]) -> impl Iterator<Item = &[TableWrite]> {
    writes.chunk_by(|one, next| one.table == next.table && one.action == next.action)
}
