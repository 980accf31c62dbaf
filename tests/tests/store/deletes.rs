//! Deleting the oldest records: which ones, how many at a time, and what commits together with it.

use jobhost_model::jobs::{JobRow, JobStatus, Lease, Tally};
use jobhost_model::{Action, TableName, Timestamp};
use jobhost_store::{Applied, DeleteBefore, ScanOrder, Store, StoreErrorKind};
use serde_json::json;
use uuid::Uuid;

use crate::jobs::{row, running};
use crate::place::*;

/// A step on `data.dog` that belongs to no job.
pub fn step(created_before: u64, limit: usize) -> DeleteBefore {
    DeleteBefore { table: dog(), created_before: Timestamp(created_before), limit, lease: None, checkpoint: None }
}

async fn delete(store: &dyn Store, created_before: u64, limit: usize) -> u64 {
    let applied: Applied = store.delete_created_before(step(created_before, limit)).await.unwrap();
    assert_eq!(applied.tally, Tally { deleted: applied.tally.deleted, ..Tally::default() });
    assert_eq!(applied.job_tally, None);
    applied.tally.deleted
}

/// Creates one record at each of these times.
async fn created_at(place: &impl Place, store: &dyn Store, moments: &[u64]) {
    for moment in moments {
        place.clock().set(Timestamp(*moment));
        write(store, Action::Insert, &format!("{{\"id\":\"at {moment}\"}}")).await;
    }
}

/// The remaining records in both orders and in the counters.
async fn left(store: &dyn Store) -> Vec<String> {
    let arrived = texts(store).await;
    let mut one: Vec<_> = arrived.clone();
    let mut other: Vec<_> =
        scan_of(store, &dog(), ScanOrder::Key).await.into_iter().map(|stored| stored.json).collect();
    one.sort();
    other.sort();
    assert_eq!(one, other);
    assert_eq!(store.statistics(&dog()).await.unwrap().record_count, arrived.len() as u64);
    arrived
}

pub async fn only_what_was_created_before_goes(place: &impl Place) {
    let store = with_dogs(place).await;
    created_at(place, &*store, &[1000, 2000, 2001, 3000]).await;
    assert_eq!(delete(&*store, 1000, 10).await, 0);
    assert_eq!(delete(&*store, 2001, 10).await, 2);
    assert_eq!(left(&*store).await, ["{\"id\":\"at 2001\"}", "{\"id\":\"at 3000\"}"]);
    assert_eq!(delete(&*store, 2001, 10).await, 0);
    assert_eq!(delete(&*store, u64::MAX, 10).await, 2);
    assert!(left(&*store).await.is_empty());
    assert_eq!(delete(&*store, u64::MAX, 10).await, 0);
    assert_eq!(store.statistics(&dog()).await.unwrap().table_size, 0);
    // The keys are free again, and the table's time has not gone back.
    place.clock().set(Timestamp(5));
    write(&*store, Action::Insert, "{\"id\":\"at 1000\"}").await;
    assert_eq!(arrivals(&*store).await[0].created, 3000);
}

pub async fn the_oldest_go_first_a_limit_at_a_time(place: &impl Place) {
    let store = with_dogs(place).await;
    let mut ids = Vec::new();
    for (moment, spread) in [(10u64, false), (20, true), (30, false)] {
        place.clock().set(Timestamp(moment));
        let lines: Vec<_> = (0..1_000u64)
            .map(|n| {
                // One part in order of its keys, the other across them.
                let id = if spread {
                    json!(Uuid::from_u64_pair(n.wrapping_mul(0x9e37_79b9_7f4a_7c15), n))
                } else {
                    json!(n + moment * 1_000)
                };
                ids.push(id.clone());
                json!({"id": id, "pad": "x".repeat(n as usize % 90)}).to_string()
            })
            .collect();
        write(&*store, Action::Insert, &lines.join("\n")).await;
    }
    assert_eq!(delete(&*store, 30, 0).await, 0);
    let mut gone = 0;
    for limit in [1, 1, 7, 300, 691, 999] {
        assert_eq!(delete(&*store, 30, limit).await, limit as u64);
        gone += limit;
        let rest: Vec<_> = arrivals(&*store).await.iter().map(|stored| stored.record()["id"].clone()).collect();
        assert_eq!(rest, ids[gone..]);
        assert!(fetch(&*store, &ids[..gone]).await.is_empty());
        assert_eq!(fetch(&*store, &ids[gone..]).await.len(), ids.len() - gone);
    }
    assert_eq!(delete(&*store, 30, 500).await, 1);
    assert_eq!(delete(&*store, 30, 500).await, 0);
    assert_eq!(left(&*store).await.len(), 1_000);
    assert_eq!(delete(&*store, 31, usize::MAX).await, 1_000);
    assert!(left(&*store).await.is_empty());
}

