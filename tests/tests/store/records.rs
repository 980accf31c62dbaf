//! Writing, merging, fetching and deleting records.

use jobhost_model::{Action, Key, TableName, Timestamp};
use jobhost_store::{ScanOrder, StoreErrorKind, WriteGroup};
use serde_json::json;

use crate::place::*;

pub async fn insert_skips_what_exists(place: &impl Place) {
    let store = with_dogs(place).await;
    write(&*store, Action::Insert, "{\"id\":1,\"name\":\"Harper\"}").await;
    let applied =
        write(&*store, Action::Insert, "{\"id\":2,\"name\":\"Penny\"}\n{\"id\":1,\"name\":\"Other\"}\n{\"id\":3}")
            .await;
    assert_eq!((applied.tally.received, applied.tally.written, applied.tally.skipped), (3, 2, 1));
    assert_eq!(applied.written, keys(&[json!(2), json!(3)]));
    assert_eq!(applied.skipped, keys(&[json!(1)]));
    assert_eq!(applied.job_tally, None);
    assert_eq!(texts(&*store).await, ["{\"id\":1,\"name\":\"Harper\"}", "{\"id\":2,\"name\":\"Penny\"}", "{\"id\":3}"]);
}

pub async fn update_skips_what_is_absent(place: &impl Place) {
    let store = with_dogs(place).await;
    let applied = write(&*store, Action::Update, "{\"id\":1,\"a\":1}").await;
    assert_eq!(applied.skipped, keys(&[json!(1)]));
    write(&*store, Action::Insert, "{\"id\":1,\"a\":1}\n{\"id\":2,\"a\":1}").await;
    let applied =
        write(&*store, Action::Update, "{\"id\":3,\"a\":9}\n{\"id\":2,\"a\":2}\n{\"id\":2,\"b\":3}\n{\"id\":0}").await;
    assert_eq!(applied.written, keys(&[json!(2), json!(2)]));
    assert_eq!(applied.skipped, keys(&[json!(3), json!(0)]));
    assert_eq!(texts(&*store).await, ["{\"id\":1,\"a\":1}", "{\"id\":2,\"a\":2,\"b\":3}"]);
}

pub async fn upsert_writes_all(place: &impl Place) {
    let store = with_dogs(place).await;
    write(&*store, Action::Insert, "{\"id\":\"b\",\"a\":1,\"keep\":true}").await;
    let applied = write(&*store, Action::Upsert, "{\"id\":\"a\",\"a\":2}\n{\"id\":\"b\",\"a\":3}").await;
    assert_eq!((applied.tally.written, applied.tally.skipped), (2, 0));
    assert_eq!(applied.written, keys(&[json!("a"), json!("b")]));
    assert_eq!(texts(&*store).await, ["{\"id\":\"b\",\"a\":3,\"keep\":true}", "{\"id\":\"a\",\"a\":2}"]);
}

pub async fn merging_keeps_order_number_and_created_time(place: &impl Place) {
    let store = with_dogs(place).await;
    write(&*store, Action::Insert, "{\"id\":1,\"z\":1.10,\"a\":12345678901234567890}\n{\"id\":2}").await;
    let before = arrivals(&*store).await;
    place.clock().advance(5_000);
    write(&*store, Action::Update, "{\"new\":[1,{\"x\":null}],\"a\":null,\"id\":1}").await;
    let after = arrivals(&*store).await;
    assert_eq!(after[0].json, "{\"id\":1,\"z\":1.10,\"a\":null,\"new\":[1,{\"x\":null}]}");
    assert_eq!(after[0].created, before[0].created);
    assert_eq!(after[0].updated, before[0].updated + 5_000);
    assert_eq!(after[1], before[1]);
}

