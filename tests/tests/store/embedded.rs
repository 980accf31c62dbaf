//! Specific to the embedded store: its lock, its maximum size, and the reuse of space in its file.

use std::sync::Arc;

use jobhost_model::Action;
use jobhost_store::{CatalogChange, ScanOrder, Store, StoreErrorKind, WriteGroup};
use jobhost_store_lmdb::{EmbeddedOptions, EmbeddedStore};
use serde_json::json;

use crate::crash::spread;
use crate::deletes::step;
use crate::place::*;

pub async fn a_second_opener_is_refused_and_told_who_holds_it() {
    let place = EmbeddedPlace::new();
    let store = place.open().await.unwrap();
    let refused = place.open().await.err().unwrap();
    assert_eq!(refused.kind, StoreErrorKind::Unavailable);
    let sentence = refused.to_string();
    assert!(sentence.contains(&format!("in use by process {}", std::process::id())), "{sentence}");
    assert!(sentence.contains("data.dir"), "{sentence}");
    drop(store);
    place.open().await.unwrap();
}

pub async fn a_scan_keeps_the_store_from_being_opened_anew_until_it_ends() {
    let place = EmbeddedPlace::new();
    let store = with_dogs(&place).await;
    write(&*store, Action::Insert, "{\"id\":1}").await;
    let mut cursor = store.scan(&dog(), ScanOrder::Arrival).await.unwrap();
    drop(store);
    assert!(place.open().await.is_err());
    assert_eq!(cursor.next().await.unwrap().unwrap().len(), 1);
    assert!(cursor.next().await.unwrap().is_none());
    drop(cursor);
    place.open().await.unwrap();
}

pub async fn the_data_directory_is_private() {
    use std::os::unix::fs::PermissionsExt;
    let place = EmbeddedPlace::new();
    let _store = place.open().await.unwrap();
    assert_eq!(std::fs::metadata(&place.dir).unwrap().permissions().mode() & 0o777, 0o700);
}

pub async fn a_full_store_says_so_and_goes_on_when_there_is_room() {
    let mut place = EmbeddedPlace::new();
    place.options = EmbeddedOptions { max_bytes: 4 << 20, ..EmbeddedOptions::default() };
    let store = with_dogs(&place).await;
    let text = |n: u64| {
        let lines: Vec<_> =
            (n * 1000..(n + 1) * 1000).map(|id| format!("{{\"id\":{id},\"pad\":\"{}\"}}", "x".repeat(300))).collect();
        lines.join("\n")
    };
    let mut stored = 0;
    let refused = loop {
        let group =
            WriteGroup { writes: vec![parse(&*store, &dog(), Action::Insert, &text(stored))], ..WriteGroup::default() };
        match store.apply(group).await {
            Ok(_) => stored += 1,
            Err(error) => break error,
        }
        assert!(stored < 100);
    };
    assert_eq!(refused.kind, StoreErrorKind::Full);
    assert!(refused.to_string().contains("data.max_bytes"), "{refused}");
    // Nothing of the refused group is stored, everything acknowledged is, and small records still fit.
    assert!(stored > 3);
    assert_eq!(store.statistics(&dog()).await.unwrap().record_count, stored * 1000);
    assert_eq!(texts(&*store).await.len() as u64, stored * 1000);
    assert_eq!(store.delete(&dog(), (0..2000).map(|id| number(f64::from(id))).collect()).await.unwrap().len(), 2000);
    write(&*store, Action::Insert, "{\"id\":\"fits\"}").await;
    drop(store);
    // Opened with a larger maximum, it accepts more.
    place.options = EmbeddedOptions::default();
    let store = place.open().await.unwrap();
    assert_eq!(write(&*store, Action::Insert, &text(50)).await.tally.written, 1000);
}

pub async fn space_is_used_again() {
    let place = EmbeddedPlace::new();
    let store = with_dogs(&place).await;
    let mut sizes = Vec::new();
    for round in 0..12 {
        let lines: Vec<_> =
            (0..3_000).map(|n| format!("{{\"id\":\"{round} {n}\",\"pad\":\"{}\"}}", "x".repeat(200))).collect();
        write(&*store, Action::Insert, &lines.join("\n")).await;
        let gone = (0..3_000).map(|n| jobhost_model::Key::string(format!("{round} {n}")).unwrap()).collect();
        assert!(store.delete(&dog(), gone).await.unwrap().into_iter().all(|gone| gone));
        sizes.push(store.size().await.unwrap());
    }
    // LMDB keeps the pages that the previous commit freed for readers, and some pages for its own lists.
    assert!(sizes[11] <= sizes[3] + sizes[0] / 4, "{sizes:?}");
    assert_eq!(store.statistics(&dog()).await.unwrap().table_size, 0);
}