pub async fn holes_do_not_count(place: &impl Place) {
    let store = with_dogs(place).await;
    let lines: Vec<_> = (0..4_000).map(|n| format!("{{\"id\":{n},\"pad\":\"{}\"}}", "x".repeat(40))).collect();
    write(&*store, Action::Insert, &lines.join("\n")).await;
    place.clock().advance(1);
    let now = jobhost_model::Clock::now(place.clock()).0;
    write(&*store, Action::Insert, "{\"id\":\"young\"}").await;
    // All of the first half, and every record of the second half that is not a multiple of five.
    let holes = (0..4_000).filter(|n| *n < 2_000 || n % 5 != 0).map(|n| number(f64::from(n))).collect();
    store.delete(&dog(), holes).await.unwrap();
    assert_eq!(delete(&*store, now, 150).await, 150);
    assert_eq!(left(&*store).await.len(), 251);
    assert_eq!(delete(&*store, now, 250).await, 250);
    assert_eq!(left(&*store).await, ["{\"id\":\"young\"}"]);
}

pub async fn an_update_does_not_make_a_record_younger(place: &impl Place) {
    let store = with_dogs(place).await;
    created_at(place, &*store, &[1000, 2000]).await;
    place.clock().set(Timestamp(9000));
    write(&*store, Action::Update, "{\"id\":\"at 1000\",\"x\":1}").await;
    write(&*store, Action::Upsert, "{\"x\":2,\"id\":\"at 2000\"}\n{\"x\":3,\"id\":\"new\"}").await;
    assert_eq!(delete(&*store, 1500, 10).await, 1);
    assert_eq!(left(&*store).await, ["{\"id\":\"at 2000\",\"x\":2}", "{\"x\":3,\"id\":\"new\"}"]);
    assert_eq!(delete(&*store, 9000, 10).await, 1);
    // A record that is written again after it was deleted is new.
    write(&*store, Action::Insert, "{\"id\":\"at 1000\"}").await;
    assert_eq!(delete(&*store, 9000, 10).await, 0);
    assert_eq!(delete(&*store, 9001, 10).await, 2);
}

pub async fn keys_of_every_kind_are_deleted(place: &impl Place) {
    let store = with_dogs(place).await;
    let ids = [
        "0",
        "-0.0",
        "1.5",
        "-7",
        "123456789012345678901",
        "1e300",
        "\"\"",
        "\"1\"",
        "\"a\\\"b\\\\\"",
        "\"\\u0061\"",
        "\"é\\n\"",
        "\"67e55044-10b1-426f-9247-bb680e5fe0c8\"",
        "\"67E55044-10B1-426F-9247-BB680E5FE0C8\"",
    ];
    let long = format!("\"{}\"", "k".repeat(1_978));
    let ids: Vec<_> = ids.into_iter().chain([long.as_str()]).collect();
    let lines: Vec<_> = ids
        .iter()
        .enumerate()
        .map(|(n, id)| match n % 3 {
            0 => format!("{{\"id\":{id},\"n\":{{\"id\":1}}}}"),
            1 => format!("{{\"n\":{{\"id\":1}},\"id\":{id}}}"),
            _ => format!("{{ \"n\" : [\"id\"], \"id\" : {id} }}"),
        })
        .collect();
    // The second record has the key of the first.
    assert_eq!(write(&*store, Action::Insert, &lines.join("\n")).await.tally.written as usize, ids.len() - 1);
    assert_eq!(delete(&*store, u64::MAX, 100).await as usize, ids.len() - 1);
    assert!(left(&*store).await.is_empty());
    assert_eq!(store.statistics(&dog()).await.unwrap().table_size, 0);
    assert_eq!(write(&*store, Action::Insert, &lines.join("\n")).await.tally.written as usize, ids.len() - 1);
}

