//! Acknowledged data is durable: after closing, and after SIGKILL in the middle of commits.
//!
//! The killed process is this test binary, started again as `child`. The test cannot show that the disk keeps what it
//! was told to sync; that needs a machine that loses power.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::PoisonError;

use jobhost_model::jobs::{JobRow, JobStatus, Lease, StartRange};
use jobhost_model::{Action, Timestamp};
use jobhost_store::{DeleteBefore, ScanOrder, Store, WriteGroup};
use uuid::Uuid;

use crate::deletes::step;
use crate::jobs::{row, running};
use crate::place::*;
use crate::unpublished;

const PLACE: &str = "JOBHOST_TEST_STORE_PLACE";
const WORK: &str = "JOBHOST_TEST_STORE_WORK";
const STARTED: &str = "started";
const BATCH: u64 = 50;

pub async fn what_was_acknowledged_survives_closing(place: &impl Place) {
    let store = with_dogs(place).await;
    for n in 0..10 {
        write(&*store, Action::Insert, &format!("{{\"id\":{n}}}")).await;
        store.delete(&dog(), vec![number(f64::from(n / 2))]).await.unwrap();
    }
    let before = arrivals(&*store).await;
    let statistics = store.statistics(&dog()).await.unwrap();
    drop(store);
    let store = place.open().await.unwrap();
    assert_eq!(arrivals(&*store).await, before);
    assert_eq!(store.statistics(&dog()).await.unwrap(), statistics);
}

/// The job of the child, and its progress.
async fn the_job(store: &dyn Store) -> Option<(JobRow, u64)> {
    let id = store.unfinished_jobs().await.unwrap().pop()?;
    let (_, checkpoint) = store.job_payload(id).await.unwrap().unwrap();
    let done = checkpoint.map_or(0, |text| String::from_utf8(text).unwrap().parse().unwrap());
    Some((store.job(id).await.unwrap().unwrap(), done))
}

/// Batch `n`: new records, and an upsert of one record that grows with each batch.
fn batches(n: u64) -> (String, String) {
    let new: Vec<_> =
        (n * BATCH..(n + 1) * BATCH).map(|id| format!("{{\"id\":\"{}\",\"n\":{id}}}", spread(id))).collect();
    (new.join("\n"), format!("{{\"id\":\"last\",\"batch\":{n}}}"))
}

/// Keys spread over the whole index.
pub fn spread(id: u64) -> Uuid {
    Uuid::from_u64_pair(id.wrapping_mul(0x9e37_79b9_7f4a_7c15), id)
}

/// Starts the next attempt of the job. Creates the job and its table if necessary.
async fn next_attempt(store: &dyn Store) -> (JobRow, u64) {
    let (job, done) = match the_job(store).await {
        Some(job) => job,
        None => {
            create_table(store, &dog()).await;
            let row = row(1);
            store.create_job(row.clone(), Vec::new()).await.unwrap();
            (row, 0)
        }
    };
    (store.update_job(running(&job, job.attempt + 1, 1), job.attempt).await.unwrap(), done)
}

/// Loads forever, and prints to standard output what has been acknowledged.
async fn load(place: &impl Place) {
    let store = place.open().await.unwrap();
    let (job, mut done) = next_attempt(&*store).await;
    loop {
        let (new, last) = batches(done);
        let writes = vec![parse(&*store, &dog(), Action::Insert, &new), parse(&*store, &dog(), Action::Upsert, &last)];
        done += 1;
        let group = WriteGroup {
            lease: Some(Lease { job: job.id, attempt: job.attempt }),
            quota: None,
            writes,
            checkpoint: Some(done.to_string().into_bytes()),
            ..WriteGroup::default()
        };
        let tally = store.apply(group).await.unwrap().job_tally.unwrap();
        assert_eq!(tally.written, done * (BATCH + 1));
        println!("acknowledged {done}");
    }
}

