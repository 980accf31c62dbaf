//! Records that become visible when their job ends, all of them or none.

use jobhost_model::jobs::{JobRow, JobStatus, Lease, Tally};
use jobhost_model::{Action, TableName, Timestamp};
use jobhost_store::{CatalogChange, JobEnd, Quota, ScanOrder, Store, StoreErrorKind, Visibility, WriteGroup};
use serde_json::json;

use crate::deletes::step;
use crate::jobs::{row, running};
use crate::place::*;

/// Starts a job.
pub async fn begin(store: &dyn Store) -> Lease {
    let row = row(1);
    store.create_job(row.clone(), b"payload".to_vec()).await.unwrap();
    store.update_job(running(&row, 1, 50), 0).await.unwrap();
    Lease { job: row.id, attempt: 1 }
}

pub fn group(store: &dyn Store, lease: Lease, action: Action, text: &str) -> WriteGroup {
    let writes = vec![parse(store, &dog(), action, text)];
    WriteGroup { lease: Some(lease), writes, visibility: Visibility::AtEnd, ..WriteGroup::default() }
}

pub async fn load(store: &dyn Store, lease: Lease, action: Action, text: &str) -> Tally {
    let applied = store.apply(group(store, lease, action, text)).await.unwrap();
    assert_eq!((applied.tally.written, applied.tally.skipped), (0, 0));
    applied.job_tally.unwrap()
}

fn end(lease: Lease, publish: bool, last_group: Option<WriteGroup>) -> JobEnd {
    let status = if publish { JobStatus::Complete } else { JobStatus::Error };
    let last = move |stored: JobRow| JobRow { status, ended: Some(Timestamp(99)), ..stored };
    JobEnd { lease, last_group, publish, documents: Vec::new(), row: Box::new(last) }
}

/// Ends a job and returns its final tally.
pub async fn finish(store: &dyn Store, lease: Lease, publish: bool) -> Tally {
    store.end_job(end(lease, publish, None)).await.unwrap().tally
}

/// The ids and values of the records, in order of keys.
async fn values(store: &dyn Store) -> Vec<(i64, String)> {
    let value = |stored: &Stored| {
        let record = stored.record();
        (record["id"].as_i64().unwrap(), record.get("v").map(|v| v.as_str().unwrap().to_owned()).unwrap_or_default())
    };
    let by_key: Vec<_> = scan_of(store, &dog(), ScanOrder::Key).await.iter().map(value).collect();
    let mut by_arrival: Vec<_> = arrivals(store).await.iter().map(value).collect();
    by_arrival.sort_unstable();
    assert_eq!(by_key, by_arrival);
    assert_eq!(store.statistics(&dog()).await.unwrap().record_count, by_key.len() as u64);
    for (id, v) in &by_key {
        assert_eq!(value(&fetch_one(store, json!(id)).await.unwrap()), (*id, v.clone()));
    }
    by_key
}

fn lines(ids: impl Iterator<Item = i64>, v: &str) -> String {
    ids.map(|id| format!("{{\"id\":{id},\"v\":\"{v}\"}}")).collect::<Vec<_>>().join("\n")
}

fn pairs(list: &[(i64, &str)]) -> Vec<(i64, String)> {
    list.iter().map(|(id, v)| (*id, (*v).to_owned())).collect()
}

pub async fn nothing_is_visible_before_the_end(place: &impl Place) {
    let store = with_dogs(place).await;
    let lease = begin(&*store).await;
    for part in 0..5 {
        // Not in order of keys.
        load(&*store, lease, Action::Insert, &lines((0..100).map(|n| (n * 37) % 100 * 5 + part), "new")).await;
        place.clock().advance(1000);
        assert_eq!(values(&*store).await, []);
        assert_eq!(store.statistics(&dog()).await.unwrap().table_size, 0);
        assert_eq!(store.catalog().table(&dog()).unwrap().attributes.len(), 1, "the primary key");
    }
    let snapshot = store.snapshot().unwrap();
    let last = group(&*store, lease, Action::Insert, "{\"id\":3}\n{\"id\":1000,\"other\":1}");
    store.prepare_end(lease).await.unwrap();
    assert_eq!(values(&*store).await, []);
    let row = store.end_job(end(lease, true, Some(last))).await.unwrap();
    assert_eq!(row.tally, Tally { received: 502, written: 501, skipped: 1, deleted: 0 });
    assert_eq!(store.job(lease.job).await.unwrap(), Some(row));
    assert_eq!(values(&*store).await.len(), 501);
    let names: Vec<_> = store.catalog().table(&dog()).unwrap().attributes.iter().map(|a| a.name.clone()).collect();
    assert_eq!(names, ["id", "v", "other"]);
    assert!(snapshot.page(&dog(), &mut jobhost_store::ScanPosition::Start).unwrap().is_empty());
    // Records that arrive later have later times.
    place.clock().advance(1000);
    write(&*store, Action::Insert, "{\"id\":-1}").await;
    let times: Vec<_> = arrivals(&*store).await.iter().map(|stored| stored.created).collect();
    assert!(times.is_sorted());
}

