//! Records that no reader sees before their job ends. They are kept as they were written, and applied when they are
//! published.

use std::collections::HashMap;

use uuid::Uuid;

use crate::records::WriteGroup;

/// The unpublished groups of all jobs.
#[derive(Default)]
pub(super) struct Unpublished(pub HashMap<Uuid, WriteGroup>);

impl Unpublished {
    pub(super) fn bytes(&self) -> u64 {
        let writes = self.0.values().flat_map(|group| &group.writes);
        writes.map(|write| write.batch.text_bytes()).sum::<usize>() as u64
    }

    /// Returns the bytes that were written under a user's quota.
    pub(super) fn bytes_of(&self, user: &str) -> u64 {
        let groups = self.0.values().filter(|group| group.quota.as_ref().is_some_and(|quota| &*quota.user == user));
        groups.flat_map(|group| &group.writes).map(|write| write.batch.text_bytes() as u64).sum()
    }

    /// Returns how many records the job had written.
    pub(super) fn discard(&mut self, job: Uuid) -> u64 {
        self.0.remove(&job).map_or(0, |group| received_in(&group))
    }
}

pub(super) fn received_in(group: &WriteGroup) -> u64 {
    group.writes.iter().map(|write| write.batch.len() as u64).sum()
}
