//! Scans: their order, consistency and limited pages.

use jobhost_model::{Action, TableName};
use jobhost_store::{ScanOrder, StoreErrorKind};
use serde_json::json;

use crate::place::*;

pub async fn order_of_arrival(place: &impl Place) {
    let store = with_dogs(place).await;
    write(&*store, Action::Insert, "{\"id\":3}\n{\"id\":1}").await;
    write(&*store, Action::Insert, "{\"id\":2}\n{\"id\":3}\n{\"id\":0}").await;
    write(&*store, Action::Upsert, "{\"id\":1,\"x\":1}").await;
    assert_eq!(texts(&*store).await, ["{\"id\":3}", "{\"id\":1,\"x\":1}", "{\"id\":2}", "{\"id\":0}"]);
}

pub async fn order_of_keys(place: &impl Place) {
    let store = with_dogs(place).await;
    let ids = [
        json!("b"),
        json!(10),
        json!("a"),
        json!(-5),
        json!("10"),
        json!(9),
        json!("é"),
        json!(0.5),
        json!(""),
        json!("00000000-0000-0000-0000-000000000000"),
    ];
    for id in &ids {
        write(&*store, Action::Insert, &json!({"id": id}).to_string()).await;
    }
    let scanned: Vec<_> =
        scan_of(&*store, &dog(), ScanOrder::Key).await.iter().map(|stored| stored.record()["id"].clone()).collect();
    let expected = [
        json!(-5),
        json!(0.5),
        json!(9),
        json!(10),
        json!(""),
        json!("10"),
        json!("a"),
        json!("b"),
        json!("é"),
        json!("00000000-0000-0000-0000-000000000000"),
    ];
    assert_eq!(scanned, expected);
}

pub async fn a_scan_can_skip_records(place: &impl Place) {
    let store = with_dogs(place).await;
    for part in 0..4 {
        let lines: Vec<_> = (0..25).map(|n| json!({"id": format!("{} {part}", n * 7 % 25)}).to_string()).collect();
        write(&*store, Action::Insert, &lines.join("\n")).await;
    }
    for order in [ScanOrder::Arrival, ScanOrder::Key] {
        let all = scan_of(&*store, &dog(), order).await;
        for wanted in [0, 1, 2, 37, 99, 100, 101, 5_000] {
            let mut cursor = store.scan(&dog(), order).await.unwrap();
            let skipped = cursor.skip(wanted).await.unwrap();
            assert!(skipped <= wanted && skipped <= 100);
            let mut rest = Vec::new();
            while let Some(page) = cursor.next().await.unwrap() {
                rest.extend(stored(&page));
            }
            assert_eq!(rest, all[skipped as usize..]);
            assert_eq!(cursor.skip(1).await.unwrap(), 0);
        }
    }
}

pub async fn an_empty_table(place: &impl Place) {
    let store = with_dogs(place).await;
    for order in [ScanOrder::Arrival, ScanOrder::Key] {
        let mut cursor = store.scan(&dog(), order).await.unwrap();
        assert!(cursor.next().await.unwrap().is_none());
        assert!(cursor.next().await.unwrap().is_none());
    }
    let nowhere = store.scan(&TableName::new("data", "cat"), ScanOrder::Key).await.err().unwrap();
    assert_eq!(nowhere.kind, StoreErrorKind::NotFound);
}

pub async fn a_scan_sees_one_moment(place: &impl Place) {
    let store = with_dogs(place).await;
    let lines: Vec<_> = (0..10_000).map(|n| format!("{{\"id\":{n},\"pad\":\"{}\"}}", "x".repeat(70))).collect();
    write(&*store, Action::Insert, &lines.join("\n")).await;
    for order in [ScanOrder::Arrival, ScanOrder::Key] {
        let before = scan_of(&*store, &dog(), order).await;
        let mut cursor = store.scan(&dog(), order).await.unwrap();
        let mut seen = cursor.next().await.unwrap().unwrap().len();
        // Makes every kind of change to the table in many commits.
        for n in 0..20 {
            write(&*store, Action::Insert, &format!("{{\"id\":\"late {order:?} {n}\"}}")).await;
            write(&*store, Action::Upsert, &format!("{{\"id\":{},\"pad\":\"changed\"}}", 9_000 + n)).await;
            store.delete(&dog(), vec![number(f64::from(8_000 + n))]).await.unwrap();
        }
        let mut rest = Vec::new();
        while let Some(page) = cursor.next().await.unwrap() {
            rest.extend(page.iter().map(|view| view.json.to_owned()));
        }
        seen += rest.len();
        assert_eq!(seen, before.len());
        let expected: Vec<_> =
            before.iter().skip(before.len() - rest.len()).map(|stored| stored.json.clone()).collect();
        assert_eq!(rest, expected);
        let after = scan_of(&*store, &dog(), order).await;
        assert_eq!(after.iter().filter(|stored| stored.json.contains("late")).count() % 20, 0);
        assert!(after.iter().any(|stored| stored.json.contains("changed")));
        let fresh: Vec<_> = (0..20).map(|n| format!("{{\"id\":{},\"pad\":\"again\"}}", 8_000 + n)).collect();
        write(&*store, Action::Insert, &fresh.join("\n")).await;
    }
}

pub async fn pages_are_bounded(place: &impl Place) {
    let store = with_dogs(place).await;
    for part in 0..4 {
        let lines: Vec<_> =
            (0..3_000).map(|n| format!("{{\"id\":{},\"pad\":\"{}\"}}", part * 3_000 + n, "x".repeat(200))).collect();
        write(&*store, Action::Insert, &lines.join("\n")).await;
    }
    for order in [ScanOrder::Arrival, ScanOrder::Key] {
        let mut cursor = store.scan(&dog(), order).await.unwrap();
        let (mut pages, mut records) = (0, 0);
        while let Some(page) = cursor.next().await.unwrap() {
            assert!(page.text.len() < 300 << 10);
            pages += 1;
            records += page.len();
        }
        assert_eq!(records, 12_000);
        assert!(pages >= 8);
        // Dropping a cursor halfway leaves nothing behind that would block the store.
        let mut cursor = store.scan(&dog(), order).await.unwrap();
        cursor.next().await.unwrap();
    }
}

pub async fn tables_do_not_mix(place: &impl Place) {
    let store = place.open().await.unwrap();
    let names: Vec<_> = (0..5).map(|n| TableName::new("data", format!("t{n}"))).collect();
    for name in &names {
        create_table(&*store, name).await;
    }
    for (n, name) in names.iter().enumerate() {
        write_to(&*store, name, Action::Insert, &format!("{{\"id\":1,\"of\":{n}}}\n{{\"id\":2,\"of\":{n}}}")).await;
    }
    store.delete(&names[2], vec![number(1.0), number(2.0)]).await.unwrap();
    for (n, name) in names.iter().enumerate() {
        for order in [ScanOrder::Arrival, ScanOrder::Key] {
            let expected: Vec<_> =
                if n == 2 { vec![] } else { (1..3).map(|id| format!("{{\"id\":{id},\"of\":{n}}}")).collect() };
            assert_eq!(
                scan_of(&*store, name, order).await.into_iter().map(|stored| stored.json).collect::<Vec<_>>(),
                expected
            );
        }
    }
}