pub async fn a_job_without_success_leaves_nothing(place: &impl Place) {
    let store = with_dogs(place).await;
    write(&*store, Action::Insert, &lines(0..10, "old")).await;
    let before = (values(&*store).await, store.statistics(&dog()).await.unwrap());
    for action in [Action::Insert, Action::Update, Action::Upsert] {
        let lease = begin(&*store).await;
        load(&*store, lease, action, &lines(5..300, "new")).await;
        load(&*store, lease, action, &lines((5..300).rev(), "newer")).await;
        assert_eq!(finish(&*store, lease, false).await, Tally { received: 590, ..Tally::default() });
        assert_eq!((values(&*store).await, store.statistics(&dog()).await.unwrap()), before);
    }
    // The same, by the row alone.
    let lease = begin(&*store).await;
    load(&*store, lease, Action::Insert, &lines(5..300, "new")).await;
    let row = store.job(lease.job).await.unwrap().unwrap();
    store.update_job(JobRow { status: JobStatus::Error, ended: Some(Timestamp(99)), ..row }, 1).await.unwrap();
    assert_eq!((values(&*store).await, store.statistics(&dog()).await.unwrap()), before);
    assert_eq!(write(&*store, Action::Insert, &lines(5..300, "last")).await.tally.written, 290);
}

pub async fn existing_records_are_skipped_or_merged_at_the_end(place: &impl Place) {
    let store = with_dogs(place).await;
    write(&*store, Action::Insert, &lines(0..4, "old")).await;
    for (action, expected, written) in [
        (Action::Insert, pairs(&[(0, "old"), (1, "old"), (2, "old"), (3, "old"), (4, "b"), (5, "c")]), 2),
        (Action::Update, pairs(&[(0, "old"), (1, "old"), (2, "a"), (3, "c"), (4, "b")]), 4),
        (Action::Upsert, pairs(&[(0, "old"), (1, "old"), (2, "a"), (3, "c"), (4, "b"), (5, "c")]), 7),
    ] {
        let lease = begin(&*store).await;
        let before = values(&*store).await;
        load(&*store, lease, action, &lines(2..4, "a")).await;
        load(&*store, lease, action, &lines(3..5, "b")).await;
        load(&*store, lease, action, &lines([3, 5, 5].into_iter(), "c")).await;
        assert_eq!(values(&*store).await, before);
        let tally = finish(&*store, lease, true).await;
        assert_eq!(values(&*store).await, expected, "{action:?}");
        assert_eq!(tally.received, 7);
        assert_eq!(tally.written + tally.skipped, 7);
        match action {
            Action::Insert => assert_eq!(tally.written, written),
            Action::Update | Action::Upsert => assert!(tally.written >= written, "{tally:?}"),
        }
        store.delete(&dog(), vec![number(5.0)]).await.unwrap();
    }
}

