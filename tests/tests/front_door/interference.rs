//! Jobs that compete with each other and with changes of tables: every record is counted once, and dropped data does
//! not reappear.

use jobhost_tests::csv_text::numbered;
use jobhost_tests::{Host, Options, eventually};
use serde_json::{Value, json};

fn load(path: &str) -> Value {
    json!({"operation": "csv_file_load", "database": "gold", "table": "t", "file_path": path})
}

#[test]
fn concurrent_loads_of_the_same_records_write_each_once() {
    const ROWS: u64 = 50_000;
    let host = Host::start(Options::new().set("jobs.workers", 3));
    host.create_table("t");
    let path = host.file("rows.csv", numbered(ROWS));
    let ids: Vec<String> = (0..3).map(|_| host.start_job(&load(&path))).collect();
    let mut written = 0;
    for id in ids {
        let row = host.job(&id);
        assert_eq!(row["status"], "COMPLETE", "{row:#}");
        assert_eq!(row["tally"]["received"], ROWS, "{row:#}");
        written += row["tally"]["written"].as_u64().expect("a number");
    }
    assert_eq!((written, host.count("t")), (ROWS, ROWS));
}

#[test]
fn a_table_that_is_dropped_during_a_load_stays_dropped() {
    let host = Host::start(Options::new());
    host.create_table("t");
    let path = host.file("rows.csv", numbered(400_000));
    let id = host.start_job(&load(&path));
    let ended = || matches!(host.job_now(&id)["status"].as_str(), Some("COMPLETE" | "ERROR"));
    eventually("the first rows", || (ended() || host.count("t") > 0).then_some(()));
    let drop = json!({"operation": "drop_table", "database": "gold", "table": "t"});
    assert_eq!(host.post(&drop).ok()["message"], "successfully deleted table 'gold.t'");
    host.create_table("t");
    let row = host.job(&id);
    if row["status"] == "ERROR" {
        let message = row["message"].as_str().expect("a message");
        assert!(message.contains("gold.t"), "{message}");
    }
    assert_eq!(host.count("t"), 0, "rows of the dropped table are in the new one: {row:#}");
    assert_eq!(host.rows("t"), Vec::<Value>::new());
}

#[test]
fn a_full_store_fails_the_job_and_nothing_else() {
    let host = Host::start(Options::new().set("data.max_bytes", 8 * 1024 * 1024));
    host.create_table("t");
    host.create_table("kept");
    host.insert("kept", json!([{"id": 1, "a": "x"}]));
    let path = host.file("rows.csv", numbered(1_000_000));
    let row = host.run(&load(&path));
    assert_eq!(row["status"], "ERROR", "{row:#}");
    let message = row["message"].as_str().expect("a message");
    assert!(message.contains("data.max_bytes"), "{message}");
    assert_eq!(host.rows("kept"), [json!({"id": 1, "a": "x"})]);
    host.post(&json!({"operation": "drop_table", "database": "gold", "table": "t"})).ok();
    host.create_table("t");
    let path = host.file("few.csv", numbered(1000));
    assert_eq!(host.run_ok(&load(&path)), "successfully loaded 1000 of 1000 records");
}