/// Waits until each piece of background work has made at least one step.
async fn await_background_work(store: &dyn Store) {
    let attribute = jobhost_model::Attribute { name: "a".into(), attribute_type: None, indexed: false };
    store.change_catalog(CatalogChange::CreateAttribute { name: dog(), attribute }).await.unwrap();
    store.change_catalog(CatalogChange::DropAttribute { name: dog(), attribute: "a".into() }).await.unwrap();
}

/// Loads 200,000 records and deletes them as `delete_records_before` does, twice. Returns the size of the file after
/// each step.
async fn loaded_and_deleted(key: impl Fn(u64) -> serde_json::Value) -> [u64; 4] {
    const RECORDS: u64 = 200_000;
    let place = EmbeddedPlace::new();
    let store = with_dogs(&place).await;
    let mut sizes = Vec::new();
    for _ in 0..2 {
        for part in (0..RECORDS).step_by(5_000) {
            let lines: Vec<_> = (part..part + 5_000)
                .map(|n| format!("{{\"id\":{},\"n\":{n},\"pad\":\"{}\"}}", key(n), "x".repeat(90)))
                .collect();
            write(&*store, Action::Insert, &lines.join("\n")).await;
        }
        sizes.push(store.size().await.unwrap());
        assert_eq!(store.statistics(&dog()).await.unwrap().record_count, RECORDS);
        let mut deleted = 0;
        loop {
            match store.delete_created_before(step(u64::MAX, 50_000)).await.unwrap().tally.deleted {
                0 => break,
                more => deleted += more,
            }
        }
        assert_eq!(deleted, RECORDS);
        // A large index is freed in the background.
        let mut rounds = 0;
        while store.statistics(&dog()).await.unwrap().table_size > 0 {
            await_background_work(&*store).await;
            rounds += 1;
            assert!(rounds < 20);
        }
        sizes.push(store.size().await.unwrap());
    }
    sizes.try_into().unwrap()
}

pub async fn the_space_of_old_records_is_used_again() {
    for sizes in [loaded_and_deleted(|n| n.into()).await, loaded_and_deleted(|n| json!(spread(n))).await] {
        // The pages that the last commits freed cannot be used by the next one yet.
        assert!(sizes[3] <= sizes[0] + sizes[0] / 2, "{sizes:?}");
    }
}

pub async fn readers_and_deleters_do_not_wait_for_each_other() {
    let place = EmbeddedPlace::new();
    let store = with_dogs(&place).await;
    for part in (0..20_000).step_by(5_000) {
        let lines: Vec<_> =
            (part..part + 5_000).map(|n| format!("{{\"id\":{n},\"pad\":\"{}\"}}", "x".repeat(90))).collect();
        write(&*store, Action::Insert, &lines.join("\n")).await;
    }
    // Both stay open during all deletes. If either blocked the deletes, the test would hang.
    let mut cursor = store.scan(&dog(), ScanOrder::Arrival).await.unwrap();
    let mut seen = cursor.next().await.unwrap().unwrap().len();
    let snapshot = store.snapshot().unwrap();
    while store.delete_created_before(step(u64::MAX, 3_000)).await.unwrap().tally.deleted > 0 {
        seen += cursor.next().await.unwrap().map_or(0, |page| page.len());
    }
    while let Some(page) = cursor.next().await.unwrap() {
        seen += page.len();
    }
    assert_eq!(seen, 20_000);
    assert_eq!(snapshot.fetch(&dog(), &[number(0.0), number(19_999.0)]).unwrap().len(), 2);
    assert!(texts(&*store).await.is_empty());
}

pub async fn a_dropped_tables_space_is_used_again_also_after_closing() {
    let place = EmbeddedPlace::new();
    let mut sizes = Vec::new();
    for round in 0..8 {
        let store = with_dogs(&place).await;
        for part in 0..5 {
            let lines: Vec<_> = (0..3_000)
                .map(|n| format!("{{\"id\":{},\"pad\":\"{}\"}}", part * 3_000 + n, "x".repeat(250)))
                .collect();
            write(&*store, Action::Insert, &lines.join("\n")).await;
        }
        store.change_catalog(CatalogChange::DropTable { name: dog() }).await.unwrap();
        sizes.push(store.size().await.unwrap());
        // In every other round, the store is closed before everything is freed, and continues when it is opened again.
        if round % 2 == 0 {
            create_table(&*store, &dog()).await;
            // This work was queued after the freeing, so the freeing is done too.
            await_background_work(&*store).await;
            store.change_catalog(CatalogChange::DropTable { name: dog() }).await.unwrap();
        }
        drop(store);
    }
    assert!(sizes[7] <= sizes[0] * 3, "{sizes:?}");
}

