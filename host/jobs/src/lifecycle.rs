//! The states of a job and the transitions between them, as pure functions from row to row.
//!
//! ```text
//! Queued --begin--> InProgress --finish--> Complete | Error | Cancelled
//!  ^  |               |  ^                               ^
//!  |  +---- cancel ---|--|-------------------------------+
//!  +---- requeue -----+  cancel: the request is noted, the attempt ends the job
//! ```
//! Clients see IN_PROGRESS for the first two states and distinguish them by `phase`. No transition leaves a final
//! state.

use serde_json::{Value, json};
use uuid::Uuid;

use jobhost_contract::Message;
use jobhost_model::Timestamp;
use jobhost_model::jobs::{CancelRequest, JobRow, JobStatus, Tally, Usage};

/// Maximum consecutive attempts without progress. A job that brings the host down is given up after this many.
pub const MAX_FRUITLESS_ATTEMPTS: u32 = 5;

/// A transition that the job's current state does not permit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a job in state {from:?} cannot {change}")]
pub struct UnlawfulChange {
    pub from: JobStatus,
    pub change: &'static str,
}

/// How a job ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Ending {
    Complete {
        message: Option<Message>,
        result: Option<Value>,
    },
    Failed {
        message: Value,
        error: Value,
    },
    /// The job was cancelled on request. Records already stored are kept, and the row says so.
    Cancelled,
}

/// The work was done, but its last commit group could not be stored.
pub fn unstored(why: &str) -> Ending {
    let error = json!({"kind": "unavailable", "retryable": true});
    Ending::Failed { message: Value::String(why.to_owned()), error }
}

/// Creates the row of a new, queued job.
pub fn create(id: Uuid, operation: &str, user: &str, plugin: String, plugin_digest: String, now: Timestamp) -> JobRow {
    JobRow {
        id,
        operation: operation.to_owned(),
        user: user.to_owned(),
        status: JobStatus::Queued,
        created: now,
        // Until its first attempt begins, a queued job is listed by its creation time.
        started: Some(now),
        ended: None,
        message: None,
        result: None,
        error: None,
        progress: None,
        tally: Tally::default(),
        warnings: Vec::new(),
        rejected: 0,
        rejects: Vec::new(),
        attempt: 0,
        fruitless_attempts: 0,
        plugin,
        plugin_digest,
        usage: Usage::default(),
        limits_met: Vec::new(),
        cancel: None,
    }
}

/// Begins the next attempt. Valid from Queued, and from InProgress if the previous attempt is over because its process
/// died or its end could not be stored. The attempt counts as fruitless until the store has recorded progress.
pub fn begin(mut row: JobRow, now: Timestamp) -> Result<JobRow, UnlawfulChange> {
    if row.status.is_final() {
        return Err(UnlawfulChange { from: row.status, change: "begin an attempt" });
    }
    row.status = JobStatus::InProgress;
    row.attempt = row.attempt.saturating_add(1);
    row.fruitless_attempts = row.fruitless_attempts.saturating_add(1);
    row.started = Some(now);
    Ok(row)
}

/// Queues the job again after a clean stop or a failure of the store. The interrupted attempt does not count.
pub fn requeue(mut row: JobRow) -> Result<JobRow, UnlawfulChange> {
    if row.status.is_final() {
        return Err(UnlawfulChange { from: row.status, change: "be queued again" });
    }
    row.fruitless_attempts = row.fruitless_attempts.saturating_sub(1);
    row.status = JobStatus::Queued;
    Ok(row)
}

/// Ends the job. The row's message depends on its tally.
pub fn finish(mut row: JobRow, ending: Ending, now: Timestamp) -> Result<JobRow, UnlawfulChange> {
    if row.status.is_final() {
        return Err(UnlawfulChange { from: row.status, change: "end again" });
    }
    row.ended = Some(now);
    match ending {
        Ending::Complete { message, result } => {
            row.status = JobStatus::Complete;
            row.message = Some(Value::String(match message {
                Some(Message::Text(sentence)) => sentence,
                Some(Message::Loaded) => loaded_sentence(&row.tally),
                None => format!("Successfully completed job: {}", row.id),
            }));
            row.result = result;
        }
        Ending::Failed { message, error } => {
            row.status = JobStatus::Error;
            row.message = Some(message);
            row.error = Some(error);
        }
        Ending::Cancelled => {
            row.status = JobStatus::Cancelled;
            row.message = Some(Value::String(cancelled_sentence(&row)));
        }
    }
    Ok(row)
}