/// Deletes forever, and loads more records to delete.
async fn delete(place: &impl Place) {
    const LOADED_AT_ONCE: u64 = 5_000;
    let store = place.open().await.unwrap();
    let (job, _) = next_attempt(&*store).await;
    let lease = Some(Lease { job: job.id, attempt: job.attempt });
    let mut tally = job.tally;
    loop {
        if tally.written - tally.deleted < LOADED_AT_ONCE / 2 {
            let new: Vec<_> = (tally.written..tally.written + LOADED_AT_ONCE)
                .map(|id| format!("{{\"id\":\"{}\",\"n\":{id}}}", spread(id)))
                .collect();
            let writes = vec![parse(&*store, &dog(), Action::Insert, &new.join("\n"))];
            tally =
                store.apply(WriteGroup { lease, writes, ..WriteGroup::default() }).await.unwrap().job_tally.unwrap();
        }
        // Blocks are split, deleted whole, or both.
        let limit = 1 + tally.deleted % 257;
        let checkpoint = Some((tally.deleted + limit).to_string().into_bytes());
        let step = DeleteBefore { lease, checkpoint, ..step(u64::MAX, limit as usize) };
        tally = store.delete_created_before(step).await.unwrap().job_tally.unwrap();
        println!("acknowledged {}", tally.deleted);
    }
}

/// The keys of an unpublished job: half of them are those of the job before.
fn keys_of(job: u64) -> std::ops::Range<u64> {
    job * 2 * BATCH..(job + 2) * 2 * BATCH
}

/// The rows of the jobs so far, which are numbered by their start times.
async fn numbered_jobs(store: &dyn Store) -> Vec<JobRow> {
    let range = StartRange { after: Timestamp(0), before: Timestamp(u64::MAX) };
    store.jobs_started_between(range, None, 10_000).await.unwrap()
}

/// Runs jobs whose records become visible at their end, except those of every third one, forever.
async fn publish(place: &impl Place) {
    let store = place.open().await.unwrap();
    if store.catalog().table(&dog()).is_none() {
        create_table(&*store, &dog()).await;
    }
    let first = numbered_jobs(&*store).await.len() as u64;
    for job in first.. {
        let row = row(1);
        store.create_job(row.clone(), Vec::new()).await.unwrap();
        store.update_job(running(&row, 1, job + 1), 0).await.unwrap();
        let lease = Lease { job: row.id, attempt: 1 };
        for part in keys_of(job).collect::<Vec<_>>().chunks(BATCH as usize) {
            let lines: Vec<_> =
                part.iter().map(|id| format!("{{\"id\":\"{}\",\"n\":{id},\"by\":{job}}}", spread(*id))).collect();
            unpublished::load(&*store, lease, Action::Upsert, &lines.join("\n")).await;
            println!("acknowledged 0");
        }
        unpublished::finish(&*store, lease, job % 3 != 2).await;
        println!("acknowledged {}", job + 1);
    }
}

/// Checks that exactly the records of complete jobs are visible, each as the last of them wrote it.
async fn assert_whole(store: &dyn Store) {
    let mut expected = BTreeMap::new();
    for (job, _) in numbered_jobs(store).await.iter().enumerate().filter(|(_, row)| row.status == JobStatus::Complete) {
        expected.extend(keys_of(job as u64).map(|id| (id, job as u64)));
    }
    for order in [ScanOrder::Arrival, ScanOrder::Key] {
        let stored = scan_of(store, &dog(), order).await;
        let found = stored.iter().map(|stored| {
            let record = stored.record();
            (record["n"].as_u64().unwrap(), record["by"].as_u64().unwrap())
        });
        assert_eq!(found.collect::<BTreeMap<_, _>>(), expected);
        assert_eq!(stored.len(), expected.len(), "no record is stored twice");
    }
    assert_eq!(store.statistics(&dog()).await.unwrap().record_count, expected.len() as u64);
}

pub async fn unpublished_records_become_visible_whole_or_never_when_killed(place: &impl Place) {
    for round in 0..6 {
        let acknowledged = killed_after(8 + round * 7, "publish", place);
        let store = place.open().await.unwrap();
        let jobs = numbered_jobs(&*store).await;
        let ended = jobs.iter().filter(|row| row.status.is_final()).count() as u64;
        assert!(ended >= acknowledged, "acknowledged {acknowledged}, found {ended}");
        assert_whole(&*store).await;
        // What the killed process left is still there to be published or discarded.
        for id in store.unfinished_jobs().await.unwrap() {
            let attempt = store.job(id).await.unwrap().unwrap().attempt;
            if attempt > 0 {
                unpublished::finish(&*store, Lease { job: id, attempt }, false).await;
            }
        }
        assert_whole(&*store).await;
    }
}

