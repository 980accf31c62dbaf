//! Limits on memory, disk and time.

use serde_json::json;

use super::*;
use crate::query::QueryError;
use jobhost_model::Limit;

const ENDLESS: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)";

/// A time limit that is shorter than its key can set.
fn milliseconds(value: u64) -> Limit {
    Limit::set_by("sql.timeout_seconds in milliseconds".to_owned(), value)
}

#[tokio::test]
async fn an_endless_query_is_stopped_and_the_error_names_the_setting() {
    let place = kennel().await;
    let limits = SqlLimits { time: milliseconds(50), ..place.limits() };
    let error = place.text_within(&format!("{ENDLESS} SELECT COUNT(*) FROM n"), RowShape::Arrays, limits).await;
    let Err(QueryError::TooLarge(sentence)) = error else { panic!("{error:?}") };
    assert!(sentence.contains("sql.timeout_seconds"), "{sentence}");
}

#[tokio::test]
async fn temporary_files_are_limited() {
    let place = kennel().await;
    let limits = SqlLimits {
        spill_bytes: SqlLimits::SPILL_BYTES.with_value(1 << 20),
        memory_bytes: SqlLimits::MEMORY_BYTES.with_value(256 << 10),
        ..place.limits()
    };
    let sql = format!("{ENDLESS} SELECT i FROM n ORDER BY i DESC");
    let error = place.text_within(&sql, RowShape::Arrays, limits).await;
    let Err(QueryError::TooLarge(sentence)) = error else { panic!("{error:?}") };
    assert!(sentence.contains("sql.spill_bytes"), "{sentence}");
}

