//! Rows of jobs: guards, indexes, and what commits together with records.

use jobhost_model::jobs::{CancelRequest, JobRow, JobStatus, Lease, StartRange, Tally};
use jobhost_model::{Action, Timestamp};
use jobhost_store::{JobEnd, Quota, Store, StoreErrorKind, WriteGroup};
use serde_json::json;
use uuid::Uuid;

use crate::place::*;

/// A queued job. Fields that are not listed have their defaults.
pub fn row(created: u64) -> JobRow {
    serde_json::from_value(json!({
        "id": Uuid::new_v4(), "type": "csv_data_load", "user": "ann", "status": "CREATED", "created": created,
        "tally": Tally::default(), "rejected": 0, "attempt": 0, "plugin": "csv-load@1", "plugin_digest": "00",
    }))
    .unwrap()
}

pub fn running(row: &JobRow, attempt: u32, started: u64) -> JobRow {
    JobRow { status: JobStatus::InProgress, attempt, started: Some(Timestamp(started)), ..row.clone() }
}

fn ended(row: &JobRow, status: JobStatus) -> JobRow {
    JobRow { status, ended: Some(Timestamp(99)), message: Some(json!("done")), ..row.clone() }
}

/// A job whose first attempt is running.
async fn started(store: &dyn Store) -> JobRow {
    let row = row(1);
    store.create_job(row.clone(), b"payload".to_vec()).await.unwrap();
    store.update_job(running(&row, 1, 50), 0).await.unwrap()
}

fn group(store: &dyn Store, lease: Option<Lease>, text: &str, checkpoint: Option<&str>) -> WriteGroup {
    WriteGroup {
        lease,
        quota: None,
        writes: vec![parse(store, &dog(), Action::Insert, text)],
        checkpoint: checkpoint.map(|text| text.as_bytes().to_vec()),
        ..WriteGroup::default()
    }
}

pub async fn a_job_is_created_once(place: &impl Place) {
    let store = place.open().await.unwrap();
    let row = row(1);
    store.create_job(row.clone(), b"payload".to_vec()).await.unwrap();
    assert_eq!(store.job(row.id).await.unwrap(), Some(row.clone()));
    assert_eq!(store.create_job(row.clone(), b"other".to_vec()).await.unwrap_err().kind, StoreErrorKind::AlreadyExists);
    assert_eq!(store.job_payload(row.id).await.unwrap(), Some((b"payload".to_vec(), None)));
    assert_eq!(store.job(Uuid::nil()).await.unwrap(), None);
    assert_eq!(store.job_payload(Uuid::nil()).await.unwrap(), None);
    let unknown = JobRow { id: Uuid::nil(), ..row };
    assert_eq!(store.update_job(unknown, 0).await.unwrap_err().kind, StoreErrorKind::NotFound);
}

pub async fn a_final_row_never_changes(place: &impl Place) {
    let store = with_dogs(place).await;
    for status in [JobStatus::Complete, JobStatus::Error] {
        let job = started(&*store).await;
        let last = store.update_job(ended(&job, status), 1).await.unwrap();
        for next in [running(&job, 2, 60), ended(&job, JobStatus::Error)] {
            assert_eq!(store.update_job(next, 1).await.unwrap_err().kind, StoreErrorKind::LeaseLost);
        }
        let lease = Some(Lease { job: job.id, attempt: 1 });
        let refused = store.apply(group(&*store, lease, "{\"id\":1}", Some("c"))).await.unwrap_err();
        assert_eq!(refused.kind, StoreErrorKind::LeaseLost);
        assert_eq!(store.job(job.id).await.unwrap(), Some(last));
    }
    assert!(texts(&*store).await.is_empty());
}

pub async fn a_stale_attempt_changes_nothing(place: &impl Place) {
    let store = with_dogs(place).await;
    let job = started(&*store).await;
    let second = store.update_job(running(&job, 2, 70), 1).await.unwrap();
    assert_eq!(
        store.update_job(ended(&job, JobStatus::Complete), 1).await.unwrap_err().kind,
        StoreErrorKind::LeaseLost
    );
    for attempt in [0, 1, 3] {
        let lease = Some(Lease { job: job.id, attempt });
        let refused = store.apply(group(&*store, lease, "{\"id\":1}", Some("stale"))).await.unwrap_err();
        assert_eq!(refused.kind, StoreErrorKind::LeaseLost);
    }
    let unknown = Some(Lease { job: Uuid::nil(), attempt: 1 });
    assert_eq!(
        store.apply(group(&*store, unknown, "{\"id\":1}", None)).await.unwrap_err().kind,
        StoreErrorKind::NotFound
    );
    assert!(texts(&*store).await.is_empty());
    assert_eq!(store.job(job.id).await.unwrap(), Some(second));
    assert_eq!(store.job_payload(job.id).await.unwrap().unwrap().1, None);
}