/// Whether this process was started as a child to be killed.
pub fn is_child() -> bool {
    std::env::var_os(PLACE).is_some()
}

/// The work of the child.
pub fn child() {
    let description = std::env::var(PLACE).unwrap();
    let place = EmbeddedPlace::described(&description);
    println!("{STARTED}");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    match std::env::var(WORK).unwrap().as_str() {
        "load" => runtime.block_on(load(&place)),
        "delete" => runtime.block_on(delete(&place)),
        "publish" => runtime.block_on(publish(&place)),
        other => panic!("no such work: {other}"),
    }
}

/// Runs a child until it has acknowledged this many commits, and kills it. Returns what it acknowledged last.
fn killed_after(commits: usize, work: &str, place: &impl Place) -> u64 {
    let starting = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
    let mut child = Command::new(std::env::current_exe().unwrap())
        .env(PLACE, place.describe())
        .env(WORK, work)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    // `spawn` may return before the child has closed inherited descriptors. By the time that it prints, it has closed
    // them.
    lines.by_ref().map_while(Result::ok).find(|line| line == STARTED).expect("the child starts");
    drop(starting);
    let figure = |line: &str| line.rsplit(' ').next().unwrap().parse::<u64>();
    let mut acknowledged = 0;
    for _ in 0..commits {
        let line =
            lines.by_ref().map_while(Result::ok).find(|line| line.contains("acknowledged")).expect("the child works");
        acknowledged = figure(&line).unwrap();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let heard = lines.map_while(Result::ok).filter(|line| line.contains("acknowledged")).last();
    // The kill may have truncated a line. A truncated number is smaller and proves less.
    heard.map_or(acknowledged, |line| acknowledged.max(figure(&line).unwrap_or(0)))
}

pub async fn nothing_acknowledged_is_lost_when_killed(place: &impl Place) {
    let mut acknowledged = 0;
    for round in 0..6 {
        // A different number of commits in each round, plus whatever is under way when the signal arrives.
        acknowledged = killed_after(3 + round * 4, "load", place).max(acknowledged);
        let store = place.open().await.unwrap();
        let (job, done) = the_job(&*store).await.unwrap();
        assert!(done >= acknowledged, "acknowledged {acknowledged}, found {done}");
        assert_eq!(job.tally.written, done * (BATCH + 1));
        assert_eq!(store.statistics(&dog()).await.unwrap().record_count, done * BATCH + 1);
        for order in [ScanOrder::Arrival, ScanOrder::Key] {
            let mut numbers: Vec<_> = scan_of(&*store, &dog(), order)
                .await
                .iter()
                .filter_map(|stored| stored.record().get("n")?.as_u64())
                .collect();
            if order == ScanOrder::Key {
                numbers.sort_unstable();
            }
            assert!(numbers.into_iter().eq(0..done * BATCH));
        }
        let last = fetch_one(&*store, "last".into()).await.unwrap();
        assert_eq!(last.record()["batch"].as_u64(), Some(done - 1));
    }
}

pub async fn steps_of_deleting_are_whole_when_killed(place: &impl Place) {
    let mut acknowledged = 0;
    for round in 0..6 {
        acknowledged = killed_after(2 + round * 5, "delete", place).max(acknowledged);
        let store = place.open().await.unwrap();
        let (job, done) = the_job(&*store).await.unwrap();
        let tally = job.tally;
        assert!(tally.deleted >= acknowledged, "acknowledged {acknowledged}, found {}", tally.deleted);
        assert_eq!(done, tally.deleted, "the checkpoint is that of the last step");
        assert_eq!(store.statistics(&dog()).await.unwrap().record_count, tally.written - tally.deleted);
        for order in [ScanOrder::Arrival, ScanOrder::Key] {
            let mut numbers: Vec<_> = scan_of(&*store, &dog(), order)
                .await
                .iter()
                .map(|stored| stored.record()["n"].as_u64().unwrap())
                .collect();
            if order == ScanOrder::Key {
                numbers.sort_unstable();
            }
            assert!(numbers.into_iter().eq(tally.deleted..tally.written));
        }
    }
}
