//! Runs random sequences of operations, and compares the store with a model in memory.

use jobhost_model::jobs::Lease;
use jobhost_model::{Action, Timestamp};
use jobhost_store::{ScanOrder, ScanPosition, Store, WriteGroup};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use crate::deletes::step;
use crate::expected::{Model, Part, Row, encoded};
use crate::place::*;
use crate::unpublished;

/// A record to be created: key, attribute, and the size of its value.
type Draft = (u8, u8, u16);

/// There are so few keys that operations affect the same records.
#[derive(Debug, Clone)]
enum Operation {
    /// Batches that are written one after the other in one group.
    Apply(Vec<(Action, Vec<Draft>)>),
    Delete(Vec<u8>),
    /// Deletes records that were created more than so many microseconds ago, the oldest so many of them.
    DeleteBefore {
        ago: u32,
        limit: u16,
    },
    Fetch(Vec<u8>),
    /// A long run of new records, so that blocks and leaves split.
    Fill {
        from: u16,
        count: u16,
        scattered: bool,
    },
    Reopen,
    Tick(u32),
    /// Moves the clock by so many minutes, forward or back.
    Jump(i8),
    /// Writes records that become visible at the end of one of two jobs.
    Load {
        job: usize,
        action: Action,
        records: Vec<Draft>,
    },
    Prepare {
        job: usize,
    },
    End {
        job: usize,
        publish: bool,
    },
}

fn operations() -> impl Strategy<Value = Vec<Operation>> {
    let action = prop_oneof![Just(Action::Insert), Just(Action::Update), Just(Action::Upsert)];
    let size = prop_oneof![8 => 0..40u16, 2 => 900..2_500u16, 1 => 3_900..9_000u16];
    let records = prop::collection::vec((any::<u8>(), 0..6u8, size), 0..12);
    let load = (0..2usize, action.clone(), records.clone()).prop_map(|(job, action, records)| Operation::Load {
        job,
        action,
        records,
    });
    let apply = prop::collection::vec((action, records), 1..4).prop_map(Operation::Apply);
    let some_keys = || prop::collection::vec(any::<u8>(), 0..20);
    let operation = prop_oneof![
        10 => apply,
        3 => some_keys().prop_map(Operation::Delete),
        2 => some_keys().prop_map(Operation::Fetch),
        2 => (0..8_000_000u32, prop_oneof![0..20u16, 0..900u16])
            .prop_map(|(ago, limit)| Operation::DeleteBefore { ago, limit }),
        1 => (0..2_000u16, 1..700u16, any::<bool>()).prop_map(|(from, count, scattered)| Operation::Fill { from, count, scattered }),
        1 => Just(Operation::Reopen),
        2 => (1..5_000_000u32).prop_map(Operation::Tick),
        1 => (-20..20i8).prop_map(Operation::Jump),
        6 => load,
        1 => (0..2usize).prop_map(|job| Operation::Prepare { job }),
        2 => (0..2usize, 0..4u8).prop_map(|(job, chance)| Operation::End { job, publish: chance > 0 }),
    ];
    prop::collection::vec(operation, 1..40)
}

/// Returns keys of all types, in an arbitrary order.
fn key(number: u8) -> Value {
    match number % 4 {
        0 => json!(i32::from(number) - 100),
        1 => json!(format!("key {number}")),
        2 => json!(uuid::Uuid::from_u128(u128::from(number) << 120)),
        _ => json!(f64::from(number) / 8.0),
    }
}

fn record((number, attribute, size): Draft) -> Record {
    let value = if size % 3 == 0 { json!({"deep": [size, null]}) } else { json!("v".repeat(size.into())) };
    [("id".to_owned(), key(number)), (format!("a{attribute}"), value)].into_iter().collect()
}

fn fill(from: u16, count: u16, scattered: bool) -> Vec<Record> {
    (from..from + count)
        .map(|n| {
            let id = if scattered {
                json!(format!("fill {}", u32::from(n).wrapping_mul(2_654_435_761)))
            } else {
                json!(1_000 + u32::from(n))
            };
            [("id".to_owned(), id), ("n".to_owned(), json!(n))].into_iter().collect()
        })
        .collect()
}

/// A job whose records become visible at its end.
struct Load {
    lease: Lease,
    parts: Vec<Part>,
}

impl Load {
    async fn write<P: Place>(
        &mut self,
        store: &dyn Store,
        model: &mut Model,
        action: Action,
        records: &[Record],
        now: u64,
    ) {
        unpublished::load(store, self.lease, action, &lines(records)).await;
        if records.is_empty() {
            return;
        }
        if self.parts.last().is_none_or(|part| part.action != action) {
            self.parts.push(Part::new(action));
        }
        model.load(self.parts.last_mut().unwrap(), records, P::reserved(), now);
    }

    async fn end<P: Place>(self, store: &dyn Store, model: &mut Model, publish: bool, now: u64) {
        let tally = unpublished::finish(store, self.lease, publish).await;
        if publish {
            assert_eq!(tally.received, tally.written + tally.skipped);
            self.parts.into_iter().for_each(|part| model.publish(part, P::reserved().is_some(), now));
        } else {
            assert_eq!(tally.written + tally.skipped, 0);
        }
    }
}

