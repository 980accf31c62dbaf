//! More output than the host keeps: log, stdout, rejected records, progress, message and result.

use jobhost_tests::limits::{ended_by, met};
use jobhost_tests::{Host, Options};
use serde_json::{Value, json};

const MEBIBYTE: u64 = 1024 * 1024;
const KEPT: u64 = 64 * 1024;

fn start() -> Host {
    Host::start(Options::new().guest("floods"))
}

/// Returns the row of a flood. Checks that other clients are served meanwhile and that the host stays small.
#[track_caller]
fn flood(host: &Host, mode: &str) -> Value {
    let before = host.peak_memory();
    let row = host.served_until_the_end_of(&host.start_job(&json!({"operation": "flood", "mode": mode})));
    let grown = host.peak_memory().saturating_sub(before);
    assert!(grown < 200 * MEBIBYTE, "{mode}: the host grew by {grown} bytes");
    row
}

#[track_caller]
fn last_lines(host: &Host, row: &Value) -> Vec<String> {
    let body = host.post(&json!({"operation": "get_job_log", "id": row["id"]})).ok();
    serde_json::from_value(body["lines"].clone()).unwrap_or_else(|_| panic!("no lines in {body}"))
}

#[test]
fn the_end_of_a_log_is_kept_and_the_rest_is_counted() {
    let host = start();
    for mode in ["log", "stdout", "stderr", "one line"] {
        let row = flood(&host, mode);
        assert_eq!((&row["status"], &row["message"]), (&json!("COMPLETE"), &json!("done")), "{mode}: {row:#}");
        let limit = met(&row, "sandbox.log_bytes");
        assert_eq!(limit["limit"], KEPT, "{mode}: {limit:#}");
        assert!(limit["reached"].as_u64() > Some(100 * MEBIBYTE), "{mode}: {limit:#}");
        let lines = last_lines(&host, &row);
        assert!(lines.last().is_some_and(|line| line.ends_with("the last line")), "{mode}: {:?}", lines.last());
        let dropped: u64 = lines[0]
            .strip_prefix('(')
            .and_then(|rest| rest.split_once(" earlier lines were dropped)"))
            .and_then(|(count, _)| count.parse().ok())
            .unwrap_or_else(|| panic!("{mode}: no count in {:.100}", lines[0]));
        assert_eq!(limit["times"], dropped, "{mode}: {limit:#}");
        // 30,001 lines that are kept whole, and one line of 120 MB that arrives in pieces.
        let said = dropped + lines.len() as u64 - 1;
        assert!(if mode == "one line" { said > 25_000 } else { said == 30_001 }, "{mode}: {said} lines");
        assert!(row.to_string().len() < 100_000, "{mode}: the row has {} bytes", row.to_string().len());
    }
}

#[test]
fn rejects_are_all_counted_and_the_first_are_kept() {
    let host = start();
    for (mode, count) in [("rejects", 1_000_000), ("large rejects", 1_000)] {
        let row = flood(&host, mode);
        assert_eq!(row["status"], "COMPLETE", "{row:#}");
        let limit = met(&row, "sandbox.rejects");
        assert_eq!(
            (&limit["limit"], &limit["reached"], &limit["times"]),
            (&json!(100), &json!(count), &json!(count - 100)),
            "{limit:#}"
        );
        assert!(row.to_string().len() < 300_000, "{mode}: the row has {} bytes", row.to_string().len());
        let kept = kept_rejects(&row);
        assert_eq!((kept.len(), &kept[0]["line"], &kept[99]["line"]), (100, &json!(1), &json!(100)), "{mode}");
        assert!(kept.iter().all(|one| one["raw"].as_str().is_some_and(|raw| raw.len() <= 1024)), "{mode}");
    }
}

fn kept_rejects(row: &Value) -> Vec<Value> {
    let rejects = ["rejects", "rejected"].iter().find_map(|name| row[*name].as_array());
    rejects.cloned().unwrap_or_else(|| panic!("no rejects in {row:#}"))
}

#[test]
fn progress_is_as_cheap_as_it_is_promised() {
    let host = start();
    let row = flood(&host, "progress");
    assert_eq!(row["status"], "COMPLETE", "{row:#}");
    let progress = &row["progress"];
    assert_eq!((&progress["done"], &progress["total"]), (&json!(10_000_000), &json!(10_000_000)), "{row:#}");
}

#[test]
fn a_message_is_cut() {
    let host = start();
    for (mode, status, letter) in [("message", "COMPLETE", 'm'), ("failure", "ERROR", 'f')] {
        let row = flood(&host, mode);
        assert_eq!(row["status"], status, "{mode}");
        let message = row["message"].as_str().expect("a message");
        assert!(message.len() as u64 <= KEPT + 100 && message.starts_with(letter), "{mode}: {} bytes", message.len());
        let limit = met(&row, "sandbox.message_bytes");
        assert_eq!((&limit["limit"], &limit["reached"]), (&json!(KEPT), &json!(MEBIBYTE)), "{mode}: {limit:#}");
    }
    let row = flood(&host, "endless message");
    ended_by(&row, "sandbox.call_bytes");
}

#[test]
fn a_result_that_is_too_large_is_an_error_with_the_figures() {
    let host = start();
    let row = flood(&host, "result");
    let limit = ended_by(&row, "sandbox.result_bytes");
    assert_eq!((&limit["limit"], &limit["reached"]), (&json!(256 * 1024), &json!(300 * 1024 + 2)), "{row:#}");
    assert!(row.get("result").is_none_or(Value::is_null), "{row:#}");
}
