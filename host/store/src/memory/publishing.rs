//! Keeps the records of jobs until they are published.

use uuid::Uuid;

use super::state::State;
use super::unpublished::received_in;
use crate::error::{StoreError, StoreErrorKind};
use crate::records::{Applied, WriteGroup};
use crate::rules::{attributes, quota};
use jobhost_model::Timestamp;
use jobhost_model::jobs::Tally;

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
