//! The row of a job reports the resources that the job used, and no others.

use jobhost_tests::exports::{everything, export_local};
use jobhost_tests::{Host, Options};
use serde_json::{Value, json};

const ROWS: u64 = 50_000;
/// WebAssembly memory grows in pages.
const PAGE: u64 = 64 * 1024;

#[track_caller]
fn figure(row: &Value, name: &str) -> u64 {
    row["usage"][name].as_u64().unwrap_or_else(|| panic!("no {name} in {row:#}"))
}

/// Checks what holds for every job that ran.
#[track_caller]
fn plausible(row: &Value, memory_limit: u64) {
    let cpu = figure(row, "cpu_microseconds");
    assert!(cpu > 0 && figure(row, "checking_microseconds") <= cpu, "{row:#}");
    let took = |name: &str| row[name].as_u64().unwrap_or_else(|| panic!("no {name} in {row:#}"));
    // A guest runs on one thread at a time, and the times in the row are in milliseconds.
    let wall = took("end_datetime") - took("start_datetime");
    assert!(cpu <= (wall + 2) * 1000, "{cpu} µs of processor time in {wall} ms: {row:#}");
    let peak = figure(row, "memory_peak_bytes");
    assert!((PAGE..=memory_limit).contains(&peak) && peak.is_multiple_of(PAGE), "{row:#}");
}

#[test]
fn loads_and_exports_report_what_they_used() {
    let memory = 64 * 1024 * 1024;
    let host = Host::start(Options::new().set("sandbox.memory_bytes", memory));
    host.create_table("t");
    let text = jobhost_tests::csv_text::numbered(ROWS);
    let size = text.len() as u64;
    let path = host.file("rows.csv", text);
    let load = json!({"operation": "csv_file_load", "database": "gold", "table": "t", "file_path": path});
    let row = host.run(&load);
    assert_eq!(row["status"], "COMPLETE", "{row:#}");
    plausible(&row, memory);
    // The source is read twice, once for checking and once for writing.
    let read = figure(&row, "bytes_in");
    assert!((size..=2 * size).contains(&read), "{read} bytes were read of a file of {size}");
    // A record as JSON includes the names of its attributes in addition to the values in the line of the file.
    let written = figure(&row, "bytes_out");
    assert!((size..10 * size).contains(&written), "{written} bytes were written of a file of {size}");
    assert!(figure(&row, "checking_microseconds") > 0, "{row:#}");
    // Each call carries at most 256 KiB of the source, or 1 MiB and 16,384 records.
    let calls = figure(&row, "host_calls");
    assert!(calls >= read / (256 * 1024) + ROWS / 16_384, "{row:#}");
    assert!(calls < ROWS, "a call for each record: {row:#}");

    let row = host.run(&export_local(&host, "csv", "all", everything("t")));
    assert_eq!(row["status"], "COMPLETE", "{row:#}");
    plausible(&row, memory);
    let exported = host.exports().join("all.csv").metadata().expect("the export").len();
    assert_eq!(figure(&row, "bytes_out"), exported, "{row:#}");
    assert!(figure(&row, "bytes_in") > size, "the rows that a query gave are not counted: {row:#}");
    assert_eq!(figure(&row, "checking_microseconds"), 0, "{row:#}");
    assert!(figure(&row, "host_calls") < ROWS, "{row:#}");
}

#[test]
fn usage_grows_with_the_work() {
    let host = Host::start(Options::new());
    host.create_table("t");
    let took = |rows: u64| {
        let data = jobhost_tests::csv_text::numbered(rows);
        let size = data.len() as u64;
        let load =
            json!({"operation": "csv_data_load", "database": "gold", "table": "t", "action": "upsert", "data": data});
        let row = host.run(&load);
        plausible(&row, 128 * 1024 * 1024);
        assert!(figure(&row, "bytes_in") >= size, "{row:#}");
        row
    };
    let (small, large) = (took(1_000), took(100_000));
    for name in ["bytes_in", "bytes_out"] {
        assert!(figure(&large, name) > 50 * figure(&small, name), "{name}: {small:#} {large:#}");
    }
    assert!(figure(&large, "host_calls") > figure(&small, "host_calls"));
    assert!(figure(&large, "cpu_microseconds") > figure(&small, "cpu_microseconds"));
}

#[test]
fn failed_and_stopped_jobs_report_what_they_used() {
    let options = Options::new().guest("hoards").guest("spins").guest("traps");
    let memory = 32 * 1024 * 1024;
    let host = Host::start(options.set("sandbox.memory_bytes", memory).set("sandbox.cpu_seconds", 1));
    let row = host.run(&json!({"operation": "hoard"}));
    plausible(&row, memory);
    // It allocates a MiB at a time until the limit is reached.
    assert!(figure(&row, "memory_peak_bytes") > memory / 2, "{row:#}");
    let row = host.run(&json!({"operation": "spin"}));
    plausible(&row, memory);
    assert!(figure(&row, "cpu_microseconds") >= 1_000_000, "{row:#}");
    assert_eq!((figure(&row, "bytes_in"), figure(&row, "bytes_out")), (0, 0), "{row:#}");
    let row = host.run(&json!({"operation": "trap"}));
    plausible(&row, memory);
    assert!(figure(&row, "cpu_microseconds") < 1_000_000, "another job's time is counted: {row:#}");
}
