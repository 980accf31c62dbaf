//! Functions of `sql` that Harper's clients know: dates, patterns, geometry. The host's own tests cover each of them;
//! here they are used in requests and in exports.

use jobhost_tests::exports::{export_local, sql};
use jobhost_tests::{Host, Options};
use serde_json::{Value, json};

const COLORADO: &str = r#"'{"type":"Polygon","coordinates":[[[-109.07,37.0],[-102.02,37.0],[-102.02,41.01],[-109.07,41.01],[-109.07,37.0]]]}'"#;

fn start() -> Host {
    let host = Host::start(Options::new());
    host.create_table("place");
    host.insert(
        "place",
        json!([
            {"id": 1, "name": "Denver", "at": {"type": "Point", "coordinates": [-104.990250, 39.739235]}, "founded": "1858-11-17"},
            {"id": 2, "name": "Wellington", "at": {"type": "Point", "coordinates": [174.776230, -41.286461]}, "founded": -4_102_444_800_000_i64},
            {"id": 3, "name": "Hobbiton", "at": "Somewhere in the shire", "real": false},
        ]),
    );
    host
}

#[test]
fn functions_work_in_requests() {
    let host = start();
    let within = format!("SELECT id FROM gold.place WHERE geoContains({COLORADO}, at)");
    for (query, expected) in [
        (within.as_str(), json!([{"id": 1}])),
        (
            "SELECT id, geoDistance('[-104.979127,39.761563]', at, 'miles') AS far FROM gold.place ORDER BY id",
            json!([{"id": 1, "far": 1.6520011088478226}, {"id": 2, "far": 7525.228704326891}, {"id": 3}]),
        ),
        ("SELECT id FROM gold.place WHERE geoNear('[-104.979127,39.761563]', at, 50, 'miles')", json!([{"id": 1}])),
        ("SELECT id FROM gold.place WHERE name REGEXP '^[DW]' ORDER BY id", json!([{"id": 1}, {"id": 2}])),
        (
            "SELECT DATE_FORMAT(founded, 'D MMMM YYYY') AS day FROM gold.place WHERE id <= 2 ORDER BY id",
            json!([{"day": "17 November 1858"}, {"day": "1 January 1840"}]),
        ),
        ("SELECT id FROM gold.place WHERE id = '2'", json!([{"id": 2}])),
        ("SELECT id FROM gold.place WHERE real = 'false'", json!([{"id": 3}])),
        ("SELECT ABS(__createdtime__ - NOW()) < 60000 AS now FROM gold.place WHERE id = 1", json!([{"now": true}])),
    ] {
        assert_eq!(host.sql(query), expected, "{query}");
    }
    let changed =
        host.sql("UPDATE gold.place SET far = geoDistance('[-104.979127,39.761563]', at) WHERE id IN ('1', '3')");
    assert_eq!(changed["update_hashes"], json!([1, 3]), "{changed}");
    let far = host.sql("SELECT id, far FROM gold.place WHERE far IS NOT NULL");
    assert_eq!(far[0]["id"], 1, "{far}");
    assert_eq!(far.as_array().map(Vec::len), Some(1), "{far}");
    for (query, says) in [
        ("SELECT name REGEXP '(' FROM gold.place", "cannot be used"),
        ("SELECT geoNear(at, at, 'far') FROM gold.place", "must be a number"),
        ("SELECT DATE_ADD(founded, 1, 'fortnights') FROM gold.place", "'fortnights' is no unit of time"),
    ] {
        let told = host.post(&sql(query)).refused(400);
        assert!(told.contains(says), "{query}: {told}");
    }
}

#[test]
fn functions_work_in_exports() {
    let host = start();
    let query =
        sql("SELECT id, geoDistance('[-104.979127,39.761563]', at, 'miles') AS far FROM gold.place ORDER BY id");
    host.run_for_result(&export_local(&host, "json", "far", query.clone()));
    let text = std::fs::read(host.exports().join("far.json")).expect("the file");
    let rows: Value = serde_json::from_slice(&text).expect("JSON");
    assert_eq!(rows, json!([{"id": 1, "far": 1.6520011088478226}, {"id": 2, "far": 7525.228704326891}, {"id": 3}]));
    host.run_for_result(&export_local(&host, "csv", "far", query));
    let text = std::fs::read_to_string(host.exports().join("far.csv")).expect("the file");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines, ["\"id\",\"far\"", "1,1.6520011088478226", "2,7525.228704326891", "3,"], "{text}");
}
