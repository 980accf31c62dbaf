//! Runs jobs over a store that fails or is slow. Whichever call is affected, no job is stranded, nothing is stored
//! twice or in part, and every resource is released.

mod faulty;
mod place;

use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;

use self::faulty::{Fault, Faults, Hang};
use self::place::Place;
use crate::{CancelOutcome, SubmitError, lifecycle};
use jobhost_model::jobs::{JobRow, JobStatus, Tally};
use jobhost_model::{TableName, Timestamp};
use jobhost_store::StoreErrorKind;

const ROWS: u64 = 6_000;
/// More calls than any job here makes.
const MOST_CALLS: usize = 500;

const UNAVAILABLE: Fault = Fault::Fail(StoreErrorKind::Unavailable);
const FULL: Fault = Fault::Fail(StoreErrorKind::Full);
const SLOW: Fault = Fault::Delay(Duration::from_millis(15));

fn csv(rows: u64) -> String {
    let filler = "x".repeat(400);
    let rows = (0..rows).map(|number| format!("{number},{filler}\n"));
    std::iter::once("id,text\n".to_owned()).chain(rows).collect()
}

/// One kind of job, created anew for each fault.
trait Kind {
    const OPERATION: &'static str;

    async fn request(&self, place: &Place, table: &TableName) -> Value;
    /// Checks that the job did all its work exactly once.
    async fn check_done(&self, place: &Place, table: &TableName, row: &JobRow);
    /// Checks that a failed job left what its row says.
    async fn check_failed(&self, place: &Place, table: &TableName, row: &JobRow);
}

/// Runs a job with these faults. Returns false if it ended before the first of them.
async fn survives(kind: &impl Kind, place: &Place, faults: Faults, table: &TableName) -> bool {
    let request = kind.request(place, table).await;
    place.store.set(faults);
    let submitted = submit(kind, place, request).await;
    let Some(id) = submitted else {
        place.store.heal();
        place.is_tidy().await;
        return true;
    };
    let row = place.ended(id).await;
    place.is_tidy().await;
    let calls = place.store.heal();
    let struck = calls.get(faults.first);
    let what = format!("{faults:?} struck {struck:?} of {}: {row:#?}", calls.len());
    match row.status {
        JobStatus::Complete => kind.check_done(place, table, &row).await,
        // A full store needs the operator, so an error is a valid end.
        JobStatus::Error if faults.fault == FULL => kind.check_failed(place, table, &row).await,
        _ => panic!("{what}"),
    }
    assert!(row.fruitless_attempts <= 1, "an attempt that the store ended does not count: {what}");
    struck.is_some()
}

/// Returns `None` if the request was rejected with nothing stored.
async fn submit<K: Kind>(_: &K, place: &Place, request: Value) -> Option<Uuid> {
    match place.submit(K::OPERATION, request).await {
        Ok(id) => Some(id),
        Err(SubmitError::Unavailable(_)) => None,
        Err(refused) => panic!("{refused}"),
    }
}

/// Each call in turn fails or is slow; then many fail in a row.
async fn survives_all(kind: impl Kind) {
    let place = Place::new(2).await;
    let mut number = 0;
    for fault in [UNAVAILABLE, FULL, SLOW] {
        for calls in [1, 20] {
            if calls > 1 && fault != UNAVAILABLE {
                continue;
            }
            for first in 0..MOST_CALLS {
                number += 1;
                let table = place.create_table(&format!("t{number}")).await;
                if !survives(&kind, &place, Faults { first, calls, fault }, &table).await {
                    assert!(first >= 5, "only {first} calls were struck");
                    break;
                }
                assert!(first + 1 < MOST_CALLS);
            }
        }
    }
    place.stop().await;
}

/// The three commits: creation, begin of the attempt, and the end with its records.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tiny_load_costs_three_commits() {
    let place = Place::new(1).await;
    let table = place.create_table("tiny").await;
    let path = place.file("tiny.csv", "id,text\n1,a\n2,b\n");
    // Progress is stored at intervals, so the number of its writes depends on the machine.
    place.store.hang(Hang::Progress);
    place.store.set(Faults { first: usize::MAX, calls: 0, fault: SLOW });
    let request = json!({"database": table.database, "table": table.table, "file_path": path});
    let id = place.submit("csv_file_load", request).await.unwrap();
    let row = place.ended(id).await;
    assert_eq!(row.message, Some(json!("successfully loaded 2 of 2 records")));
    place.is_tidy().await;
    let reads = ["job", "job_payload", "document", "fetch", "scan", "snapshot"];
    let writes: Vec<_> = place.store.heal().into_iter().filter(|call| !reads.contains(call)).collect();
    assert_eq!(writes, ["create_job", "update_job", "end_job"]);
    assert_eq!(place.count(&table).await, 2);
    place.stop().await;
}