pub async fn the_tally_is_the_stores(place: &impl Place) {
    let store = with_dogs(place).await;
    let job = started(&*store).await;
    let lease = Some(Lease { job: job.id, attempt: 1 });
    store.apply(group(&*store, lease, "{\"id\":1}\n{\"id\":1}", None)).await.unwrap();
    let claim = JobRow { tally: Tally { received: 77, written: 77, skipped: 77, deleted: 77 }, ..job };
    let stored = store.update_job(ended(&claim, JobStatus::Complete), 1).await.unwrap();
    assert_eq!(stored.tally, Tally { received: 2, written: 1, skipped: 1, deleted: 0 });
    assert_eq!(store.job(stored.id).await.unwrap(), Some(stored));
}

pub async fn payload_and_checkpoint_live_as_long_as_the_job(place: &impl Place) {
    let store = with_dogs(place).await;
    let job = started(&*store).await;
    let lease = Some(Lease { job: job.id, attempt: 1 });
    for checkpoint in ["one", "two"] {
        let group = WriteGroup { lease, checkpoint: Some(checkpoint.as_bytes().to_vec()), ..WriteGroup::default() };
        store.apply(group).await.unwrap();
        assert_eq!(
            store.job_payload(job.id).await.unwrap(),
            Some((b"payload".to_vec(), Some(checkpoint.as_bytes().to_vec())))
        );
    }
    // A group without a checkpoint keeps the previous one.
    store.apply(group(&*store, lease, "{\"id\":1}", None)).await.unwrap();
    assert_eq!(store.job_payload(job.id).await.unwrap().unwrap().1, Some(b"two".to_vec()));
    // The next attempt keeps it too.
    let next = store.update_job(running(&job, 2, 60), 1).await.unwrap();
    assert_eq!(store.job_payload(job.id).await.unwrap().unwrap().1, Some(b"two".to_vec()));
    store.update_job(ended(&next, JobStatus::Error), 2).await.unwrap();
    assert_eq!(store.job_payload(job.id).await.unwrap(), None);
}

pub async fn batch_checkpoint_and_tally_commit_together(place: &impl Place) {
    let store = with_dogs(place).await;
    let job = started(&*store).await;
    let lease = Some(Lease { job: job.id, attempt: 1 });
    let applied = store.apply(group(&*store, lease, "{\"id\":1}\n{\"id\":2}", Some("at 2"))).await.unwrap();
    assert_eq!(applied.tally, Tally { received: 2, written: 2, skipped: 0, deleted: 0 });
    assert!(applied.written.is_empty() && applied.skipped.is_empty());
    let applied = store.apply(group(&*store, lease, "{\"id\":2}\n{\"id\":3}", Some("at 4"))).await.unwrap();
    assert_eq!(applied.tally, Tally { received: 2, written: 1, skipped: 1, deleted: 0 });
    let total = Tally { received: 4, written: 3, skipped: 1, deleted: 0 };
    assert_eq!(applied.job_tally, Some(total));
    drop(store);
    let store = place.open().await.unwrap();
    assert_eq!(store.job(job.id).await.unwrap().unwrap().tally, total);
    assert_eq!(store.job_payload(job.id).await.unwrap().unwrap().1, Some(b"at 4".to_vec()));
    assert_eq!(texts(&*store).await.len(), 3);
}

pub async fn a_checkpoint_needs_a_lease(place: &impl Place) {
    let store = with_dogs(place).await;
    let refused = store.apply(group(&*store, None, "{\"id\":1}", Some("c"))).await.unwrap_err();
    assert_eq!(refused.kind, StoreErrorKind::Invalid);
    assert!(texts(&*store).await.is_empty());
}

