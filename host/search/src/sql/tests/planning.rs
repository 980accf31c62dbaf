//! Statements that are as hard to plan as the limits allow, and some beyond the limits. A machine of 2025 plans each of
//! the former in about fifty milliseconds at most; without the limits, the latter took up to eight seconds.

use super::*;
use crate::sql::render::{MAX_EXPANDED, MAX_REFERENCES, MAX_TERMS, MAX_WINDOWS};

const WIDE: usize = 1_900;

/// Creates `data.t` with more than a thousand attributes `a0`, `a1` …, and `data.s` with three.
async fn wide_and_narrow() -> Place {
    let place = Place::new();
    let wide: Vec<String> = (0..WIDE).map(|n| format!("\"a{n}\":{n}")).collect();
    place.table("data.t", "id", &format!("{{\"id\":1,{}}}", wide.join(","))).await;
    place.table("data.s", "id", "{\"id\":1,\"a\":1,\"b\":2}").await;
    place
}

fn plan(place: &Place, sql: &str) -> Result<(), QueryError> {
    let statement = SqlStatement::parse(sql)?;
    let tables = statement.resolve(&place.store.catalog())?;
    let tables: Vec<_> = tables.into_iter().map(VisibleTable::whole).collect();
    check(&statement, &tables).map(|_| ())
}

fn list(range: std::ops::Range<usize>, item: impl Fn(usize) -> String) -> String {
    range.map(item).collect::<Vec<_>>().join(", ")
}

fn columns(range: std::ops::Range<usize>) -> String {
    list(range, |n| format!("a{n}"))
}

/// Nests a piece of SQL `count` times.
fn nested(count: usize, piece: &str) -> String {
    format!("{}(SELECT a AS x FROM s){}", piece.repeat(count), ")".repeat(count))
}

/// Joins the narrow table `count` times, each with several others.
fn web(count: usize) -> String {
    let conditions: Vec<_> =
        (0..480).map(|n| format!("t{}.a = t{}.b", n % count, (n * 11 + n / count + 1) % count)).collect();
    format!("SELECT COUNT(*) FROM {} WHERE {}", list(0..count, |n| format!("s AS t{n}")), conditions.join(" AND "))
}

fn windows(count: usize, columns: usize) -> String {
    let sums = list(0..count, |n| format!("SUM(a{n}) OVER (PARTITION BY a{})", n + 1));
    format!("SELECT {}, {sums} FROM t", self::columns(0..columns))
}

fn joins(count: usize) -> String {
    (1..count).fold("SELECT COUNT(*) FROM s AS t0".to_owned(), |sql, n| {
        format!("{sql} JOIN s AS t{n} ON t{n}.a = t{}.b", n - 1)
    })
}

#[tokio::test]
async fn the_hardest_statements_within_the_bounds_are_planned() {
    let place = wide_and_narrow().await;
    let terms = columns(WIDE - MAX_TERMS..WIDE);
    for sql in [
        format!("{} UNION ALL {}", web(64), web(64)),
        joins(64),
        format!("SELECT {} FROM t GROUP BY {terms} ORDER BY {terms}", columns(0..WIDE)),
        format!("SELECT DISTINCT {} FROM t", columns(0..WIDE)),
        ["SELECT * FROM t"; 4].join(" UNION "),
        windows(MAX_WINDOWS, 250),
        windows(1, WIDE),
        "SELECT *, SUM(a1) OVER (PARTITION BY a2) FROM t".to_owned(),
        format!("SELECT x FROM {}", nested(13, "(SELECT x || x AS x FROM ")),
        format!("SELECT a1 FROM t WHERE a2 IN ({})", list(0..9_000, |n| n.to_string())),
        format!("SELECT a1 FROM t WHERE {}", vec!["a2 = 1"; 480].join(" OR ")),
        list(0..100, |n| format!("SELECT a, b FROM s WHERE a = {n}")).replace(", SELECT", " UNION SELECT"),
    ] {
        plan(&place, &sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
}

#[tokio::test]
async fn what_would_take_long_to_plan_is_refused_with_the_bound() {
    let place = wide_and_narrow().await;
    let doubled = nested(14, "(SELECT x || x AS x FROM ");
    let chain = list(1..5, |n| format!("c{n} AS (SELECT * FROM c{})", n - 1));
    let tripled = list(1..10, |n| format!("c{n} AS (SELECT (SELECT x + x + x) AS x FROM c{})", n - 1));
    for (sql, sentence) in [
        (
            format!("{} UNION ALL {} UNION ALL {}", joins(64), joins(64), joins(2)),
            format!("more than {MAX_REFERENCES} tables in FROM"),
        ),
        (windows(MAX_WINDOWS + 1, 1), format!("more than {MAX_WINDOWS} windows")),
        (windows(8, WIDE), "has 8 windows (OVER, WINDOW) and 1916 columns".to_owned()),
        (
            format!("SELECT a1 FROM t ORDER BY {}", columns(0..MAX_TERMS + 1)),
            format!("ORDER BY has 257 terms; it can have at most {MAX_TERMS}"),
        ),
        (
            format!("SELECT 1 FROM t GROUP BY {}", columns(0..MAX_TERMS + 1)),
            format!("GROUP BY has 257 terms; it can have at most {MAX_TERMS}"),
        ),
        (
            format!("SELECT {}", list(0..2_001, |_| "1".to_owned())),
            "a SELECT has 2001 columns; the maximum is 2000".to_owned(),
        ),
        (["SELECT * FROM t"; 5].join(" UNION "), "'*' stands 5 times in 'sql', for up to 1903 columns each".to_owned()),
        (format!("WITH c0 AS (SELECT * FROM t), {chain} SELECT a1 FROM c4"), "'*' stands 5 times".to_owned()),
        (format!("SELECT x || x FROM {doubled}"), format!("more than {MAX_EXPANDED} columns")),
        (format!("SELECT 1 FROM {doubled} WHERE x = x"), format!("more than {MAX_EXPANDED} columns")),
        (format!("SELECT x FROM {doubled} ORDER BY x || x"), format!("more than {MAX_EXPANDED} columns")),
        (
            format!("WITH c0 AS (SELECT a AS x FROM s), {tripled} SELECT x FROM c9"),
            format!("more than {MAX_EXPANDED} columns"),
        ),
    ] {
        let refused = plan(&place, &sql).expect_err(&sql).to_string();
        assert!(refused.contains(&sentence), "{refused}, not {sentence}");
    }
}

#[test]
fn unique_names_for_thousands_of_equal_columns_are_fast() {
    let names = connection::unique(vec!["a".to_owned(); 10_000]);
    assert_eq!([&*names[0], &*names[1], &*names[9_999]], ["a", "a1", "a9999"]);
    let mut taken: Vec<String> = (1..4_999).map(|number| format!("a{number}")).collect();
    taken.extend(vec!["a".to_owned(); 3]);
    let names = connection::unique(taken);
    assert_eq!(names[4_998..], ["a", "a4999", "a5000"]);
}
