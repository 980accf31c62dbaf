//! Snapshots: a consistent view of all tables, whatever changes meanwhile.

use jobhost_model::{Action, TableName};
use jobhost_store::{CatalogChange, RecordPage, ScanOrder, ScanPosition, Snapshot, Store, StoreErrorKind};
use serde_json::{Value, json};

use crate::deletes::step;
use crate::place::*;

fn cat() -> TableName {
    TableName::new("data", "cat")
}

/// Returns all pages from a position on. Each is limited, and the end is permanent.
fn rest(snapshot: &dyn Snapshot, table: &TableName, mut position: ScanPosition) -> Vec<Stored> {
    let mut all = Vec::new();
    loop {
        let page = snapshot.page(table, &mut position).unwrap();
        assert!(page.text.len() < 300 << 10);
        if page.is_empty() {
            let end = position;
            assert!(snapshot.page(table, &mut position).unwrap().is_empty());
            assert_eq!(position, end);
            return all;
        }
        all.extend(stored(&page));
    }
}

fn all(snapshot: &dyn Snapshot, table: &TableName) -> Vec<Stored> {
    rest(snapshot, table, ScanPosition::Start)
}

fn found(snapshot: &dyn Snapshot, table: &TableName, ids: &[Value]) -> Vec<Stored> {
    stored(&snapshot.fetch(table, &keys(ids)).unwrap())
}

async fn with_dogs_and_cats(place: &impl Place) -> std::sync::Arc<dyn Store> {
    let store = with_dogs(place).await;
    create_table(&*store, &cat()).await;
    let lines: Vec<_> = (0..6_000).map(|n| format!("{{\"id\":{n},\"pad\":\"{}\"}}", "x".repeat(100))).collect();
    for name in [dog(), cat()] {
        write_to(&*store, &name, Action::Insert, &lines.join("\n")).await;
    }
    place.clock().advance(1_000);
    store
}

pub async fn a_snapshot_sees_one_moment_of_all_tables(place: &impl Place) {
    let store = with_dogs_and_cats(place).await;
    let before = arrivals(&*store).await;
    let snapshot = store.snapshot().unwrap();
    let mut position = ScanPosition::Start;
    let first = snapshot.page(&dog(), &mut position).unwrap().len();
    for n in 0..10u32 {
        write(&*store, Action::Insert, &format!("{{\"id\":\"late {n}\"}}")).await;
        write(&*store, Action::Upsert, &format!("{{\"id\":{},\"pad\":\"changed\"}}", 5_000 + n)).await;
        store.delete(&cat(), vec![number(f64::from(n))]).await.unwrap();
        assert_eq!(store.delete_created_before(step(u64::MAX, 300)).await.unwrap().tally.deleted, 300);
    }
    store.change_catalog(CatalogChange::DropTable { name: cat() }).await.unwrap();
    create_table(&*store, &TableName::new("data", "late")).await;
    // The rest of the scan in progress, a new scan, and a table that was not read before.
    assert_eq!(rest(&*snapshot, &dog(), position), before[first..]);
    assert_eq!(all(&*snapshot, &dog()), before);
    assert_eq!(all(&*snapshot, &cat()), before);
    let ids = [json!(5_003), json!("late 1"), json!(0), json!(9_999), json!(0)];
    assert_eq!(found(&*snapshot, &dog(), &ids), [before[5_003].clone(), before[0].clone(), before[0].clone()]);
    let unknown = snapshot.page(&TableName::new("data", "late"), &mut ScanPosition::Start.clone()).unwrap_err();
    assert_eq!(
        (unknown.kind, unknown.to_string().as_str()),
        (StoreErrorKind::NotFound, "Table 'data.late' does not exist")
    );
    assert_eq!(snapshot.fetch(&TableName::new("data", "late"), &[]).unwrap_err().kind, StoreErrorKind::NotFound);
    let now = store.snapshot().unwrap();
    assert_eq!(all(&*now, &dog()), arrivals(&*store).await);
    assert_eq!(now.page(&cat(), &mut ScanPosition::Start.clone()).unwrap_err().kind, StoreErrorKind::NotFound);
    // The older snapshot is unchanged.
    assert_eq!(all(&*snapshot, &dog()), before);
}

pub async fn pages_and_look_ups_agree(place: &impl Place) {
    let store = with_dogs(place).await;
    for n in 0..50 {
        place.clock().advance(10);
        let lines: Vec<_> =
            (0..40).map(|m| json!({"id": format!("{m} {n}"), "pad": "y".repeat((n * m) % 300)}).to_string()).collect();
        write(&*store, Action::Insert, &lines.join("\n")).await;
        write(&*store, Action::Update, &format!("{{\"id\":\"{} {}\",\"new\":{n}}}", n % 40, n / 2)).await;
        store.delete(&dog(), keys(&[json!(format!("3 {n}")), json!(format!("4 {n}"))])).await.unwrap();
    }
    let snapshot = store.snapshot().unwrap();
    let scanned = all(&*snapshot, &dog());
    assert_eq!(scanned.len(), 1_900);
    assert_eq!(scanned, arrivals(&*store).await);
    let ids: Vec<_> = scanned.iter().map(|stored| stored.record()["id"].clone()).collect();
    assert_eq!(found(&*snapshot, &dog(), &ids), scanned);
    let mut by_key = scan_of(&*store, &dog(), ScanOrder::Key).await;
    by_key.sort_by_key(|stored| scanned.iter().position(|other| other == stored));
    assert_eq!(by_key, scanned);
}

pub async fn a_scan_can_go_on_from_any_record(place: &impl Place) {
    let store = with_dogs(place).await;
    let lines: Vec<_> = (0..300).map(|n| format!("{{\"id\":{n},\"pad\":\"{}\"}}", "z".repeat(60))).collect();
    write(&*store, Action::Insert, &lines.join("\n")).await;
    store.delete(&dog(), (90..200).map(|n| number(f64::from(n))).collect()).await.unwrap();
    write(&*store, Action::Update, "{\"id\":30,\"pad\":\"\"}\n{\"id\":250,\"pad\":\"\"}").await;
    let snapshot = store.snapshot().unwrap();
    let scanned = all(&*snapshot, &dog());
    assert_eq!(scanned.len(), 190);
    // Later positions leave a shorter rest, down to nothing.
    let mut lengths = std::collections::BTreeSet::new();
    for number in 0..310 {
        let left = rest(&*snapshot, &dog(), ScanPosition::After(number));
        assert_eq!(left, scanned[scanned.len() - left.len()..]);
        lengths.insert(left.len());
    }
    assert_eq!(lengths.into_iter().collect::<Vec<_>>(), (0..190).collect::<Vec<_>>());
    assert!(rest(&*snapshot, &dog(), ScanPosition::After(u64::MAX)).is_empty());
}

pub async fn a_snapshot_can_go_to_another_thread(place: &impl Place) {
    let store = with_dogs(place).await;
    let snapshot = store.snapshot().unwrap();
    let empty = |page: RecordPage| page.is_empty();
    assert!(empty(snapshot.page(&dog(), &mut ScanPosition::Start.clone()).unwrap()));
    write(&*store, Action::Insert, "{\"id\":1}").await;
    let later = store.snapshot().unwrap();
    let counts = std::thread::spawn(move || [all(&*snapshot, &dog()).len(), all(&*later, &dog()).len()]);
    assert_eq!(counts.join().unwrap(), [0, 1]);
}