pub async fn records_larger_than_a_page_are_deleted(place: &impl Place) {
    let store = with_dogs(place).await;
    let lines: Vec<_> = (0..8)
        .map(|n| format!("{{\"id\":{n},\"pad\":\"{}\"}}", "x".repeat(if n % 2 == 0 { 100_000 } else { 10 })))
        .collect();
    write(&*store, Action::Insert, &lines.join("\n")).await;
    assert_eq!(delete(&*store, u64::MAX, 3).await, 3);
    assert_eq!(left(&*store).await, lines[3..]);
    assert_eq!(delete(&*store, u64::MAX, 5).await, 5);
    assert!(left(&*store).await.is_empty());
}

pub async fn other_tables_keep_theirs(place: &impl Place) {
    let store = with_dogs(place).await;
    let [before, after] = ["bird", "eel"].map(|name| TableName::new("data", name));
    create_table(&*store, &after).await;
    for name in [&dog(), &after] {
        write_to(&*store, name, Action::Insert, "{\"id\":1}\n{\"id\":2}").await;
    }
    assert_eq!(delete(&*store, u64::MAX, 10).await, 2);
    assert_eq!(delete(&*store, u64::MAX, 10).await, 0);
    assert_eq!(scan_of(&*store, &after, ScanOrder::Key).await.len(), 2);
    let refused = store.delete_created_before(DeleteBefore { table: before, ..step(9, 9) }).await.unwrap_err();
    assert_eq!(
        (refused.kind, refused.to_string().as_str()),
        (StoreErrorKind::NotFound, "Table 'data.bird' does not exist")
    );
}

async fn started(store: &dyn Store) -> JobRow {
    let row = row(1);
    store.create_job(row.clone(), Vec::new()).await.unwrap();
    store.update_job(running(&row, 1, 50), 0).await.unwrap()
}

async fn checkpoint(store: &dyn Store, id: Uuid) -> Option<Vec<u8>> {
    store.job_payload(id).await.unwrap().unwrap().1
}

pub async fn tally_and_checkpoint_commit_with_a_step(place: &impl Place) {
    let store = with_dogs(place).await;
    created_at(place, &*store, &[10, 20, 30, 40]).await;
    let job = started(&*store).await;
    let lease = Some(Lease { job: job.id, attempt: 1 });
    let leased = |limit, text: &str| DeleteBefore { lease, checkpoint: Some(text.into()), ..step(40, limit) };
    let applied = store.delete_created_before(leased(2, "two")).await.unwrap();
    assert_eq!(applied.tally.deleted, 2);
    assert_eq!(applied.job_tally, Some(Tally { deleted: 2, ..Tally::default() }));
    assert_eq!(checkpoint(&*store, job.id).await, Some(b"two".to_vec()));
    // Without a checkpoint, the previous one is kept. A step that finds nothing still stores its own.
    let applied = store.delete_created_before(DeleteBefore { checkpoint: None, ..leased(5, "") }).await.unwrap();
    assert_eq!((applied.tally.deleted, applied.job_tally.unwrap().deleted), (1, 3));
    assert_eq!(checkpoint(&*store, job.id).await, Some(b"two".to_vec()));
    let applied = store.delete_created_before(leased(5, "end")).await.unwrap();
    assert_eq!((applied.tally.deleted, applied.job_tally.unwrap().deleted), (0, 3));
    assert_eq!(checkpoint(&*store, job.id).await, Some(b"end".to_vec()));
    // Only the store counts, and it counts both kinds.
    let group = jobhost_store::WriteGroup {
        lease,
        writes: vec![parse(&*store, &dog(), Action::Insert, "{\"id\":1}")],
        ..jobhost_store::WriteGroup::default()
    };
    store.apply(group).await.unwrap();
    let claim = JobRow { status: JobStatus::Complete, tally: Tally { deleted: 99, ..Tally::default() }, ..job };
    let total = Tally { received: 1, written: 1, skipped: 0, deleted: 3 };
    assert_eq!(store.update_job(claim.clone(), 1).await.unwrap().tally, total);
    drop(store);
    let store = place.open().await.unwrap();
    assert_eq!(store.job(claim.id).await.unwrap().unwrap().tally, total);
    assert_eq!(left(&*store).await, ["{\"id\":\"at 40\"}", "{\"id\":1}"]);
}

