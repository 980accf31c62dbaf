//! Records without a key: each is stored as a new record, whatever key was generated for it.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jobhost_model::jobs::{Lease, Tally};
use jobhost_model::{Action, Attribute, AttributeType, Key, TableName};
use jobhost_store::{Applied, CatalogChange, KeySource, ScanOrder, Store, StoreErrorKind, WriteGroup};
use serde_json::{Value, json};

use crate::deletes::step;
use crate::jobs::{row, running};
use crate::place::*;

/// Generates each prefix four times: 0, 0, 0, 0, 1, 1 …, at the time of the clock.
fn stubborn(place: &impl Place) -> KeySource {
    let draws = AtomicU64::new(0);
    KeySource::with_random(Arc::new(place.clock().clone()), move || draws.fetch_add(1, Ordering::Relaxed) / 4)
}

/// The first key of such a source.
fn first_key(place: &impl Place) -> Value {
    stubborn(place).number().to_json()
}

async fn apply(store: &dyn Store, action: Action, text: &str, source: &KeySource) -> Applied {
    let writes = vec![parse_with(store, &dog(), action, text, source)];
    store.apply(WriteGroup { writes, ..WriteGroup::default() }).await.unwrap()
}

/// Each stored record is found under its key, and both orders of a scan return the same records.
async fn consistent(store: &dyn Store, table: &TableName) -> Vec<Stored> {
    let arrived = scan_of(store, table, ScanOrder::Arrival).await;
    let mut ids = HashSet::new();
    for stored in &arrived {
        let id = stored.record()["id"].clone();
        assert!(ids.insert(id.to_string()), "{id} twice");
        let found = crate::place::stored(&store.fetch(table, &keys(&[id])).await.unwrap());
        assert_eq!(found, std::slice::from_ref(stored));
    }
    let mut by_key: Vec<_> = scan_of(store, table, ScanOrder::Key).await.into_iter().map(|one| one.json).collect();
    let mut by_arrival: Vec<_> = arrived.iter().map(|one| one.json.clone()).collect();
    by_key.sort();
    by_arrival.sort();
    assert_eq!(by_key, by_arrival);
    assert_eq!(store.statistics(table).await.unwrap().record_count, arrived.len() as u64);
    arrived
}

pub async fn records_with_and_without_a_key_outlive_older_ones(place: &impl Place) {
    let store = with_dogs(place).await;
    for round in 0..4 {
        for n in 0..30 {
            write(&*store, Action::Insert, &format!("{{\"id\":\"{} {round}\"}}", n * 7 % 30)).await;
        }
        place.clock().advance(1_000_000);
        let keyless = "{\"n\":0}\n".repeat(20);
        write(&*store, Action::Insert, &format!("{keyless}{{\"id\":{}}}", -round)).await;
        // The last steps delete some of the records that were written together.
        for _ in 0..20 {
            let deleted = store.delete_created_before(step(u64::MAX, 2)).await.unwrap().tally.deleted;
            assert_eq!(deleted, 2);
            consistent(&*store, &dog()).await;
        }
    }
}

pub async fn a_generated_key_that_is_taken_is_replaced(place: &impl Place) {
    let store = with_dogs(place).await;
    let taken = first_key(place);
    let there = format!("{{\"id\":{taken},\"name\":\"there\"}}");
    write(&*store, Action::Insert, &there).await;
    for action in [Action::Insert, Action::Upsert] {
        let before = arrivals(&*store).await.len();
        let text = "{\"n\":0}\n{\"n\":1}\n{\"id\":null,\"n\":2}\n{}";
        let applied = apply(&*store, action, text, &stubborn(place)).await;
        assert_eq!(applied.tally, Tally { received: 4, written: 4, ..Tally::default() });
        assert_eq!((applied.written.len(), applied.skipped), (4, Vec::new()));
        let all = consistent(&*store, &dog()).await;
        assert_eq!(all[0].json, there);
        let new: Vec<_> = all[before..].iter().map(Stored::record).collect();
        assert_eq!(keys(&new.iter().map(|record| record["id"].clone()).collect::<Vec<_>>()), applied.written);
        let numbers: Vec<_> = new.iter().map(|record| record.get("n").cloned().unwrap_or_default()).collect();
        assert_eq!(numbers, [json!(0), json!(1), json!(2), Value::Null], "in order of arrival");
        for (stored, key) in all[before..].iter().zip(&applied.written) {
            assert!(stored.json.starts_with(&format!("{{\"id\":{}", key.to_json())), "{}", stored.json);
        }
    }
}

