//! A query takes no more memory, disk and time than the operator permits, and its error says so when that is not
//! enough.

use jobhost_tests::csv_text::numbered;
use jobhost_tests::exports::sql;
use jobhost_tests::{Host, Options};
use serde_json::json;

const ROWS: u64 = 300_000;

fn start(options: Options) -> Host {
    let host = Host::start(options);
    host.create_table("t");
    let path = host.file("rows.csv", numbered(ROWS));
    host.run_ok(&json!({"operation": "csv_file_load", "database": "gold", "table": "t", "file_path": path}));
    host
}

#[test]
fn a_query_that_never_ends_is_stopped() {
    let host = start(Options::new().set("sql.timeout_seconds", 1));
    let endless = "SELECT COUNT(*) AS c FROM gold.t AS a, gold.t AS b";
    let reply = host.post(&sql(endless));
    assert!((400..=503).contains(&reply.status), "{}", reply.text);
    let told = reply.body["error"].as_str().expect("a sentence");
    assert!(told.contains("sql.timeout_seconds"), "{told}");
    assert_eq!(host.sql("SELECT COUNT(*) AS c FROM gold.t"), json!([{"c": ROWS}]), "the host goes on");
}

#[test]
fn sorting_more_than_fits_in_memory_spills_to_disk_within_a_limit() {
    const MOST: u64 = 256 * 1024 * 1024;
    // All columns of a row are sorted with it: some tens of megabytes.
    let sorted = "SELECT * FROM gold.t ORDER BY name DESC LIMIT 250000";
    let mut host = start(Options::new().set("sql.memory_bytes", 2 * 1024 * 1024));
    let search = sql(sorted);
    let result = host.run_for_result(&jobhost_tests::exports::export_local(&host, "csv", "sorted", search.clone()));
    assert_eq!(result["records"], 250_000);
    let text = std::fs::read_to_string(host.exports().join("sorted.csv")).expect("the file");
    let names: Vec<&str> = text.lines().skip(1).filter_map(|line| line.split("\"name").nth(1)).collect();
    assert!(names.is_sorted_by(|a, b| a >= b), "the rows are not in order");
    assert!(host.peak_memory() < MOST, "{} bytes of memory", host.peak_memory());

    host.stop();
    host.restart_with(|options| options.set("sql.spill_bytes", 1024 * 1024));
    let told = host.run_error(&jobhost_tests::exports::export_local(&host, "csv", "sorted", search));
    assert!(told.contains("sql.spill_bytes"), "{told}");
    let after = std::fs::read_to_string(host.exports().join("sorted.csv")).expect("the file");
    assert!(after == text, "the old file is gone");
}

#[test]
fn large_results_are_streamed() {
    const MOST: u64 = 256 * 1024 * 1024;
    let host = start(Options::new());
    let rows = host.sql("SELECT id, name, n FROM gold.t");
    assert_eq!(rows.as_array().expect("rows").len() as u64, ROWS);
    assert!(host.peak_memory() < MOST, "{} bytes of memory", host.peak_memory());
}