pub async fn what_others_insert_in_between_is_respected(place: &impl Place) {
    for action in [Action::Insert, Action::Upsert] {
        for prepared in [false, true] {
            let store = with_dogs(place).await;
            write(&*store, Action::Insert, &lines(0..10, "old")).await;
            let lease = begin(&*store).await;
            load(&*store, lease, action, &lines(10..200, "job")).await;
            write(&*store, Action::Insert, "{\"id\":20,\"w\":1}\n{\"id\":30,\"w\":1,\"v\":\"other\"}\n{\"id\":500}")
                .await;
            if prepared {
                store.prepare_end(lease).await.unwrap();
            }
            write(&*store, Action::Insert, "{\"id\":40,\"w\":1}\n{\"id\":501}").await;
            load(&*store, lease, action, &lines(500..502, "job")).await;
            store.delete(&dog(), vec![number(3.0), number(30.0)]).await.unwrap();
            let tally = finish(&*store, lease, true).await;
            let all = values(&*store).await;
            assert_eq!(tally.received, 192);
            let of = |id: i64| all.iter().find(|(other, _)| *other == id).map(|(_, v)| v.as_str());
            assert_eq!(of(11), Some("job"));
            assert_eq!(of(3), None);
            let w = |stored: Stored| stored.record().get("w").cloned();
            for id in [20, 40] {
                assert_eq!(fetch_one(&*store, json!(id)).await.and_then(w), Some(json!(1)));
                assert_eq!(of(id), Some(if action == Action::Insert { "" } else { "job" }), "{action:?}");
            }
            assert_eq!(of(500), Some(if action == Action::Insert { "" } else { "job" }));
            // 30 was inserted and deleted by others: whether the job's record counts depends on when it was compared.
            assert!(all.len() as u64 >= 9 + 189 + 2, "{}", all.len());
            drop(store);
            let store = place.open().await.unwrap();
            store.change_catalog(CatalogChange::DropTable { name: dog() }).await.unwrap();
        }
    }
}

pub async fn jobs_that_load_the_same_keys_at_once(place: &impl Place) {
    let store = with_dogs(place).await;
    let [first, second, third] = [begin(&*store).await, begin(&*store).await, begin(&*store).await];
    for part in 0..4 {
        load(&*store, first, Action::Insert, &lines(part * 100..part * 100 + 100, "first")).await;
        load(&*store, second, Action::Insert, &lines(part * 100 + 50..part * 100 + 150, "second")).await;
        load(&*store, third, Action::Upsert, &lines(part * 100 + 25..part * 100 + 26, "third")).await;
    }
    store.prepare_end(second).await.unwrap();
    let tally = finish(&*store, first, true).await;
    assert_eq!((tally.written, tally.skipped), (400, 0));
    let tally = finish(&*store, third, true).await;
    assert_eq!((tally.written, tally.skipped), (4, 0));
    let tally = finish(&*store, second, true).await;
    assert_eq!((tally.received, tally.written, tally.skipped), (400, 50, 350));
    let all = values(&*store).await;
    assert_eq!(all.len(), 450);
    assert!(all.iter().all(|(id, v)| match id {
        25 | 125 | 225 | 325 => v == "third",
        0..400 => v == "first",
        _ => v == "second",
    }));
}

pub async fn several_tables_and_actions_of_one_job(place: &impl Place) {
    let store = with_dogs(place).await;
    let cats = TableName::new("data", "cat");
    create_table(&*store, &cats).await;
    let lease = begin(&*store).await;
    let write = |table: &TableName, action, text: &str| parse(&*store, table, action, text);
    let writes = vec![
        write(&dog(), Action::Insert, "{\"id\":1,\"v\":\"a\"}\n{\"id\":2,\"v\":\"a\"}"),
        write(&cats, Action::Upsert, "{\"id\":1}"),
        write(&dog(), Action::Upsert, "{\"id\":2,\"v\":\"b\"}\n{\"id\":3,\"v\":\"b\"}"),
    ];
    store
        .apply(WriteGroup { lease: Some(lease), writes, visibility: Visibility::AtEnd, ..WriteGroup::default() })
        .await
        .unwrap();
    let tally = finish(&*store, lease, true).await;
    assert_eq!((tally.received, tally.written, tally.skipped), (5, 5, 0));
    assert_eq!(values(&*store).await, pairs(&[(1, "a"), (2, "b"), (3, "b")]));
    assert_eq!(scan_of(&*store, &cats, ScanOrder::Key).await.len(), 1);
}

pub async fn changes_and_new_records_of_one_job_in_an_emptied_table(place: &impl Place) {
    let store = with_dogs(place).await;
    write(&*store, Action::Insert, &lines(1..2, "old")).await;
    let lease = begin(&*store).await;
    load(&*store, lease, Action::Upsert, &lines(1..2, "changed")).await;
    store.delete(&dog(), vec![number(1.0)]).await.unwrap();
    load(&*store, lease, Action::Insert, &lines(2..3, "new")).await;
    assert_eq!(finish(&*store, lease, true).await.written, 2);
    assert_eq!(values(&*store).await, pairs(&[(1, "changed"), (2, "new")]));
}