pub async fn first_of_duplicates_is_inserted(place: &impl Place) {
    let store = with_dogs(place).await;
    let applied = write(
        &*store,
        Action::Insert,
        "{\"id\":2,\"n\":1}\n{\"id\":1,\"n\":2}\n{\"id\":2,\"n\":3}\n{\"id\":2.0,\"n\":4}",
    )
    .await;
    assert_eq!((applied.tally.written, applied.tally.skipped), (2, 2));
    assert_eq!(applied.written, keys(&[json!(2), json!(1)]));
    assert_eq!(texts(&*store).await, ["{\"id\":2,\"n\":1}", "{\"id\":1,\"n\":2}"]);
    assert_eq!(store.statistics(&dog()).await.unwrap().record_count, 2);
}

pub async fn last_of_duplicates_is_upserted(place: &impl Place) {
    let store = with_dogs(place).await;
    let applied =
        write(&*store, Action::Upsert, "{\"id\":2,\"a\":1}\n{\"id\":1}\n{\"id\":2,\"b\":2}\n{\"id\":2,\"a\":3}").await;
    assert_eq!((applied.tally.written, applied.tally.skipped), (4, 0));
    assert_eq!(texts(&*store).await, ["{\"id\":2,\"a\":3,\"b\":2}", "{\"id\":1}"]);
    write(&*store, Action::Upsert, "{\"id\":1,\"c\":1}\n{\"id\":3}\n{\"id\":1,\"c\":2}").await;
    assert_eq!(texts(&*store).await, ["{\"id\":2,\"a\":3,\"b\":2}", "{\"id\":1,\"c\":2}", "{\"id\":3}"]);
    assert_eq!(store.statistics(&dog()).await.unwrap().record_count, 3);
}

pub async fn duplicates_across_the_writes_of_a_group(place: &impl Place) {
    let store = with_dogs(place).await;
    let one = |action, text| parse(&*store, &dog(), action, text);
    let writes = vec![
        one(Action::Insert, "{\"id\":1,\"a\":1}"),
        one(Action::Insert, "{\"id\":1,\"a\":2}\n{\"id\":2,\"a\":1}"),
        one(Action::Update, "{\"id\":2,\"b\":1}\n{\"id\":3}"),
        one(Action::Upsert, "{\"id\":3,\"a\":5}\n{\"id\":1,\"b\":7}"),
        one(Action::Insert, "{\"id\":3,\"a\":6}"),
    ];
    let applied = store.apply(WriteGroup { writes, ..WriteGroup::default() }).await.unwrap();
    assert_eq!(applied.written, keys(&[json!(1), json!(2), json!(2), json!(3), json!(1)]));
    assert_eq!(applied.skipped, keys(&[json!(1), json!(3), json!(3)]));
    assert_eq!(
        texts(&*store).await,
        ["{\"id\":1,\"a\":1,\"b\":7}", "{\"id\":2,\"a\":1,\"b\":1}", "{\"id\":3,\"a\":5}"]
    );
}

pub async fn one_group_has_one_created_time(place: &impl Place) {
    let store = with_dogs(place).await;
    place.clock().set(Timestamp(7_000_000_000_000_001));
    let writes = (0..4)
        .map(|n| parse(&*store, &dog(), Action::Insert, &format!("{{\"id\":{n}}}\n{{\"id\":{}}}", n + 10)))
        .collect();
    store.apply(WriteGroup { writes, ..WriteGroup::default() }).await.unwrap();
    let all = arrivals(&*store).await;
    assert_eq!(all.len(), 8);
    assert!(
        all.iter().all(|stored| (stored.created, stored.updated) == (7_000_000_000_000_001, 7_000_000_000_000_001))
    );
}

pub async fn times_follow_arrival_when_the_clock_goes_back(place: &impl Place) {
    let store = with_dogs(place).await;
    for (id, now) in [(1, 9_000_000), (2, 4_000_000), (3, 9_500_000)] {
        place.clock().set(Timestamp(now));
        write(&*store, Action::Insert, &format!("{{\"id\":{id}}}")).await;
    }
    let created: Vec<_> = arrivals(&*store).await.iter().map(|stored| stored.created).collect();
    assert_eq!(created, [9_000_000, 9_000_000, 9_500_000]);
}

