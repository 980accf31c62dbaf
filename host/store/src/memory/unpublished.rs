//! Records that no reader sees before their job ends. Here they are kept as they were written, and applied when they are
//! published.

use std::collections::HashMap;

use uuid::Uuid;

use super::state::State;
use crate::error::{StoreError, StoreErrorKind};
use crate::records::{Applied, WriteGroup};
use crate::rules::{attributes, quota};
use jobhost_model::Timestamp;
use jobhost_model::jobs::Tally;

/// The unpublished groups of all jobs.
#[derive(Default)]
pub(super) struct Unpublished(HashMap<Uuid, WriteGroup>);

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

fn received_in(group: &WriteGroup) -> u64 {
    group.writes.iter().map(|write| write.batch.len() as u64).sum()
}

impl State {
    /// Keeps a group until its job ends.
    pub(super) fn keep_unpublished(&mut self, group: WriteGroup, max_bytes: u64) -> Result<Applied, StoreError> {
        let Some(lease) = group.lease else {
            let message = "unpublished records belong to a job; the request carries no lease";
            return Err(StoreError::new(StoreErrorKind::Invalid, message));
        };
        self.jobs.guarded(lease)?;
        let bytes = group.writes.iter().map(|write| write.batch.text_bytes()).sum();
        self.check_room(bytes, max_bytes)?;
        attributes::extended(&group.writes, |name| self.table(name))?;
        if let Some(quota) = &group.quota {
            quota::check(quota, self.held_by(&quota.user), &group.writes)?;
        }
        let received = received_in(&group);
        let tally = Tally { received, ..Tally::default() };
        let job_tally = Some(self.jobs.account(lease.job, tally, group.checkpoint));
        let kept = self.unpublished.0.entry(lease.job).or_default();
        kept.lease = group.lease;
        kept.quota = group.quota;
        kept.writes.extend(group.writes);
        Ok(Applied { tally, job_tally, ..Applied::default() })
    }

    /// Applies what a job has written, followed by its last group. If that fails, nothing has changed.
    pub(super) fn publish(
        &mut self,
        job: Uuid,
        last_group: Option<WriteGroup>,
        now: Timestamp,
        max_bytes: u64,
    ) -> Result<(), StoreError> {
        let mut group = self.unpublished.0.remove(&job).unwrap_or_default();
        let kept = group.writes.len();
        let mut received = 0;
        if let Some(last) = last_group {
            received = received_in(&last);
            group.quota = group.quota.or(last.quota);
            group.lease = last.lease;
            group.writes.extend(last.writes);
        }
        match self.write(&group, now, max_bytes) {
            Ok(applied) => {
                self.jobs.account(job, Tally { received, ..applied.tally }, None);
                Ok(())
            }
            Err(error) => {
                group.writes.truncate(kept);
                self.unpublished.0.insert(job, group);
                Err(error)
            }
        }
    }
}