pub async fn a_stale_attempt_deletes_nothing(place: &impl Place) {
    let store = with_dogs(place).await;
    created_at(place, &*store, &[10, 20]).await;
    let job = started(&*store).await;
    let second = store.update_job(running(&job, 2, 70), 1).await.unwrap();
    let by = |id, attempt| DeleteBefore {
        lease: Some(Lease { job: id, attempt }),
        checkpoint: Some(b"stale".to_vec()),
        ..step(u64::MAX, 10)
    };
    for attempt in [0, 1, 3] {
        let refused = store.delete_created_before(by(job.id, attempt)).await.unwrap_err();
        assert_eq!(refused.kind, StoreErrorKind::LeaseLost);
    }
    let unknown = store.delete_created_before(by(Uuid::nil(), 1)).await.unwrap_err();
    assert_eq!(unknown.kind, StoreErrorKind::NotFound);
    let no_lease = DeleteBefore { lease: None, ..by(job.id, 2) };
    assert_eq!(store.delete_created_before(no_lease).await.unwrap_err().kind, StoreErrorKind::Invalid);
    assert_eq!(store.job(job.id).await.unwrap(), Some(second.clone()));
    assert_eq!(checkpoint(&*store, job.id).await, None);
    store.update_job(JobRow { status: JobStatus::Error, ..second }, 2).await.unwrap();
    assert_eq!(store.delete_created_before(by(job.id, 2)).await.unwrap_err().kind, StoreErrorKind::LeaseLost);
    assert_eq!(left(&*store).await.len(), 2);
}

const HOUR: u64 = 3_600_000_000;

pub async fn a_clock_that_jumped_forward_does_no_lasting_harm(place: &impl Place) {
    let store = with_dogs(place).await;
    let start = 1_600_000_000_000_000;
    created_at(place, &*store, &[start, start + 1_000, start + 100 * HOUR, start + 2_000]).await;
    // The clock may go back in small steps as before.
    created_at(place, &*store, &[start + 1_500, start + 3_000]).await;
    let created: Vec<_> = arrivals(&*store).await.iter().map(|stored| stored.created - start).collect();
    assert_eq!(created, [0, 1_000, 100 * HOUR, 2_000, 2_000, 3_000]);
    assert_eq!(store.statistics(&dog()).await.unwrap().last_updated, Some(Timestamp(start + 3_000)));
    drop(store);
    let store = place.open().await.unwrap();
    assert_eq!(delete(&*store, start + 2_000, 10).await, 2);
    assert_eq!(delete(&*store, start + 3_000, 10).await, 2);
    assert_eq!(delete(&*store, start + 3_000, 10).await, 0);
    let at = |moment: u64| format!("{{\"id\":\"at {}\"}}", start + moment);
    assert_eq!(left(&*store).await, [at(100 * HOUR), at(3_000)]);
    assert_eq!(delete(&*store, start + 4_000, 10).await, 1);
    assert_eq!(left(&*store).await, [at(100 * HOUR)]);
    // An update does not use the future time either.
    place.clock().set(Timestamp(start + 5_000));
    write(&*store, Action::Update, &format!("{{\"id\":\"at {}\",\"x\":1}}", start + 100 * HOUR)).await;
    assert_eq!(arrivals(&*store).await[0].updated, start + 5_000);
    assert_eq!(delete(&*store, start + 100 * HOUR + 1, 10).await, 1);
    assert!(left(&*store).await.is_empty());
    created_at(place, &*store, &[start + 6_000, start + 100 * HOUR]).await;
    assert_eq!(delete(&*store, start + 7_000, 10).await, 1);
}