pub async fn fetch_keeps_the_order_of_keys(place: &impl Place) {
    let store = with_dogs(place).await;
    write(&*store, Action::Insert, "{\"id\":1}\n{\"id\":2}\n{\"id\":\"1\"}").await;
    let found = fetch(&*store, &[json!("1"), json!(9), json!(2), json!(1), json!(2)]).await;
    let found: Vec<_> = found.iter().map(|stored| stored.json.as_str()).collect();
    assert_eq!(found, ["{\"id\":\"1\"}", "{\"id\":2}", "{\"id\":1}", "{\"id\":2}"]);
    let many: Vec<_> = (0..200).map(|n| json!(n)).collect();
    assert_eq!(fetch(&*store, &many).await.len(), 2);
    let too_long = Key::String("x".repeat(5000).into());
    assert!(store.fetch(&dog(), &[too_long]).await.unwrap().is_empty());
    let nowhere = store.fetch(&TableName::new("data", "cat"), &[number(1.0)]).await.unwrap_err();
    assert_eq!(
        (nowhere.kind, nowhere.to_string()),
        (StoreErrorKind::NotFound, "Table 'data.cat' does not exist".to_owned())
    );
}

pub async fn delete_says_what_was_there(place: &impl Place) {
    let store = with_dogs(place).await;
    write(&*store, Action::Insert, "{\"id\":1}\n{\"id\":2}\n{\"id\":3}\n{\"id\":\"x\"}").await;
    let gone = store.delete(&dog(), keys(&[json!(3), json!(7), json!("x"), json!(3)])).await.unwrap();
    assert_eq!(gone, [true, false, true, false]);
    assert_eq!(texts(&*store).await, ["{\"id\":1}", "{\"id\":2}"]);
    assert_eq!(store.delete(&dog(), Vec::new()).await.unwrap(), Vec::<bool>::new());
    assert_eq!(store.delete(&dog(), vec![Key::String("x".repeat(5000).into())]).await.unwrap(), [false]);
    write(&*store, Action::Insert, "{\"id\":3,\"again\":true}").await;
    assert_eq!(texts(&*store).await, ["{\"id\":1}", "{\"id\":2}", "{\"id\":3,\"again\":true}"]);
    assert_eq!(store.statistics(&dog()).await.unwrap().record_count, 3);
    assert_eq!(store.delete(&dog(), keys(&[json!(1), json!(2), json!(3)])).await.unwrap(), [true; 3]);
    assert!(texts(&*store).await.is_empty());
}