pub async fn what_is_no_store_is_not_opened() {
    let place = EmbeddedPlace::new();
    std::fs::create_dir_all(&place.dir).unwrap();
    std::fs::write(place.dir.join("data.mdb"), vec![7; 8192]).unwrap();
    let refused =
        EmbeddedStore::open(&place.dir, EmbeddedOptions::default(), Arc::new(place.clock.clone())).err().unwrap();
    assert_eq!(refused.kind, StoreErrorKind::Unavailable);
    assert!(std::error::Error::source(&refused).is_some());
}

/// A store in layout 1: the tables `data.dog` and `data.cat`, with 2,000 records each. 100 dogs were
/// deleted by key. A third table was dropped.
const LAYOUT_1: &[u8] = include_bytes!("layout-1.mdb.zst");

pub async fn a_store_of_layout_1_is_upgraded() {
    let mut place = EmbeddedPlace::new();
    // The indexes of the fixture have more keys than a head may have here.
    place.options.head_keys = 200;
    // Later than the times in the fixture.
    place.clock.set(jobhost_model::Timestamp(1_900_000_000_000_000));
    std::fs::create_dir_all(&place.dir).unwrap();
    std::fs::write(place.dir.join("data.mdb"), zstd::decode_all(LAYOUT_1).unwrap()).unwrap();
    let cat = jobhost_model::TableName::new("data", "cat");
    // In order of arrival.
    let mut dogs: Vec<u64> = (0..2_000).filter(|n| n % 7 > 0 || *n >= 700).collect();
    for round in 0..3_u64 {
        let store = place.open().await.unwrap();
        let found: Vec<u64> =
            arrivals(&*store).await.iter().map(|stored| stored.record()["n"].as_u64().unwrap()).collect();
        assert!(found.into_iter().eq(dogs.iter().copied()));
        let by_key = scan_of(&*store, &dog(), ScanOrder::Key).await;
        assert_eq!(by_key.len(), dogs.len());
        let ids: Vec<String> = by_key.iter().map(|stored| stored.record()["id"].to_string()).collect();
        assert!(ids.is_sorted());
        for n in (0..3_500).step_by(17) {
            assert_eq!(fetch_one(&*store, json!(spread(n))).await.is_some(), dogs.contains(&n), "{n}");
        }
        assert_eq!(scan_of(&*store, &cat, ScanOrder::Key).await.len() as u64, 2_000 + round * 500);
        assert_eq!(store.document("note", "a").await.unwrap().unwrap(), b"kept");

        // Half of these dogs exist.
        for part in (1_500 + round * 250..).step_by(50).take(20) {
            let new: Vec<_> = (part..part + 50).map(|n| format!("{{\"id\":{},\"n\":{n}}}", json!(spread(n)))).collect();
            let applied = write(&*store, Action::Insert, &new.join("\n")).await;
            let absent: Vec<_> = (part..part + 50).filter(|n| !dogs.contains(n)).collect();
            assert_eq!(applied.tally.written, absent.len() as u64);
            dogs.extend(absent);
        }
        let new: Vec<_> = (0..500).map(|n| format!("{{\"id\":{}}}", 2_000 + round * 500 + n)).collect();
        write_to(&*store, &cat, Action::Insert, &new.join("\n")).await;
        let gone: Vec<_> = (round..2_000).step_by(5).map(|n| json!(spread(n))).collect();
        let gone_there = store.delete(&dog(), keys(&gone)).await.unwrap();
        for (n, there) in (round..2_000).step_by(5).zip(gone_there) {
            assert_eq!(there, dogs.contains(&n));
        }
        dogs.retain(|n| *n >= 2_000 || n % 5 != round);
        let old = store.delete_created_before(step(u64::MAX, 100)).await.unwrap();
        assert_eq!(old.tally.deleted, 100);
        dogs.drain(..100);
    }
}

pub async fn a_store_of_another_layout_is_refused() {
    let place = EmbeddedPlace::new();
    std::fs::create_dir_all(&place.dir).unwrap();
    let mut data = zstd::decode_all(LAYOUT_1).unwrap();
    let name = b"jobhost embedded store, layout ";
    let at = data.windows(name.len()).position(|window| window == name).unwrap();
    data[at + name.len()] = b'9';
    std::fs::write(place.dir.join("data.mdb"), data).unwrap();
    let refused =
        EmbeddedStore::open(&place.dir, EmbeddedOptions::default(), Arc::new(place.clock.clone())).err().unwrap();
    assert!(refused.to_string().contains("another version"), "{refused}");
}