/// Notes a cancel request. A waiting job ends at once; a running job is ended by its attempt.
pub fn cancel(mut row: JobRow, by: &str, now: Timestamp) -> Result<JobRow, UnlawfulChange> {
    if row.status.is_final() {
        return Err(UnlawfulChange { from: row.status, change: "be cancelled" });
    }
    row.cancel.get_or_insert_with(|| CancelRequest { by: by.to_owned(), at: now });
    match row.status {
        JobStatus::Queued => finish(row, Ending::Cancelled, now),
        _ => Ok(row),
    }
}

fn loaded_sentence(tally: &Tally) -> String {
    format!("successfully loaded {} of {} records", tally.written, tally.received)
}

fn cancelled_sentence(row: &JobRow) -> String {
    let by = row.cancel.as_ref().map_or("an unknown user", |request| request.by.as_str());
    let Tally { written, deleted, .. } = row.tally;
    let left = match (row.attempt, written, deleted) {
        (0, ..) => "It had not started.".to_owned(),
        (_, 0, 0) => "It changed no records.".to_owned(),
        (_, written, 0) => format!("{written} records already written were kept."),
        (_, 0, deleted) => format!("{deleted} records were deleted."),
        (_, written, deleted) => {
            format!("{written} records already written were kept, {deleted} were deleted.")
        }
    };
    format!("Job was cancelled by {by}. {left}")
}

/// What to do with a job that an earlier process left unfinished.
#[derive(Debug, Clone, PartialEq)]
pub enum Recovery {
    /// The job was waiting; its row is unchanged.
    Queue,
    /// The job was running. Store this row, then queue the job.
    Requeue(Box<JobRow>),
    End(Ending),
}

