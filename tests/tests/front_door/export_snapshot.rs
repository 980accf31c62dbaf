//! An export reads a snapshot: a concurrent write or delete is included completely or not at all.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use jobhost_tests::csv_text::numbered;
use jobhost_tests::exports::{everything, export_local, export_to_s3, sql};
use jobhost_tests::s3::{Act, Asked, Proxy, S3Server};
use jobhost_tests::{Host, Options};
use serde_json::{Value, json};

/// Large enough that many batches are still to be read when the first part is uploaded.
const ROWS: u64 = 250_000;
/// Number of records in one write, which is one transaction.
const GENERATION_ROWS: u64 = 20_000;

fn lines(bytes: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(bytes).expect("UTF-8");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn changes_while_an_export_waits_for_its_server_are_not_exported() {
    let server = S3Server::strict();
    let host = Host::start(Options::new().set("s3.allow", "127.0.0.1"));
    host.create_table("t");
    let path = host.file("rows.csv", numbered(ROWS));
    host.run_ok(&json!({"operation": "csv_file_load", "database": "gold", "table": "t", "file_path": path}));
    for (key, search) in [("value", everything("t")), ("sql", sql("SELECT * FROM gold.t"))] {
        let before = host.run_for_result(&export_local(&host, "jsonl", key, search.clone()));
        let before = std::fs::read(before["path"].as_str().expect("a path")).expect("the file");
        let proxy = Proxy::start(server.address(), |asked| if asked.writes() { Act::Hold(0) } else { Act::Pass });
        let mut request = export_to_s3(&server, "jsonl", key, search);
        request["s3"]["endpoint"] = json!(proxy.endpoint());
        let id = host.start_job(&request);
        proxy.await_request("the first part", Asked::writes);

        // The oldest and the newest records, and records that were and were not read yet.
        let records: Vec<Value> = [1, 2, ROWS / 2, ROWS - 1, ROWS].map(|id| json!({"id": id, "name": key})).to_vec();
        let upsert = json!({"operation": "upsert", "database": "gold", "table": "t", "records": records});
        host.post(&upsert).ok();
        host.insert("t", json!([{"id": format!("new {key}")}]));
        let ids: Vec<u64> = (0..100).map(|n| 1000 + n * 7).collect();
        host.post(&json!({"operation": "delete", "database": "gold", "table": "t", "ids": ids})).ok();

        proxy.release();
        let row = host.job(&id);
        assert_eq!(row["status"], "COMPLETE", "{row:#}");
        let stored = server.get(&format!("{key}.jsonl")).expect("the object").bytes;
        let sorted = |bytes: &[u8]| {
            let mut lines: Vec<Vec<u8>> = bytes.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
            lines.sort();
            lines
        };
        assert!(sorted(&stored) == sorted(&before), "{key}: the export is of no one moment");
    }
}

#[test]
fn an_export_contains_a_write_completely_or_not_at_all() {
    let host = Host::start(Options::new());
    host.create_table("t");
    let write = |generation: u64| {
        let records: Vec<Value> = (0..GENERATION_ROWS).map(|id| json!({"id": id, "generation": generation})).collect();
        let upsert = json!({"operation": "upsert", "database": "gold", "table": "t", "records": records});
        host.post(&upsert).ok();
    };
    write(0);
    let (stop, written) = (AtomicBool::new(false), AtomicU64::new(0));
    let mut seen = BTreeSet::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for generation in 1.. {
                write(generation);
                written.store(generation, Ordering::SeqCst);
                if stop.load(Ordering::SeqCst) {
                    return;
                }
            }
        });
        // Ends when exports and writes have overlapped. The number of either alone proves nothing.
        let mut exports = 0;
        while exports < 6 || written.load(Ordering::SeqCst) < 6 {
            let search = match exports % 2 {
                0 => everything("t"),
                _ => sql("SELECT id, generation FROM gold.t"),
            };
            let result = host.run_for_result(&export_local(&host, "jsonl", "g", search));
            let rows = lines(&std::fs::read(result["path"].as_str().expect("a path")).expect("the file"));
            assert_eq!(rows.len() as u64, GENERATION_ROWS);
            let generations: BTreeSet<u64> =
                rows.iter().map(|row| row["generation"].as_u64().expect("a generation")).collect();
            if generations.len() != 1 {
                stop.store(true, Ordering::SeqCst);
            }
            assert_eq!(generations.len(), 1, "an export has records of several writes: {generations:?}");
            seen.extend(generations);
            exports += 1;
        }
        stop.store(true, Ordering::SeqCst);
    });
    println!("generations seen: {seen:?} of {}", written.load(Ordering::SeqCst));
}