pub async fn found_by_start_time(place: &impl Place) {
    let store = place.open().await.unwrap();
    let mut rows = Vec::new();
    for n in [5u64, 1, 4, 2, 3, 3] {
        let row = row(0);
        store.create_job(row.clone(), Vec::new()).await.unwrap();
        rows.push(store.update_job(running(&row, 1, n * 10), 0).await.unwrap());
    }
    store.create_job(row(0), Vec::new()).await.unwrap();
    let found = async |after: u64, before: u64, limit: usize| {
        let range = StartRange { after: Timestamp(after), before: Timestamp(before) };
        let rows = store.jobs_started_between(range, None, limit).await.unwrap();
        assert_eq!(store.count_jobs_started_between(range, limit).await.unwrap(), rows.len());
        // Reading one row at a time returns the same rows.
        let mut paged = Vec::new();
        while paged.len() < rows.len() {
            let after = paged.last().and_then(JobRow::start_position);
            let page = store.jobs_started_between(range, after, 1).await.unwrap();
            assert_eq!(page.len(), 1);
            paged.extend(page);
        }
        assert_eq!(paged, rows);
        if rows.len() < limit {
            let after = rows.last().and_then(JobRow::start_position);
            assert!(store.jobs_started_between(range, after, 1).await.unwrap().is_empty());
        }
        rows.iter().map(|row| row.started.unwrap().0).collect::<Vec<_>>()
    };
    assert_eq!(found(0, 1000, 100).await, [10, 20, 30, 30, 40, 50]);
    assert_eq!(found(10, 40, 100).await, [20, 30, 30]);
    assert_eq!(found(0, 1000, 2).await, [10, 20]);
    assert_eq!(found(50, 10, 100).await, [0u64; 0]);
    assert_eq!(found(30, 30, 100).await, [0u64; 0]);
    assert_eq!(found(0, 0, 100).await, [0u64; 0]);
    assert_eq!(found(u64::MAX, u64::MAX, 100).await, [0u64; 0]);
    // A later attempt has a new start time, which replaces the old one.
    store.update_job(running(&rows[1], 2, 70), 1).await.unwrap();
    assert_eq!(found(0, 1000, 100).await, [20, 30, 30, 40, 50, 70]);
}

pub async fn pages_of_rows_are_bounded(place: &impl Place) {
    const ROWS: usize = 8;
    let store = place.open().await.unwrap();
    for number in 0..ROWS as u64 {
        let row = JobRow { result: Some(json!("x".repeat(300 * 1024))), ..row(0) };
        store.create_job(row.clone(), Vec::new()).await.unwrap();
        store.update_job(running(&row, 1, 10 + number), 0).await.unwrap();
    }
    let range = StartRange { after: Timestamp(0), before: Timestamp(1000) };
    assert_eq!(store.count_jobs_started_between(range, 100).await.unwrap(), ROWS);
    assert_eq!(store.count_jobs_started_between(range, 3).await.unwrap(), 3);
    let (mut seen, mut after) = (0, None);
    loop {
        let page = store.jobs_started_between(range, after, 100).await.unwrap();
        let Some(last) = page.last() else { break };
        assert!((1..=4).contains(&page.len()), "{} rows of 300 KiB in a page", page.len());
        seen += page.len();
        after = last.start_position();
    }
    assert_eq!(seen, ROWS);
}

pub async fn an_attempt_is_fruitless_until_it_has_stored_something(place: &impl Place) {
    let store = with_dogs(place).await;
    let job = started(&*store).await;
    let fruitless = async || store.job(job.id).await.unwrap().unwrap().fruitless_attempts;
    let begin = async |attempt: u32, fruitless_attempts: u32| {
        let row = JobRow { fruitless_attempts, ..running(&job, attempt, 50) };
        store.update_job(row, attempt - 1).await.unwrap()
    };
    let lease = |attempt| Some(Lease { job: job.id, attempt });
    let checkpoint = |attempt, text: &str| WriteGroup {
        lease: lease(attempt),
        checkpoint: Some(text.as_bytes().to_vec()),
        ..WriteGroup::default()
    };
    begin(2, 3).await;
    assert_eq!(fruitless().await, 3);
    store.apply(group(&*store, lease(2), "{\"id\":1}", None)).await.unwrap();
    assert_eq!(fruitless().await, 0, "a record is progress");
    let behind = JobRow { fruitless_attempts: 3, ..running(&job, 2, 50) };
    store.update_job(behind.clone(), 2).await.unwrap();
    assert_eq!(fruitless().await, 0, "what the attempt says about its progress does not undo that");

    begin(3, 2).await;
    store.apply(checkpoint(3, "one")).await.unwrap();
    assert_eq!(fruitless().await, 0, "a new checkpoint is progress");
    begin(4, 2).await;
    store.apply(checkpoint(4, "one")).await.unwrap();
    assert_eq!(fruitless().await, 2, "the old one again is none");
    let waiting = JobRow { status: JobStatus::Queued, fruitless_attempts: 1, ..running(&job, 4, 50) };
    store.update_job(waiting, 4).await.unwrap();
    assert_eq!(fruitless().await, 1, "one that was stopped does not count");
}

pub async fn a_job_that_is_queued_again_hears_no_late_word_of_its_attempt(place: &impl Place) {
    let store = place.open().await.unwrap();
    let job = started(&*store).await;
    let waiting = store.update_job(JobRow { status: JobStatus::Queued, ..job.clone() }, 1).await.unwrap();
    let late = store.update_job(job.clone(), 1).await.unwrap_err();
    assert_eq!(late.kind, StoreErrorKind::LeaseLost);
    assert_eq!(store.job(job.id).await.unwrap(), Some(waiting));
    store.update_job(running(&job, 2, 60), 1).await.unwrap();
}