#[tokio::test]
async fn dropping_the_rows_frees_the_snapshot() {
    let place = kennel().await;
    let rows = place.open(&format!("{ENDLESS} SELECT COUNT(*) FROM n, dog"), RowShape::Arrays, place.limits()).unwrap();
    let state = Arc::downgrade(&rows.state_for_test());
    drop(rows);
    // The state holds the snapshot.
    while state.upgrade().is_some() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn dropping_the_rows_half_way_stops_the_query() {
    let place = kennel().await;
    let mut rows = place.open(&format!("{ENDLESS} SELECT i FROM n, dog"), RowShape::Arrays, place.limits()).unwrap();
    let mut out = Vec::new();
    assert!(rows.next(&mut out).await.unwrap());
    assert!(rows.given() > 0 && out.len() >= 256 << 10);
    let state = Arc::downgrade(&rows.state_for_test());
    drop(rows);
    while state.upgrade().is_some() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn sorting_more_than_fits_into_memory_returns_the_right_order() {
    let place = Place::new();
    let records: Vec<String> = (0..40_000_u64)
        .map(|id| format!("{{\"id\":{id},\"n\":{},\"pad\":\"{:0100}\"}}", id * 7919 % 40_000, id))
        .collect();
    place.table("data.t", "id", &records.join("\n")).await;
    let limits = SqlLimits { memory_bytes: SqlLimits::MEMORY_BYTES.with_value(256 << 10), ..place.limits() };
    let text = place.text_within("SELECT n, pad FROM t ORDER BY n DESC", RowShape::Arrays, limits).await.unwrap();
    let rows: Vec<(u64, String)> = serde_json::from_str(&format!("[{text}]")).unwrap();
    assert!(rows.iter().map(|(n, _)| *n).eq((0..40_000).rev()));
    assert!(rows.iter().all(|(n, pad)| pad.parse::<u64>().unwrap() * 7919 % 40_000 == *n));
    let left = std::fs::read_dir(&place.spill_dir).map_or(0, Iterator::count);
    assert_eq!(left, 0, "temporary files have no names");
}

/// The heap limits apply to the whole process, so a test that reaches them must run alone.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

#[tokio::test]
async fn the_size_of_values_is_limited() {
    let _alone = ALONE.lock().await;
    let place = kennel().await;
    let long = "x".repeat(10_000);
    let doubled =
        (0..8).fold(format!("'{long}'"), |text, _| format!("replace({text}, 'xxxxx', 'xxxxxxxxxxxxxxxxxxxx')"));
    for sql in [
        format!(
            "WITH RECURSIVE n(x) AS (SELECT '{long}' UNION ALL SELECT x FROM n LIMIT 3000) SELECT group_concat(x) FROM n"
        ),
        "WITH RECURSIVE n(x) AS (SELECT 'a' UNION ALL SELECT x || x FROM n) SELECT length(x) FROM n".to_owned(),
        format!("SELECT length({doubled})"),
    ] {
        let error = place.text(&sql, RowShape::Arrays).await;
        let Err(QueryError::TooLarge(sentence)) = error else { panic!("{error:?}") };
        assert!(sentence.contains("value or row"), "{sentence}");
    }
    assert_eq!(place.column("SELECT length(replace('aaa', 'a', 'bb'))").await, json!([6]));
}

#[tokio::test]
async fn many_large_values_at_once_exceed_the_heap_limit() {
    let _alone = ALONE.lock().await;
    let place = kennel().await;
    let columns: Vec<String> = (0..60).map(|number| format!("x || '{number}' AS c{number}")).collect();
    let sql = format!(
        "WITH RECURSIVE n(x) AS (SELECT 'a' UNION ALL SELECT x || x FROM n WHERE length(x) < 8000000) SELECT {} FROM n",
        columns.join(", ")
    );
    let Err(QueryError::TooLarge(sentence)) = place.text(&sql, RowShape::Arrays).await else { panic!() };
    assert!(sentence.contains("sql.memory_bytes"), "{sentence}");
    // Only that query failed; later ones still work.
    assert_eq!(place.column("SELECT COUNT(*) FROM dog").await, json!([4]));
}

#[tokio::test]
async fn like_on_long_texts_ends_at_the_time_limit() {
    let place = kennel().await;
    let text = "WITH RECURSIVE n(x) AS (SELECT 'aaaa' UNION ALL SELECT x || x FROM n WHERE length(x) < 8000000)";
    // A single row, and no jump between the calls at which SQLite would check the clock.
    let calls: Vec<String> = (0..60).map(|n| format!("x LIKE '%{}_{n}b%'", "a_".repeat(450))).collect();
    let sql = format!("{text} SELECT {} FROM n WHERE length(x) > 4000000", calls.join(", "));
    let limits = SqlLimits { time: milliseconds(20), ..place.limits() };
    let error = place.text_within(&sql, RowShape::Arrays, limits).await;
    let Err(QueryError::TooLarge(sentence)) = error else { panic!("{error:?}") };
    assert!(sentence.contains("sql.timeout_seconds"), "{sentence}");
}

#[tokio::test]
async fn the_length_of_a_like_pattern_is_limited() {
    let place = kennel().await;
    assert_eq!(place.column(&format!("SELECT '{0}' LIKE '{0}'", "x".repeat(1_000))).await, json!([true]));
    let refused = place.refusal(&format!("SELECT 'x' LIKE '{}'", "x".repeat(1_001))).await;
    assert!(refused.contains("the pattern of LIKE has more than 1000 bytes"), "{refused}");
    assert!(place.refusal("SELECT 'x' LIKE 'y' ESCAPE 'ab'").await.contains("ESCAPE"));
    for sql in ["SELECT NULL LIKE 'a'", "SELECT 'a' LIKE NULL", "SELECT 'a' LIKE 'a' ESCAPE NULL"] {
        assert_eq!(place.column(sql).await, json!([null]), "{sql}");
    }
    assert_eq!(place.column("SELECT 15 LIKE '1%' AND 1.5 LIKE '1.5' AND TRUE LIKE 'tr%'").await, json!([true]));
    // Each row has its own pattern and escape.
    let sql = "SELECT 'a_' LIKE p ESCAPE e FROM (SELECT 'a!_' AS p, '!' AS e UNION ALL SELECT 'a!_', '?' UNION ALL SELECT 'a_', '!')";
    assert_eq!(place.column(sql).await, json!([true, false, true]));
}

#[tokio::test]
async fn regexp_ends_at_the_time_limit_and_has_bounds() {
    let place = kennel().await;
    let doubled = |bytes: usize| {
        format!("WITH RECURSIVE n(x) AS (SELECT 'abba' UNION ALL SELECT x || x FROM n WHERE length(x) < {bytes})")
    };
    let calls: Vec<String> = (0..60).map(|n| format!("x REGEXP '[ab]*a[ab]{{45}}c{n}'")).collect();
    let sql = format!("{} SELECT {} FROM n WHERE length(x) > 1000000", doubled(1_500_000), calls.join(", "));
    let limits = SqlLimits { time: milliseconds(20), ..place.limits() };
    let error = place.text_within(&sql, RowShape::Arrays, limits).await;
    let Err(QueryError::TooLarge(sentence)) = error else { panic!("{error:?}") };
    assert!(sentence.contains("sql.timeout_seconds"), "{sentence}");

    let refused = place.refusal(&format!("{} SELECT count(*) FROM n WHERE x REGEXP 'c'", doubled(4_000_000))).await;
    assert!(refused.contains("texts of at most 2097152 bytes"), "{refused}");
    let refused = place.refusal(&format!("SELECT 'x' REGEXP '{}'", "x".repeat(1_001))).await;
    assert!(refused.contains("the pattern of REGEXP has more than 1000 bytes"), "{refused}");
}