pub async fn a_job_goes_on_after_the_store_was_closed(place: &impl Place) {
    let mut store = with_dogs(place).await;
    write(&*store, Action::Insert, &lines(0..20, "old")).await;
    let lease = begin(&*store).await;
    for part in 0..10 {
        load(&*store, lease, Action::Upsert, &lines(part * 10..part * 10 + 30, "new")).await;
        drop(store);
        store = place.open().await.unwrap();
        assert_eq!(values(&*store).await.len(), 20);
    }
    assert_eq!(finish(&*store, lease, true).await, Tally { received: 300, written: 300, ..Tally::default() });
    assert_eq!(values(&*store).await, (0..120).map(|id| (id, "new".to_owned())).collect::<Vec<_>>());
}

pub async fn a_stale_attempt_neither_writes_nor_publishes(place: &impl Place) {
    let store = with_dogs(place).await;
    let lease = begin(&*store).await;
    let first = group(&*store, lease, Action::Insert, "{\"id\":1}");
    store.apply(WriteGroup { checkpoint: Some(vec![1]), ..first }).await.unwrap();
    let row = store.job(lease.job).await.unwrap().unwrap();
    store.update_job(running(&row, 2, 60), 1).await.unwrap();
    let lost = StoreErrorKind::LeaseLost;
    assert_eq!(store.apply(group(&*store, lease, Action::Insert, "{\"id\":2}")).await.unwrap_err().kind, lost);
    assert_eq!(store.end_job(end(lease, true, None)).await.unwrap_err().kind, lost);
    assert_eq!(values(&*store).await, []);
    let lease = Lease { attempt: 2, ..lease };
    load(&*store, lease, Action::Insert, "{\"id\":2}").await;
    assert_eq!(finish(&*store, lease, true).await.written, 2);
    let mut without = group(&*store, lease, Action::Insert, "{\"id\":2}");
    without.lease = None;
    assert_eq!(store.apply(without).await.unwrap_err().kind, StoreErrorKind::Invalid);
}

pub async fn an_attempt_without_a_checkpoint_starts_over(place: &impl Place) {
    let store = with_dogs(place).await;
    let mut lease = begin(&*store).await;
    for attempt in 2..5 {
        load(&*store, lease, Action::Insert, "{\"v\":\"generated\"}\n{\"id\":1}").await;
        let row = store.job(lease.job).await.unwrap().unwrap();
        let row = store.update_job(running(&row, attempt, 60), attempt - 1).await.unwrap();
        assert_eq!(row.tally, Tally::default());
        lease.attempt = attempt;
    }
    // With a checkpoint, the next attempt continues.
    for attempt in 5..7 {
        let text = format!("{{\"id\":{attempt}}}");
        let group = WriteGroup { checkpoint: Some(vec![1]), ..group(&*store, lease, Action::Insert, &text) };
        store.apply(group).await.unwrap();
        let row = store.job(lease.job).await.unwrap().unwrap();
        store.update_job(running(&row, attempt, 60), attempt - 1).await.unwrap();
        lease.attempt = attempt;
    }
    assert_eq!(finish(&*store, lease, true).await, Tally { received: 2, written: 2, ..Tally::default() });
    assert_eq!(values(&*store).await.len(), 2);
}

pub async fn a_dropped_table_fails_the_end_and_the_job_can_fail(place: &impl Place) {
    let store = with_dogs(place).await;
    let lease = begin(&*store).await;
    load(&*store, lease, Action::Insert, &lines(0..100, "new")).await;
    store.change_catalog(CatalogChange::DropTable { name: dog() }).await.unwrap();
    create_table(&*store, &dog()).await;
    assert_eq!(store.end_job(end(lease, true, None)).await.unwrap_err().kind, StoreErrorKind::NotFound);
    finish(&*store, lease, false).await;
    assert_eq!(values(&*store).await, []);
    assert_eq!(write(&*store, Action::Insert, &lines(0..100, "later")).await.tally.written, 100);
}