struct Load;

impl Kind for Load {
    const OPERATION: &'static str = "csv_file_load";

    async fn request(&self, place: &Place, table: &TableName) -> Value {
        let path = place.file("rows.csv", &csv(ROWS));
        json!({"database": table.database, "table": table.table, "file_path": path})
    }

    async fn check_done(&self, place: &Place, table: &TableName, row: &JobRow) {
        assert_eq!(row.message, Some(json!(format!("successfully loaded {ROWS} of {ROWS} records"))));
        assert_eq!(row.tally, Tally { received: ROWS, written: ROWS, ..Tally::default() });
        assert_eq!(place.count(table).await, ROWS);
    }

    async fn check_failed(&self, place: &Place, table: &TableName, row: &JobRow) {
        assert_eq!(place.count(table).await, row.tally.written, "{row:#?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_load_survives_a_failure_of_each_call_of_the_store() {
    survives_all(Load).await;
}

async fn fill(place: &Place, table: &TableName) {
    let path = place.file("rows.csv", &csv(ROWS));
    let request = json!({"database": table.database, "table": table.table, "file_path": path});
    let id = place.submit("csv_file_load", request).await.unwrap();
    assert_eq!(place.ended(id).await.status, JobStatus::Complete);
    place.is_tidy().await;
}

struct Delete;

impl Kind for Delete {
    const OPERATION: &'static str = "delete_records_before";

    async fn request(&self, place: &Place, table: &TableName) -> Value {
        fill(place, table).await;
        json!({"database": table.database, "table": table.table, "date": "2099-01-01"})
    }

    async fn check_done(&self, place: &Place, table: &TableName, row: &JobRow) {
        assert_eq!(row.tally.deleted, ROWS, "{row:#?}");
        assert_eq!(place.count(table).await, 0);
    }

    async fn check_failed(&self, place: &Place, table: &TableName, row: &JobRow) {
        assert_eq!(place.count(table).await, ROWS - row.tally.deleted, "{row:#?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delete_survives_a_failure_of_each_call_of_the_store() {
    survives_all(Delete).await;
}

struct Export;

impl Export {
    fn files(place: &Place) -> Vec<String> {
        let entries = std::fs::read_dir(place.exports()).unwrap();
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
    }
}

impl Kind for Export {
    const OPERATION: &'static str = "export_local";

    async fn request(&self, place: &Place, table: &TableName) -> Value {
        fill(place, table).await;
        json!({
            "format": "json", "path": place.exports(), "filename": table.table,
            "search_operation": {
                "operation": "search_by_value", "database": table.database, "table": table.table,
                "attribute": "id", "value": "*", "get_attributes": ["*"],
            },
        })
    }

    async fn check_done(&self, place: &Place, table: &TableName, _row: &JobRow) {
        let file = place.exports().join(format!("{}.json", table.table));
        let rows: Vec<Value> = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        assert_eq!(rows.len() as u64, ROWS);
        std::fs::remove_file(file).unwrap();
        assert_eq!(Export::files(place), [""; 0], "what an attempt that failed wrote is gone");
    }

    async fn check_failed(&self, place: &Place, _table: &TableName, _row: &JobRow) {
        assert_eq!(Export::files(place), [""; 0]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_survives_a_failure_of_each_call_of_the_store() {
    survives_all(Export).await;
}

/// A load whose rows come with the request and are spooled.
struct Inline;

impl Kind for Inline {
    const OPERATION: &'static str = "csv_data_load";

    async fn request(&self, _place: &Place, table: &TableName) -> Value {
        json!({"database": table.database, "table": table.table, "data": csv(300)})
    }

    async fn check_done(&self, place: &Place, table: &TableName, row: &JobRow) {
        assert_eq!(row.tally, Tally { received: 300, written: 300, ..Tally::default() });
        assert_eq!(place.count(table).await, 300);
    }

    async fn check_failed(&self, place: &Place, table: &TableName, row: &JobRow) {
        assert_eq!(place.count(table).await, row.tally.written);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_admission_is_refused_with_nothing_left_or_its_job_runs() {
    survives_all(Inline).await;
    // If the store accepts no job, nothing is kept and the queue's place is free.
    let place = Place::new(1).await;
    let table = place.create_table("t").await;
    let request = Inline.request(&place, &table).await;
    place.store.set(Faults { first: 0, calls: usize::MAX, fault: UNAVAILABLE });
    assert_eq!(submit(&Inline, &place, request).await, None);
    place.store.heal();
    place.is_tidy().await;
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_waits_for_a_progress_write() {
    let place = Place::new(2).await;
    let path = place.file("large.csv", &csv(4 * ROWS));
    let load = |table: &TableName| json!({"database": table.database, "table": table.table, "file_path": path});
    place.store.hang(Hang::Progress);
    // The guest does not wait.
    let table = place.create_table("whole").await;
    let id = place.submit("csv_file_load", load(&table)).await.unwrap();
    assert_eq!(place.ended(id).await.tally.written, 4 * ROWS);
    // A cancel does not wait.
    let table = place.create_table("cancelled").await;
    let id = place.submit("csv_file_load", load(&table)).await.unwrap();
    place.row_when(id, |row| row.tally.written > 0).await;
    place.jobs.cancel(&place.user, id).await.unwrap();
    let row = place.ended(id).await;
    assert_eq!(place.count(&table).await, row.tally.written);
    assert!(row.status == JobStatus::Cancelled || row.tally.written == 4 * ROWS, "{row:#?}");
    place.is_tidy().await;
    // The host's shutdown does not wait.
    let table = place.create_table("stopped").await;
    let id = place.submit("csv_file_load", load(&table)).await.unwrap();
    place.row_when(id, |row| row.tally.written > 0).await;
    place.stop().await;
    let row = place.store.inner.job(id).await.unwrap().unwrap();
    assert_ne!(row.status, JobStatus::InProgress, "{row:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_that_the_store_rejects_occupies_no_worker_and_is_stored_later() {
    let place = Place::new(1).await;
    let table = place.create_table("t").await;
    let load = |data: &str| json!({"database": table.database, "table": table.table, "data": data});
    place.store.hang(Hang::FailEndsOf("csv_file_load"));
    let path = place.file("rows.csv", &csv(ROWS));
    let request = json!({"database": table.database, "table": table.table, "file_path": path});
    let id = place.submit("csv_file_load", request).await.unwrap();
    let other = place.submit("csv_data_load", load("id\nother\n")).await.unwrap();
    assert_eq!(place.ended(other).await.status, JobStatus::Complete, "the worker is free");
    let outcome = place.jobs.cancel(&place.user, id).await.unwrap();
    assert!(matches!(outcome, CancelOutcome::Ending(_)), "{outcome:?}");
    assert_eq!(place.store.inner.job(id).await.unwrap().unwrap().cancel, None);
    place.store.hang(Hang::Nothing);
    let row = place.ended(id).await;
    assert_eq!((row.status, row.tally.written), (JobStatus::Complete, ROWS));
    place.is_tidy().await;
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_that_wait_for_recovery_can_be_cancelled_while_others_run() {
    let mut place = Place::new(2).await;
    place.stop().await;
    let now = Timestamp(1);
    let unfinished = async |begun: bool| {
        let id = Uuid::new_v4();
        let row = lifecycle::create(id, "csv_data_load", "ann", String::new(), String::new(), now);
        place.store.inner.create_job(row.clone(), b"no payload".to_vec()).await.unwrap();
        if begun {
            place.store.inner.update_job(lifecycle::begin(row, now).unwrap(), 0).await.unwrap();
        }
        id
    };
    let (waiting, running) = (unfinished(false).await, unfinished(true).await);
    let left = [unfinished(false).await, unfinished(true).await];
    place.restart(2).await;

    let table = place.create_table("t").await;
    let load = json!({"database": table.database, "table": table.table, "data": "id\n1\n"});
    let new = place.submit("csv_data_load", load).await.unwrap();
    assert_eq!(place.ended(new).await.status, JobStatus::Complete, "nobody waits for recovery");
    let outcome = place.jobs.cancel(&place.user, waiting).await.unwrap();
    assert!(matches!(outcome, CancelOutcome::Cancelled(_)), "{outcome:?}");
    let outcome = place.jobs.cancel(&place.user, running).await.unwrap();
    assert!(matches!(outcome, CancelOutcome::Requested(_)), "{outcome:?}");

    // The store also fails during recovery.
    place.store.set(Faults { first: 1, calls: 20, fault: UNAVAILABLE });
    place.jobs.recover().await.unwrap();
    for id in [waiting, running] {
        assert_eq!(place.ended(id).await.status, JobStatus::Cancelled);
    }
    for id in left {
        let row = place.ended(id).await;
        let message = row.message.clone().unwrap_or_default().to_string();
        assert!(message.contains("payload cannot be read"), "it was run: {row:#?}");
    }
    place.store.heal();
    place.is_tidy().await;
    place.stop().await;
}