/// `resumable` is false if the operation cannot resume from a checkpoint or no plugin provides it any more.
pub fn recover(row: &JobRow, resumable: bool) -> Recovery {
    let interrupted = |why: String| {
        Recovery::End(Ending::Failed { message: Value::String(why), error: json!({"kind": "interrupted"}) })
    };
    if row.cancel.is_some() {
        return Recovery::End(Ending::Cancelled);
    }
    if row.status == JobStatus::Queued && row.attempt == 0 {
        return Recovery::Queue;
    }
    if row.fruitless_attempts >= MAX_FRUITLESS_ATTEMPTS {
        return interrupted(format!(
            "Job was interrupted: the host stopped before it finished, {MAX_FRUITLESS_ATTEMPTS} times in a row without progress. Rerun the operation."
        ));
    }
    if !resumable {
        return interrupted(
            "Job was interrupted: the host stopped before it finished. Rerun the operation.".to_owned(),
        );
    }
    match row.status {
        // The attempt was killed rather than stopped, so it counts.
        JobStatus::InProgress => Recovery::Requeue(Box::new(JobRow { status: JobStatus::Queued, ..row.clone() })),
        _ => Recovery::Queue,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jobhost_model::jobs::Phase;

    fn row() -> JobRow {
        create(Uuid::nil(), "csv_data_load", "bob", "csv-load@0.1.0".into(), "00".into(), Timestamp(5_000))
    }

    fn done() -> Ending {
        Ending::Complete { message: None, result: None }
    }

    #[test]
    fn a_job_goes_from_queue_to_its_end() {
        let row = begin(row(), Timestamp(6_000)).unwrap();
        assert_eq!((row.status, row.attempt, row.started), (JobStatus::InProgress, 1, Some(Timestamp(6_000))));
        let row = finish(row, done(), Timestamp(7_000)).unwrap();
        assert_eq!(row.status, JobStatus::Complete);
        assert_eq!(row.ended, Some(Timestamp(7_000)));
        assert_eq!(row.message, Some(json!(format!("Successfully completed job: {}", Uuid::nil()))));
    }

    #[test]
    fn no_transition_leaves_a_final_row() {
        let row = finish(begin(row(), Timestamp(1)).unwrap(), done(), Timestamp(2)).unwrap();
        assert!(begin(row.clone(), Timestamp(3)).is_err());
        assert!(requeue(row.clone()).is_err());
        assert!(finish(row, done(), Timestamp(3)).is_err());
    }

    #[test]
    fn a_waiting_job_is_cancelled_at_once_and_a_running_one_by_its_attempt() {
        let waiting = cancel(row(), "alice", Timestamp(3)).unwrap();
        assert_eq!(waiting.status, JobStatus::Cancelled);
        assert_eq!(waiting.message, Some(json!("Job was cancelled by alice. It had not started.")));
        let mut running = cancel(begin(row(), Timestamp(1)).unwrap(), "alice", Timestamp(3)).unwrap();
        assert_eq!(running.status, JobStatus::InProgress);
        let again = cancel(running.clone(), "bob", Timestamp(4)).unwrap();
        assert_eq!(again.cancel, running.cancel, "the first request stands");
        assert_eq!(recover(&running, true), Recovery::End(Ending::Cancelled));
        running.tally.written = 7;
        let ended = finish(running, Ending::Cancelled, Timestamp(5)).unwrap();
        assert_eq!(ended.status, JobStatus::Cancelled);
        assert_eq!(ended.message, Some(json!("Job was cancelled by alice. 7 records already written were kept.")));
        assert!(cancel(ended, "alice", Timestamp(6)).is_err());
    }

    #[test]
    fn each_attempt_has_a_higher_number() {
        let first = begin(row(), Timestamp(1)).unwrap();
        let second = begin(requeue(first.clone()).unwrap(), Timestamp(2)).unwrap();
        assert!(second.attempt > first.attempt);
    }

    #[test]
    fn recovery_never_leaves_a_job_in_progress() {
        assert_eq!(recover(&row(), false), Recovery::Queue);
        let running = begin(row(), Timestamp(1)).unwrap();
        let Recovery::Requeue(waiting) = recover(&running, true) else { panic!("a job that can go on") };
        assert_eq!((waiting.status, waiting.attempt), (JobStatus::Queued, 1));
        let phases =
            [row().phase(), running.phase(), waiting.phase(), finish(row(), done(), Timestamp(1)).unwrap().phase()];
        assert_eq!(phases, [Some(Phase::Queued), Some(Phase::Running), Some(Phase::Retrying), None]);
        assert_eq!(recover(&waiting, true), Recovery::Queue);
        assert!(matches!(recover(&running, false), Recovery::End(Ending::Failed { .. })));
    }

    #[test]
    fn only_consecutive_attempts_without_progress_end_a_job() {
        // What a host that is killed repeatedly does with a job; `stored` is what the store records in the meantime.
        let killed = |times: u32, stored: fn(&mut JobRow)| {
            let mut job = row();
            for time in 0..times {
                job = begin(job, Timestamp(u64::from(time))).unwrap();
                stored(&mut job);
                match recover(&job, true) {
                    Recovery::Requeue(waiting) => job = *waiting,
                    other => return (time + 1, Some(other)),
                }
            }
            (times, None)
        };
        let (times, end) = killed(100, |_| {});
        assert_eq!(times, MAX_FRUITLESS_ATTEMPTS);
        let Some(Recovery::End(Ending::Failed { message, .. })) = end else { panic!("{end:?}") };
        assert!(message.to_string().contains("5 times in a row without progress"), "{message}");
        assert_eq!(killed(100, |job| job.fruitless_attempts = 0), (100, None));
    }

    #[test]
    fn a_clean_stop_counts_no_attempt() {
        let mut job = row();
        for time in 0..20 {
            job = requeue(begin(job, Timestamp(time)).unwrap()).unwrap();
        }
        assert_eq!((job.attempt, job.fruitless_attempts), (20, 0));
        assert_eq!(recover(&job, true), Recovery::Queue);
        let worn = JobRow { fruitless_attempts: 3, ..job };
        assert_eq!(requeue(begin(worn, Timestamp(1)).unwrap()).unwrap().fruitless_attempts, 3);
    }

    #[test]
    fn a_row_of_an_earlier_version_has_no_fruitless_attempts() {
        let mut old = serde_json::to_value(row()).unwrap();
        old.as_object_mut().unwrap().remove("fruitless_attempts");
        assert_eq!(serde_json::from_value::<JobRow>(old).unwrap(), row());
    }
}