pub async fn a_key_of_the_client_comes_before_a_generated_one(place: &impl Place) {
    let store = with_dogs(place).await;
    let wanted = first_key(place);
    let text = format!("{{\"n\":0}}\n{{\"id\":{wanted},\"n\":1}}\n{{\"n\":2}}\n{{\"id\":{wanted},\"m\":3}}");
    let applied = apply(&*store, Action::Upsert, &text, &stubborn(place)).await;
    assert_eq!((applied.tally.written, applied.tally.skipped), (4, 0));
    let all = consistent(&*store, &dog()).await;
    assert_eq!(all.iter().map(|one| one.record()["n"].clone()).collect::<Vec<_>>(), [json!(0), json!(1), json!(2)]);
    assert_eq!(all[1].json, format!("{{\"id\":{wanted},\"n\":1,\"m\":3}}"));
    // With insert, only the second record with the client's key is skipped.
    let text = format!("{{\"n\":4}}\n{{\"id\":\"x\"}}\n{{\"id\":\"x\",\"n\":5}}\n{{\"id\":{wanted}}}");
    let applied = apply(&*store, Action::Insert, &text, &stubborn(place)).await;
    assert_eq!((applied.tally.written, applied.skipped), (2, keys(&[json!("x"), wanted])));
    consistent(&*store, &dog()).await;
}

pub async fn a_taken_uuid_is_replaced(place: &impl Place) {
    let store = place.open().await.unwrap();
    let id = Attribute { name: "id".into(), attribute_type: Some(AttributeType::Id), indexed: true };
    let change = CatalogChange::CreateTable {
        name: dog(),
        primary_key: "id".into(),
        schema_defined: true,
        attributes: vec![id],
    };
    store.change_catalog(change).await.unwrap();
    // Each UUID four times.
    let draws = AtomicU64::new(0);
    let random = move || draws.fetch_add(1, Ordering::Relaxed) / 8;
    let source = KeySource::with_random(Arc::new(place.clock().clone()), random);
    let applied = apply(&*store, Action::Upsert, "{\"n\":0}\n{\"n\":1}\n{\"n\":2}", &source).await;
    assert_eq!(applied.tally.written, 3);
    let all = consistent(&*store, &dog()).await;
    assert_eq!(all.len(), 3);
    assert!(all.iter().all(|one| one.record()["id"].as_str().is_some_and(|id| id.len() == 36)));
}

pub async fn without_a_free_key_nothing_is_stored(place: &impl Place) {
    let store = with_dogs(place).await;
    // Clock and random numbers allow only one prefix, and that is taken.
    let source = KeySource::with_random(Arc::new(place.clock().clone()), || 0);
    let first = source.instead_of(&Key::Number(0.0)).to_json();
    write(&*store, Action::Insert, &format!("{{\"id\":{first}}}")).await;
    let source = KeySource::with_random(Arc::new(place.clock().clone()), || 0);
    let writes = vec![parse_with(&*store, &dog(), Action::Insert, "{\"id\":1}\n{}", &source)];
    let refused = store.apply(WriteGroup { writes, ..WriteGroup::default() }).await.unwrap_err();
    assert_eq!(refused.kind, StoreErrorKind::Unavailable);
    assert_eq!(consistent(&*store, &dog()).await.len(), 1);
}

pub async fn generated_keys_count_in_the_tally_of_a_job(place: &impl Place) {
    let store = with_dogs(place).await;
    let job = row(1);
    store.create_job(job.clone(), Vec::new()).await.unwrap();
    let job = store.update_job(running(&job, 1, 50), 0).await.unwrap();
    write(&*store, Action::Insert, &format!("{{\"id\":{}}}", first_key(place))).await;
    let group = WriteGroup {
        lease: Some(Lease { job: job.id, attempt: 1 }),
        quota: None,
        // Two writes of one run.
        writes: (0..2).map(|_| parse_with(&*store, &dog(), Action::Insert, "{}\n{}", &stubborn(place))).collect(),
        checkpoint: None,
        ..WriteGroup::default()
    };
    let applied = store.apply(group).await.unwrap();
    assert_eq!(applied.job_tally, Some(Tally { received: 4, written: 4, ..Tally::default() }));
    assert_eq!(consistent(&*store, &dog()).await.len(), 5);
}

pub async fn many_generated_keys(place: &impl Place) {
    let store = with_dogs(place).await;
    let line = |n: usize| if n.is_multiple_of(5) { format!("{{\"id\":{n}}}") } else { format!("{{\"n\":{n}}}") };
    for batch in 0..3 {
        let lines: Vec<_> = (batch * 2_000..(batch + 1) * 2_000).map(line).collect();
        assert_eq!(write(&*store, Action::Insert, &lines.join("\n")).await.tally.written, 2_000);
    }
    assert_eq!(consistent(&*store, &dog()).await.len(), 6_000);
}