pub async fn generated_keys_are_those_of_new_records(place: &impl Place) {
    let store = with_dogs(place).await;
    let lease = begin(&*store).await;
    for _ in 0..3 {
        load(&*store, lease, Action::Upsert, "{\"v\":\"x\"}\n{\"id\":1,\"v\":\"y\"}\n{\"v\":\"z\"}").await;
    }
    assert_eq!(finish(&*store, lease, true).await.written, 9);
    assert_eq!(values(&*store).await.len(), 7);
}

pub async fn old_records_can_be_deleted_in_between(place: &impl Place) {
    let store = with_dogs(place).await;
    write(&*store, Action::Insert, &lines(0..500, "old")).await;
    place.clock().advance(1_000_000);
    let lease = begin(&*store).await;
    load(&*store, lease, Action::Insert, &lines(1000..1200, "job")).await;
    place.clock().advance(1_000_000);
    write(&*store, Action::Insert, &lines(2000..2500, "young")).await;
    place.clock().advance(1_000_000);
    // A part of the old ones, then all that is visible.
    assert_eq!(store.delete_created_before(step(u64::MAX, 300)).await.unwrap().tally.deleted, 300);
    assert_eq!(values(&*store).await.len(), 700);
    assert_eq!(store.delete_created_before(step(u64::MAX, 10_000)).await.unwrap().tally.deleted, 700);
    assert_eq!(values(&*store).await, []);
    load(&*store, lease, Action::Insert, &lines(1200..1300, "job")).await;
    write(&*store, Action::Insert, &lines(0..10, "last")).await;
    assert_eq!(finish(&*store, lease, true).await.written, 300);
    assert_eq!(values(&*store).await.len(), 310);
    assert_eq!(store.delete_created_before(step(u64::MAX, 10_000)).await.unwrap().tally.deleted, 310);
    assert_eq!(values(&*store).await, []);
    assert_eq!(write(&*store, Action::Insert, &lines(0..1300, "again")).await.tally.written, 1300);
    assert_eq!(values(&*store).await.len(), 1300);
}

pub async fn an_attribute_dropped_in_between_comes_back_with_the_records(place: &impl Place) {
    let store = with_dogs(place).await;
    write(&*store, Action::Insert, &lines(0..50, "old")).await;
    let lease = begin(&*store).await;
    load(&*store, lease, Action::Insert, &lines(100..150, "job")).await;
    store.change_catalog(CatalogChange::DropAttribute { name: dog(), attribute: "v".to_owned() }).await.unwrap();
    assert_eq!(finish(&*store, lease, true).await.written, 50);
    assert!(store.catalog().table(&dog()).unwrap().has_attribute("v"));
    let all = values(&*store).await;
    assert!(all.iter().all(|(id, v)| (*id < 100 && v.is_empty()) || (*id >= 100 && v == "job")), "{all:?}");
}

pub async fn unpublished_records_count_for_the_quota_once(place: &impl Place) {
    let store = with_dogs(place).await;
    let quota = || Some(Quota { user: "ann".into(), bytes: 100_000 });
    let text = |from: i64, count: i64| lines(from..from + count, &"x".repeat(1000));
    for round in 0..10 {
        let lease = begin(&*store).await;
        for part in 0..7 {
            let group = WriteGroup { quota: quota(), ..group(&*store, lease, Action::Insert, &text(part * 10, 10)) };
            store.apply(group).await.unwrap();
        }
        let more = WriteGroup { quota: quota(), ..group(&*store, lease, Action::Insert, &text(500, 40)) };
        assert_eq!(store.apply(more).await.unwrap_err().kind, StoreErrorKind::OverQuota, "round {round}");
        // What is discarded, and what is deleted after it was published, is not counted any more.
        if round % 2 == 0 {
            finish(&*store, lease, false).await;
        } else {
            finish(&*store, lease, true).await;
            assert_eq!(values(&*store).await.len(), 70);
            let more = WriteGroup {
                quota: quota(),
                writes: vec![parse(&*store, &dog(), Action::Insert, &text(500, 40))],
                ..WriteGroup::default()
            };
            assert_eq!(store.apply(more).await.unwrap_err().kind, StoreErrorKind::OverQuota);
            store.delete(&dog(), (0..70).map(|id| number(f64::from(id))).collect()).await.unwrap();
        }
    }
}
