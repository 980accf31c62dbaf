//! A large delete: other clients read and write meanwhile, a crash neither loses nor duplicates its count, and its
//! space is reused.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use jobhost_tests::csv_text::numbered;
use jobhost_tests::{Host, Options, eventually};
use serde_json::{Value, json};

const ROWS: u64 = 300_000;

fn load(host: &Host, rows: u64) {
    let path = host.file("rows.csv", numbered(rows));
    let request = json!({"operation": "csv_file_load", "database": "gold", "table": "t", "file_path": path});
    assert_eq!(host.run_ok(&request), format!("successfully loaded {rows} of {rows} records"));
}

fn delete() -> Value {
    json!({"operation": "delete_records_before", "database": "gold", "table": "t", "date": "2099-01-01"})
}

fn deleted(rows: u64) -> String {
    format!("{rows} of {rows} records successfully deleted")
}

#[test]
fn a_delete_survives_a_kill_in_the_middle_and_counts_everything_once() {
    let mut host = Host::start(Options::new());
    host.create_table("t");
    load(&host, ROWS);
    let id = host.start_job(&delete());
    eventually("the first deleted records", || (host.count("t") < ROWS).then_some(()));
    host.kill();
    host.restart();
    let row = host.job(&id);
    assert_eq!((&row["status"], &row["message"]), (&json!("COMPLETE"), &json!(deleted(ROWS))), "{row:#}");
    assert_eq!(host.count("t"), 0);
    assert_eq!(host.sql("SELECT COUNT(*) AS c FROM gold.t"), json!([{"c": 0}]));
    println!("attempts: {}", row["attempt"]);
}

#[test]
fn readers_see_consistent_snapshots_and_writers_make_progress_during_a_delete() {
    let host = Host::start(Options::new());
    host.create_table("t");
    load(&host, ROWS);
    host.create_table("other");
    let id = host.start_job(&delete());
    let (mut last, mut looks) = (ROWS, 0);
    loop {
        let ended = host.job_now(&id)["status"] == "COMPLETE";
        // The oldest records are deleted first, so what is left is always the end of the loaded file.
        let row =
            &host.sql("SELECT COUNT(*) AS c, COUNT(DISTINCT id) AS d, MIN(id) AS lo, MAX(id) AS hi FROM gold.t")[0];
        let count = row["c"].as_u64().expect("a count");
        assert!(count <= last, "records came back: {count} after {last}");
        assert_eq!(row["d"], count, "{row}");
        if count > 0 {
            assert_eq!((row["hi"].as_u64(), row["lo"].as_u64()), (Some(ROWS), Some(ROWS - count + 1)), "{row}");
        }
        host.insert("other", json!([{"id": looks}]));
        (last, looks) = (count, looks + 1);
        if ended {
            break;
        }
    }
    assert_eq!((last, host.count("other")), (0, looks));
    assert_eq!(host.job(&id)["message"], deleted(ROWS));
    println!("looked {looks} times");
}

#[test]
fn the_space_of_deleted_records_is_reused() {
    const LOADED: u64 = 200_000;
    let host = Host::start(Options::new());
    host.create_table("t");
    load(&host, LOADED);
    let before = allocated(&host.data());
    for _ in 0..3 {
        assert_eq!(host.run_ok(&delete()), deleted(LOADED));
        load(&host, LOADED);
    }
    let after = allocated(&host.data());
    assert!(after < before * 3 / 2, "{before} bytes before, {after} after deleting and loading three times");
    assert_eq!(host.count("t"), LOADED);
}

/// Bytes that a directory occupies on disk. Holes in files do not count.
fn allocated(directory: &Path) -> u64 {
    const BLOCK: u64 = 512;
    let entries = std::fs::read_dir(directory).expect("a directory").map(|entry| entry.expect("an entry"));
    let size = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => allocated(&entry.path()),
        Ok(metadata) => metadata.blocks() * BLOCK,
        // A temporary file that was removed meanwhile.
        Err(_) => 0,
    };
    entries.map(size).sum()
}