pub async fn the_oldest_of_all_eras_go_first(place: &impl Place) {
    let store = with_dogs(place).await;
    let start = 1_600_000_000_000_000;
    // Many records with the same time, so that a limit splits blocks.
    let moments = [5, 9, 30, 4, 9, 20, 1, 2, 40];
    let mut all = Vec::new();
    for (batch, moment) in moments.into_iter().enumerate() {
        place.clock().set(Timestamp(start + moment * HOUR));
        let lines: Vec<_> =
            (0..500).map(|n| format!("{{\"id\":\"{batch} {n}\",\"pad\":\"{}\"}}", "x".repeat(n % 60))).collect();
        write(&*store, Action::Insert, &lines.join("\n")).await;
        all.extend(lines.into_iter().map(|line| (moment, line)));
    }
    // A stable order: of records with the same time, those that arrived first are deleted first.
    let mut oldest: Vec<_> = all.iter().collect();
    oldest.sort_by_key(|(moment, _)| *moment);
    let mut gone = 0;
    for limit in [1, 499, 3, 700, 250, 1_000, 47] {
        assert_eq!(delete(&*store, start + 21 * HOUR, limit).await, limit as u64);
        gone += limit;
        let deleted: std::collections::HashSet<_> = oldest[..gone].iter().map(|(_, line)| line).collect();
        let expected: Vec<_> = all.iter().map(|(_, line)| line).filter(|line| !deleted.contains(line)).collect();
        assert_eq!(left(&*store).await.iter().collect::<Vec<_>>(), expected);
    }
    assert_eq!(delete(&*store, start + 21 * HOUR, 10_000).await, 3_500 - gone as u64);
    assert_eq!(left(&*store).await.len(), 1_000);
    assert_eq!(delete(&*store, u64::MAX, 10_000).await, 1_000);
    assert_eq!(store.statistics(&dog()).await.unwrap().table_size, 0);
}

pub async fn many_jumps_of_the_clock(place: &impl Place) {
    let store = with_dogs(place).await;
    let start = 1_600_000_000_000_000;
    // Each record is an hour older than the one before, up to the maximum number of eras. After that, the table's time
    // stands still.
    for n in 0..100 {
        place.clock().set(Timestamp(start - n * HOUR));
        write(&*store, Action::Insert, &format!("{{\"id\":{n}}}")).await;
    }
    let times = |all: Vec<Stored>| all.iter().map(|stored| (start - stored.created) / HOUR).collect::<Vec<_>>();
    let created = times(arrivals(&*store).await);
    assert_eq!(created[..64], (0..64).collect::<Vec<_>>());
    assert_eq!(created[64..], [63; 36]);
    assert_eq!(delete(&*store, start - 63 * HOUR + 1, 1_000).await, 37);
    assert_eq!(delete(&*store, start - 50 * HOUR, 1_000).await, 12);
    assert_eq!(times(arrivals(&*store).await), (0..51).collect::<Vec<_>>());
    // The eras of deleted records can be reused.
    created_at(place, &*store, &[start - 200 * HOUR]).await;
    assert_eq!(times(arrivals(&*store).await).last(), Some(&200));
    assert_eq!(delete(&*store, start - 199 * HOUR, 1_000).await, 1);
    assert_eq!(delete(&*store, u64::MAX, 1_000).await, 51);
}

pub async fn writers_and_deleters_do_not_disturb_each_other(place: &impl Place) {
    let store = with_dogs(place).await;
    let old: Vec<_> = (0..5_000).map(|n| format!("{{\"id\":\"old {n}\"}}")).collect();
    write(&*store, Action::Insert, &old.join("\n")).await;
    place.clock().advance(1);
    let before = jobhost_model::Clock::now(place.clock()).0;
    let deleting = async {
        let mut deleted = 0;
        loop {
            match delete(&*store, before, 333).await {
                0 => return deleted,
                more => deleted += more,
            }
        }
    };
    let writing = async {
        for n in 0..40 {
            write(&*store, Action::Insert, &format!("{{\"id\":{n}}}\n{{\"id\":\"new {n}\"}}")).await;
        }
    };
    assert_eq!(tokio::join!(deleting, writing).0, 5_000);
    assert_eq!(left(&*store).await.len(), 80);
}