#[track_caller]
fn same(stored: &[Stored], rows: &[Row]) {
    assert_eq!(stored.len(), rows.len());
    for (stored, row) in stored.iter().zip(rows) {
        assert_eq!((stored.record(), stored.created, stored.updated), (row.record.clone(), row.created, row.updated));
        // Attributes keep the order in which they were added.
        assert!(stored.record().keys().eq(row.record.keys()));
    }
}

fn lines(records: &[Record]) -> String {
    records.iter().map(|record| serde_json::to_string(record).unwrap()).collect::<Vec<_>>().join("\n")
}

async fn apply(store: &dyn Store, model: &mut Model, writes: &[(Action, Vec<Record>)], now: Timestamp) {
    let group = WriteGroup {
        writes: writes.iter().map(|(action, records)| parse(store, &dog(), *action, &lines(records))).collect(),
        ..WriteGroup::default()
    };
    let applied = store.apply(group).await.unwrap();
    let (mut written, mut skipped) = (Vec::new(), Vec::new());
    let time = model.time(now.0);
    for (action, records) in writes {
        for record in records {
            let list = if model.write(*action, record, time) { &mut written } else { &mut skipped };
            list.push(record["id"].clone());
        }
    }
    assert_eq!((applied.tally.written, applied.tally.skipped), (written.len() as u64, skipped.len() as u64));
    assert_eq!((applied.written, applied.skipped), (keys(&written), keys(&skipped)));
}

async fn run<P: Place>(place: &P, operations: Vec<Operation>) {
    use jobhost_model::Clock;
    let mut store = with_dogs(place).await;
    let mut model = Model::default();
    let mut jobs: [Option<Load>; 2] = [None, None];
    for operation in operations {
        let now = place.clock().now();
        match operation {
            Operation::Apply(writes) => {
                let writes: Vec<_> = writes
                    .into_iter()
                    .map(|(action, records)| (action, records.into_iter().map(record).collect()))
                    .collect();
                apply(&*store, &mut model, &writes, now).await;
            }
            Operation::Fill { from, count, scattered } => {
                apply(&*store, &mut model, &[(Action::Insert, fill(from, count, scattered))], now).await;
            }
            Operation::Delete(numbers) => {
                let values: Vec<_> = numbers.into_iter().map(key).collect();
                let expected: Vec<_> =
                    values.iter().map(|value| model.rows.remove(&encoded(value)).is_some()).collect();
                assert_eq!(store.delete(&dog(), keys(&values)).await.unwrap(), expected);
            }
            Operation::DeleteBefore { ago, limit } => {
                // One more than now, so that everything is included.
                let before = now.0 + 1 - u64::from(ago);
                let applied = store.delete_created_before(step(before, limit.into())).await.unwrap();
                assert_eq!(applied.tally.deleted, model.delete_before(before, limit.into()));
            }
            Operation::Fetch(numbers) => {
                let values: Vec<_> = numbers.into_iter().map(key).collect();
                let rows: Vec<_> = values.iter().filter_map(|value| model.rows.get(&encoded(value)).cloned()).collect();
                same(&fetch(&*store, &values).await, &rows);
            }
            Operation::Reopen => {
                drop(store);
                store = place.open().await.unwrap();
            }
            Operation::Load { job, action, records } => {
                let records: Vec<_> = records.into_iter().map(record).collect();
                let load =
                    jobs[job].get_or_insert(Load { lease: unpublished::begin(&*store).await, parts: Vec::new() });
                load.write::<P>(&*store, &mut model, action, &records, now.0).await;
            }
            Operation::Prepare { job } => {
                let Some(load) = &mut jobs[job] else { continue };
                store.prepare_end(load.lease).await.unwrap();
                if P::reserved().is_some() {
                    load.parts.iter_mut().for_each(|part| model.compare(part));
                }
            }
            Operation::End { job, publish } => {
                let Some(load) = jobs[job].take() else { continue };
                load.end::<P>(&*store, &mut model, publish, now.0).await;
            }
            Operation::Tick(microseconds) => place.clock().advance(microseconds.into()),
            Operation::Jump(minutes) => {
                place.clock().set(Timestamp(now.0.saturating_add_signed(i64::from(minutes) * 60_000_000)));
            }
        }
        assert_eq!(store.statistics(&dog()).await.unwrap().record_count, model.rows.len() as u64);
    }
    let snapshot = store.snapshot().unwrap();
    let (mut position, mut paged) = (ScanPosition::Start, Vec::new());
    loop {
        let page = snapshot.page(&dog(), &mut position).unwrap();
        if page.is_empty() {
            break;
        }
        paged.extend(stored(&page));
    }
    same(&paged, &model.in_order(ScanOrder::Arrival));
    let all: Vec<_> = model.in_order(ScanOrder::Key).iter().map(|row| row.record["id"].clone()).collect();
    same(&stored(&snapshot.fetch(&dog(), &keys(&all)).unwrap()), &model.in_order(ScanOrder::Key));
    for order in [ScanOrder::Arrival, ScanOrder::Key] {
        same(&scan_of(&*store, &dog(), order).await, &model.in_order(order));
    }
}

pub fn behaves_like_the_model<P: Place>() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut runner = TestRunner::new(Config { cases: 64, failure_persistence: None, ..Config::default() });
    runner
        .run(&operations(), |operations| {
            runtime.block_on(async {
                let place = P::fresh().await;
                run(&place, operations).await;
            });
            Ok(())
        })
        .unwrap();
}