pub async fn unfinished_in_order_of_creation(place: &impl Place) {
    let store = place.open().await.unwrap();
    // All at the same time, so that only the order of the calls distinguishes them.
    let rows: Vec<_> = (0..10).map(|_| row(7)).collect();
    for row in &rows {
        store.create_job(row.clone(), Vec::new()).await.unwrap();
    }
    store.update_job(running(&rows[3], 1, 1), 0).await.unwrap();
    store.update_job(ended(&rows[5], JobStatus::Error), 0).await.unwrap();
    let expected: Vec<_> = rows.iter().map(|row| row.id).filter(|id| *id != rows[5].id).collect();
    assert_eq!(store.unfinished_jobs().await.unwrap(), expected);
    drop(store);
    let store = place.open().await.unwrap();
    assert_eq!(store.unfinished_jobs().await.unwrap(), expected);
}

pub async fn jobs_survive_closing(place: &impl Place) {
    let store = place.open().await.unwrap();
    let job = started(&*store).await;
    let other = started(&*store).await;
    let other = store.update_job(ended(&other, JobStatus::Complete), 1).await.unwrap();
    drop(store);
    let store = place.open().await.unwrap();
    assert_eq!(store.job(job.id).await.unwrap(), Some(job.clone()));
    assert_eq!(store.job(other.id).await.unwrap(), Some(other));
    assert_eq!(store.job_payload(job.id).await.unwrap(), Some((b"payload".to_vec(), None)));
    assert_eq!(store.unfinished_jobs().await.unwrap(), [job.id]);
}

/// The end of a job with these last records and a log that states how many records the store has counted.
fn end(job: &JobRow, attempt: u32, last_group: Option<WriteGroup>) -> JobEnd {
    let last = ended(job, JobStatus::Complete);
    let counted = move |stored: JobRow| JobRow { message: Some(json!(stored.tally.written)), ..last.clone() };
    JobEnd {
        lease: Lease { job: job.id, attempt },
        last_group,
        publish: true,
        documents: vec![("job_log", b"all is well".to_vec())],
        row: Box::new(counted),
    }
}

pub async fn last_records_documents_and_final_row_commit_together(place: &impl Place) {
    let store = with_dogs(place).await;
    let job = started(&*store).await;
    let lease = Some(Lease { job: job.id, attempt: 1 });
    store.apply(group(&*store, lease, "{\"id\":1}", Some("c"))).await.unwrap();
    // A cancel request that arrived meanwhile is kept.
    let by = CancelRequest { by: "bob".to_owned(), at: Timestamp(60) };
    store.update_job(JobRow { cancel: Some(by.clone()), ..job.clone() }, 1).await.unwrap();
    let last = group(&*store, lease, "{\"id\":1}\n{\"id\":2}", None);
    let row = store.end_job(end(&job, 1, Some(last))).await.unwrap();
    assert_eq!(row.tally, Tally { received: 3, written: 2, skipped: 1, deleted: 0 });
    assert_eq!((row.message.clone(), row.cancel.clone()), (Some(json!(2)), Some(by)));
    assert_eq!(store.job(job.id).await.unwrap(), Some(row));
    assert_eq!(store.document("job_log", &job.id.to_string()).await.unwrap(), Some(b"all is well".to_vec()));
    assert_eq!((texts(&*store).await.len(), store.job_payload(job.id).await.unwrap()), (2, None));
    assert!(store.unfinished_jobs().await.unwrap().is_empty());
    let again = store.end_job(end(&job, 1, None)).await.unwrap_err();
    assert_eq!(again.kind, StoreErrorKind::LeaseLost);
}

pub async fn an_end_that_cannot_be_stored_changes_nothing(place: &impl Place) {
    let store = with_dogs(place).await;
    let job = started(&*store).await;
    let stale = store.end_job(end(&job, 7, None)).await.unwrap_err();
    assert_eq!(stale.kind, StoreErrorKind::LeaseLost);
    let unknown = JobRow { id: Uuid::nil(), ..job.clone() };
    assert_eq!(store.end_job(end(&unknown, 1, None)).await.unwrap_err().kind, StoreErrorKind::NotFound);
    let quota = Some(Quota { user: "ann".into(), bytes: 1 });
    let lease = Some(Lease { job: job.id, attempt: 1 });
    let last = WriteGroup { quota, ..group(&*store, lease, "{\"id\":1}", None) };
    assert_eq!(store.end_job(end(&job, 1, Some(last))).await.unwrap_err().kind, StoreErrorKind::OverQuota);
    assert_eq!(store.job(job.id).await.unwrap(), Some(job.clone()));
    assert_eq!(store.document("job_log", &job.id.to_string()).await.unwrap(), None);
    assert!(texts(&*store).await.is_empty());
    assert!(store.end_job(end(&job, 1, None)).await.unwrap().status.is_final());
}
