//! The runs of a group: writes that come one after another for one table and action. A store takes a run as a whole.

use crate::records::TableWrite;

/// The runs in order; none is empty.
pub fn runs(writes: &[TableWrite]) -> impl Iterator<Item = &[TableWrite]> {
    writes.chunk_by(|one, next| one.table == next.table && one.action == next.action)
}
