//! A full disk that has free space again later. Known data can be read meanwhile, writes are refused or fail with a
//! message that says why, and every job ends.

use jobhost_tests::{Host, Login, Options, eventually};
use serde_json::{Value, json};

const DISK: u64 = 64 << 20;
/// Rows of 100 bytes. Four tables of them exceed the disk.
const ROWS: u64 = 300_000;
const FULL: [u16; 2] = [503, 507];

fn load(table: &str, rows: usize) -> Value {
    let data: String = (0..rows).map(|id| format!("{id},{}\n", "x".repeat(90))).collect();
    let data = format!("id,a\n{data}");
    json!({"operation": "csv_data_load", "database": "gold", "table": table, "action": "upsert", "data": data})
}

fn insert(id: usize) -> Value {
    let records = json!([{"id": id, "a": "x".repeat(5_000)}]);
    json!({"operation": "insert", "database": "gold", "table": "small", "records": records})
}

/// Operations that need no space succeed.
#[track_caller]
fn still_answers(host: &Host, job: &str) {
    assert_eq!(host.send(&Login::Nobody, "GET", "/health", None, b"").status, 200);
    assert_eq!(host.job_now(job)["status"], "COMPLETE");
    let search = json!({
        "operation": "search_by_id", "database": "gold", "table": "small", "ids": [0], "get_attributes": ["id"],
    });
    assert_eq!(host.post(&search).ok(), json!([{"id": 0}]));
}

/// Inserts until an insert fails, which must happen soon. Returns the ids of the stored records.
fn stored_until_full(host: &Host) -> Vec<usize> {
    let mut stored = Vec::new();
    for id in 1.. {
        let reply = host.post(&insert(id));
        if reply.status == 200 {
            stored.push(id);
            assert!(stored.len() < 10_000, "a full disk takes records without end");
            host.disk().fill();
            continue;
        }
        assert!(FULL.contains(&reply.status), "{} {}", reply.status, reply.text);
        let sentence = reply.body["error"].as_str().unwrap_or_default();
        assert!(sentence.contains("disk"), "{sentence}");
        return stored;
    }
    stored
}

#[test]
fn loads_that_fill_the_disk_end_and_the_next_ones_succeed() {
    let host = Host::start(Options::new().disk(DISK));
    host.create_table("small");
    host.post(&insert(0)).ok();
    let before = host.start_job(&load("small", 1));
    assert_eq!(host.job(&before)["status"], "COMPLETE");
    // Space that is freed later.
    host.disk().take(DISK / 8);
    let rows: String = (0..ROWS).map(|id| format!("{id},{}\n", "x".repeat(90))).collect();
    let file = host.file("rows.csv", format!("id,a\n{rows}"));
    let tables = ["a", "b", "c", "d"];
    tables.iter().for_each(|table| host.create_table(table));
    let from_file = |table: &str| json!({"operation": "csv_file_load", "database": "gold", "table": table, "action": "upsert", "file_path": file});
    let jobs: Vec<String> = tables.iter().map(|table| host.start_job(&from_file(table))).collect();
    let failed = eventually("a load to meet the full disk", || {
        jobs.iter().map(|job| host.job_now(job)).find(|row| row["status"] == "ERROR")
    });
    assert!(failed["message"].as_str().is_some_and(|message| message.contains("disk")), "{failed:#}");
    let stored = stored_until_full(&host);
    still_answers(&host, &before);
    // Nothing is kept of a job that cannot be stored.
    let refused = host.post(&load("small", 20_000));
    assert!(FULL.contains(&refused.status), "{} {}", refused.status, refused.text);
    assert_eq!(host.disk().file_names("spool"), [""; 0]);
    host.disk().empty();

    for (table, job) in tables.iter().zip(&jobs) {
        let row = host.job(job);
        if row["status"] == "COMPLETE" {
            assert_eq!(host.count(table), ROWS, "{row:#}");
            continue;
        }
        assert_eq!(row["status"], "ERROR", "{row:#}");
        assert!(row["message"].as_str().is_some_and(|message| message.contains("disk")), "{row:#}");
        // The table contains what the row reports as written.
        assert_eq!(row["tally"]["written"].as_u64().unwrap_or_default(), host.count(table), "{row:#}");
    }
    for id in stored {
        let search = json!({
            "operation": "search_by_id", "database": "gold", "table": "small", "ids": [id], "get_attributes": ["id"],
        });
        assert_eq!(host.post(&search).ok(), json!([{"id": id}]), "an acknowledged record is lost");
    }
    host.post(&insert(1_000_000)).ok();
    for table in tables {
        host.post(&json!({"operation": "drop_table", "database": "gold", "table": table})).ok();
    }
    assert_eq!(host.run(&load("small", 20_000))["status"], "COMPLETE");
}

#[test]
fn jobs_that_wait_while_the_disk_is_full_are_done_once_it_has_room() {
    let options = Options::new().guest("sleeps").set("jobs.workers", 1).set("jobs.cancel_grace_seconds", 0);
    let host = Host::start(options.disk(DISK));
    host.create_table("small");
    host.post(&insert(0)).ok();
    let sleeper = host.start_job(&json!({"operation": "sleep"}));
    host.job_when(&sleeper, "the start", |row| row["phase"] == "running");
    let jobs: Vec<String> = (0..20).map(|_| host.start_job(&load("small", 3))).collect();
    host.disk().fill();
    stored_until_full(&host);
    // The cancel request cannot be stored at first. The client is told so and retries.
    let cancel = json!({"operation": "cancel_job", "id": sleeper});
    let reply = host.post(&cancel);
    assert!(reply.status == 200 || FULL.contains(&reply.status), "{} {}", reply.status, reply.text);
    let told = reply.status == 200;
    host.disk().empty();
    if !told {
        host.post(&cancel).ok();
    }
    assert_eq!(host.job(&sleeper)["status"], "CANCELLED");
    for job in &jobs {
        assert_eq!(host.job(job)["status"], "COMPLETE");
    }
}