pub async fn attributes_become_known(place: &impl Place) {
    let store = with_dogs(place).await;
    write(&*store, Action::Insert, "{\"id\":1,\"name\":\"x\",\"__createdtime__\":4}\n{\"age\":3,\"id\":2}").await;
    write(&*store, Action::Upsert, "{\"id\":1,\"name\":\"x\",\"tag\":4}").await;
    let names = |store: &dyn jobhost_store::Store| {
        let table = store.catalog().table(&dog()).cloned().unwrap();
        table.attributes.iter().map(|attribute| attribute.name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(names(&*store), ["id", "name", "age", "tag"]);
    drop(store);
    let store = place.open().await.unwrap();
    assert_eq!(names(&*store), ["id", "name", "age", "tag"]);
}

pub async fn a_group_is_all_or_nothing(place: &impl Place) {
    let store = with_dogs(place).await;
    let cat = TableName::new("data", "cat");
    create_table(&*store, &cat).await;
    let writes = vec![
        parse(&*store, &dog(), Action::Insert, "{\"id\":1,\"unseen\":1}"),
        parse(&*store, &cat, Action::Insert, "{\"id\":1}"),
    ];
    store.change_catalog(jobhost_store::CatalogChange::DropTable { name: cat }).await.unwrap();
    let refused = store.apply(WriteGroup { writes, ..WriteGroup::default() }).await.unwrap_err();
    assert_eq!(refused.kind, StoreErrorKind::NotFound);
    assert!(texts(&*store).await.is_empty());
    assert!(!store.catalog().table(&dog()).unwrap().has_attribute("unseen"));
    // A record that grows too large fails its group, including records already written in it, but no other group.
    let big = format!("{{\"id\":1,\"a\":\"{}\"}}", "x".repeat(200_000));
    write(&*store, Action::Insert, &big).await;
    for name in ["b", "c", "d", "e"] {
        write(&*store, Action::Update, &big.replace("\"a\"", &format!("\"{name}\""))).await;
    }
    let mut tasks = Vec::new();
    for n in 2..12 {
        let writes = if n == 6 {
            vec![
                parse(&*store, &dog(), Action::Insert, "{\"id\":6}"),
                parse(&*store, &dog(), Action::Update, &big.replace("\"a\"", "\"f\"")),
            ]
        } else {
            vec![parse(&*store, &dog(), Action::Insert, &format!("{{\"id\":{n}}}"))]
        };
        let store = store.clone();
        tasks.push(tokio::spawn(async move { store.apply(WriteGroup { writes, ..WriteGroup::default() }).await }));
    }
    for (n, task) in (2..12).zip(tasks) {
        let outcome = task.await.unwrap();
        assert_eq!(
            outcome.as_ref().err().map(|error| error.kind),
            (n == 6).then_some(StoreErrorKind::Invalid),
            "{outcome:?}"
        );
        assert_eq!(fetch(&*store, &[json!(n)]).await.len(), usize::from(n != 6));
    }
}

pub async fn batches_of_a_dropped_table_are_refused(place: &impl Place) {
    let store = with_dogs(place).await;
    let stale = parse(&*store, &dog(), Action::Insert, "{\"id\":1}");
    store.change_catalog(jobhost_store::CatalogChange::DropTable { name: dog() }).await.unwrap();
    create_table(&*store, &dog()).await;
    let refused = store.apply(WriteGroup { writes: vec![stale], ..WriteGroup::default() }).await.unwrap_err();
    assert_eq!(refused.kind, StoreErrorKind::NotFound);
    assert!(texts(&*store).await.is_empty());
}

pub async fn large_records(place: &impl Place) {
    let store = with_dogs(place).await;
    let record = |id: usize, size: usize| format!("{{\"id\":{id},\"text\":\"{}\"}}", "x".repeat(size));
    let sizes = [0, 2_000, 4_000, 4_060, 4_070, 4_080, 5_000, 70_000, 250_000, 10];
    for (id, size) in sizes.into_iter().enumerate() {
        write(&*store, Action::Insert, &record(id, size)).await;
    }
    for (id, size) in sizes.into_iter().enumerate() {
        assert_eq!(fetch_one(&*store, json!(id)).await.unwrap().json, record(id, size));
    }
    // Each record grows or shrinks in place.
    for (id, size) in sizes.into_iter().rev().enumerate() {
        write(&*store, Action::Upsert, &record(id, size)).await;
    }
    let expected: Vec<_> = sizes.into_iter().rev().enumerate().map(|(id, size)| record(id, size)).collect();
    assert_eq!(texts(&*store).await, expected);
}

pub async fn keys_of_every_kind(place: &impl Place) {
    let store = with_dogs(place).await;
    let long = "k".repeat(1978);
    let longer = format!("{}l", "k".repeat(1977));
    let values = [
        json!(0),
        json!(-1),
        json!(1.5),
        json!(1e300),
        json!(9007199254740991u64),
        json!(""),
        json!("1"),
        json!("a b\n\"\u{0}é"),
        json!("6fa459ea-ee8a-3ca4-894e-db77e160355e"),
        json!("6FA459EA-EE8A-3CA4-894E-DB77E160355E"),
        json!(long),
        json!(longer),
    ];
    for value in &values {
        let applied = write(&*store, Action::Insert, &json!({"id": value}).to_string()).await;
        assert_eq!(applied.written, keys(std::slice::from_ref(value)));
    }
    for value in &values {
        assert_eq!(fetch_one(&*store, value.clone()).await.unwrap().record()["id"], *value);
    }
    assert!(store.delete(&dog(), keys(&values)).await.unwrap().iter().all(|gone| *gone));
}

pub async fn many_groups_at_once(place: &impl Place) {
    let store = with_dogs(place).await;
    let tasks: Vec<_> = (0..200)
        .map(|n| {
            let store = store.clone();
            tokio::spawn(async move {
                let text = format!("{{\"id\":{n}}}\n{{\"id\":\"shared\",\"by\":{n}}}");
                write(&*store, Action::Insert, &text).await.tally.written
            })
        })
        .collect();
    let mut written = 0;
    for task in tasks {
        written += task.await.unwrap();
    }
    assert_eq!(written, 201);
    assert_eq!(scan_of(&*store, &dog(), ScanOrder::Key).await.len(), 201);
}

pub async fn statistics_count(place: &impl Place) {
    let store = with_dogs(place).await;
    let empty = store.statistics(&dog()).await.unwrap();
    assert_eq!((empty.record_count, empty.last_updated), (0, None));
    place.clock().set(Timestamp(5_000_000));
    let lines: Vec<_> = (0..1000).map(|n| format!("{{\"id\":{n},\"pad\":\"{}\"}}", "x".repeat(100))).collect();
    write(&*store, Action::Insert, &lines.join("\n")).await;
    let full = store.statistics(&dog()).await.unwrap();
    assert_eq!((full.record_count, full.last_updated), (1000, Some(Timestamp(5_000_000))));
    assert!(full.table_size > 100_000, "{full:?}");
    place.clock().set(Timestamp(6_000_000));
    store.delete(&dog(), (0..990).map(|n| number(f64::from(n))).collect()).await.unwrap();
    let less = store.statistics(&dog()).await.unwrap();
    assert_eq!(less.record_count, 10);
    assert!(less.table_size < full.table_size / 10, "{less:?}");
    assert!(store.size().await.unwrap() > 0);
    assert_eq!(store.statistics(&TableName::new("a", "b")).await.unwrap_err().kind, StoreErrorKind::NotFound);
}

/// Many small groups, out of order and with gaps: the index splits, and the heap is edited in the middle.
pub async fn records_written_in_many_steps_keep_their_order(place: &impl Place) {
    let store = with_dogs(place).await;
    let id = |n: u64| n * 7919 % 10_007;
    for step in 0..20 {
        let lines: Vec<_> = (step * 500..(step + 1) * 500).map(|n| format!("{{\"id\":{},\"n\":{n}}}", id(n))).collect();
        write(&*store, Action::Insert, &lines.join("\n")).await;
    }
    let lines: Vec<_> =
        (0..10_000).step_by(3).map(|n| format!("{{\"id\":{},\"grown\":\"{}\"}}", id(n), "y".repeat(50))).collect();
    write(&*store, Action::Update, &lines.join("\n")).await;
    store.delete(&dog(), (0..10_000).step_by(7).map(|n| number(id(n) as f64)).collect()).await.unwrap();
    let expected: Vec<_> = (0..10_000)
        .filter(|n| n % 7 != 0)
        .map(|n| match n % 3 {
            0 => format!("{{\"id\":{},\"n\":{n},\"grown\":\"{}\"}}", id(n), "y".repeat(50)),
            _ => format!("{{\"id\":{},\"n\":{n}}}", id(n)),
        })
        .collect();
    assert_eq!(texts(&*store).await, expected);
    let mut by_key = expected;
    by_key.sort_by_key(|text| serde_json::from_str::<Record>(text).unwrap()["id"].as_u64());
    let scanned: Vec<_> =
        scan_of(&*store, &dog(), ScanOrder::Key).await.into_iter().map(|stored| stored.json).collect();
    assert_eq!(scanned, by_key);
}
