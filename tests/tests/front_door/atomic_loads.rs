//! A load is all or nothing: no client ever sees a part of it, whatever ends it, and the space of a failed one is used again.

use jobhost_tests::csv_text::numbered;
use jobhost_tests::{Host, Options};
use serde_json::{Value, json};

const ROWS: u64 = 600_000;

fn load(file: &str, more: Value) -> Value {
    let mut request = json!({"operation": "csv_file_load", "database": "gold", "table": "t", "file_path": file});
    if let (Some(request), Some(more)) = (request.as_object_mut(), more.as_object()) {
        request.extend(more.clone());
    }
    request
}

/// Waits until the job has stored this many records, or has ended.
fn when_received(host: &Host, id: &str, records: u64) -> Value {
    let enough = |row: &Value| row["tally"]["received"].as_u64() >= Some(records) || row["status"] != "IN_PROGRESS";
    host.job_when(id, "the first groups", enough)
}

/// Checks that clients see none of the records: neither by a scan, nor by a key, nor in a count.
#[track_caller]
fn assert_nothing_visible(host: &Host) {
    assert_eq!(host.count("t"), 0);
    let by_id = json!({"operation": "search_by_id", "database": "gold", "table": "t", "ids": [1, 2, 3],
        "get_attributes": ["id"]});
    assert_eq!(host.post(&by_id).ok(), json!([]));
    let described = host.post(&json!({"operation": "describe_table", "database": "gold", "table": "t"})).ok();
    assert_eq!(described["record_count"], 0, "{described:#}");
    let names = described["attributes"].as_array().expect("attributes");
    assert!(names.iter().all(|attribute| attribute["attribute"] != "name"), "{described:#}");
}

/// Loads the file from its start, which must succeed and need no more space than the first attempt did.
#[track_caller]
fn assert_loads_whole(host: &Host, file: &str) {
    let row = host.run(&load(file, json!({})));
    assert_eq!(row["message"], format!("successfully loaded {ROWS} of {ROWS} records"), "{row:#}");
    assert_eq!(host.count("t"), ROWS);
}

fn size_of_store(host: &Host) -> u64 {
    std::fs::metadata(host.data().join("store/data.mdb")).expect("the store").len()
}

#[test]
fn a_load_that_is_killed_is_never_visible_in_part() {
    let mut host = Host::start(Options::new());
    host.create_table("t");
    let file = host.file("rows.csv", numbered(ROWS));
    let id = host.start_job(&load(&file, json!({})));
    for part in 1..4 {
        let row = when_received(&host, &id, part * ROWS / 6);
        if row["status"] != "IN_PROGRESS" {
            break;
        }
        assert_eq!((&row["tally"]["written"], &row["tally"]["skipped"]), (&json!(0), &json!(0)), "{row:#}");
        host.kill();
        host.restart();
        if host.job_now(&id)["status"] == "IN_PROGRESS" {
            let count = host.count("t");
            assert!(count == 0 || count == ROWS, "{count} records of {ROWS} are visible");
        }
    }
    let row = host.job(&id);
    assert_eq!(row["message"], format!("successfully loaded {ROWS} of {ROWS} records"), "{row:#}");
    assert_eq!(host.count("t"), ROWS);
}

#[test]
fn a_cancelled_load_leaves_nothing_and_its_space_is_used_again() {
    let host = Host::start(Options::new());
    host.create_table("t");
    let file = host.file("rows.csv", numbered(ROWS));
    let mut cancelled = 0;
    for _ in 0..6 {
        let id = host.start_job(&load(&file, json!({})));
        when_received(&host, &id, ROWS / 2);
        assert_eq!(host.post(&json!({"operation": "cancel_job", "id": id})).status, 200);
        let row = host.job(&id);
        if row["status"] == "COMPLETE" {
            host.post(&json!({"operation": "drop_table", "database": "gold", "table": "t"})).ok();
            host.create_table("t");
            continue;
        }
        cancelled += 1;
        assert_eq!(row["message"], "Job was cancelled by HDB_ADMIN. It changed no records.", "{row:#}");
        assert_nothing_visible(&host);
    }
    assert!(cancelled > 0, "the load ends before it can be cancelled: it needs more rows");
    assert_loads_whole(&host, &file);
    // 40 bytes a record; six loads without reuse would need more than this.
    let size = size_of_store(&host);
    assert!(size < 4 * 50 * ROWS, "{size} bytes");
}

#[test]
fn a_plugin_that_traps_or_fails_leaves_nothing() {
    let host = Host::start(Options::new().guest("acts").set("grants.acts", "insert gold.t"));
    host.create_table("t");
    let records: Vec<Value> = (0..1000).map(|id| json!({"id": id, "a": id})).collect();
    let plan = json!({"tables": [["gold.t", "insert"]], "autocommit": false});
    let act = |last: &str| {
        json!({"operation": "act", "plan": plan, "steps": [
            ["write", "gold.t", "insert", records], ["flush"],
            ["write", "gold.t", "insert", [{"id": 1}, {"id": "last"}]], [last],
        ]})
    };
    let row = host.run(&act("abort"));
    assert_eq!(row["status"], "ERROR", "{row:#}");
    assert_eq!(row["tally"]["received"], 1000, "{row:#}");
    assert_eq!(row["tally"]["written"], 0, "{row:#}");
    assert_nothing_visible(&host);
    let row = host.run(&act("flush"));
    assert_eq!(row["status"], "COMPLETE", "{row:#}");
    let tally = |name: &str| row["tally"][name].as_u64();
    assert_eq!((tally("received"), tally("written"), tally("skipped")), (Some(1002), Some(1001), Some(1)), "{row:#}");
    assert_eq!(host.count("t"), 1001);
}

#[test]
fn a_problem_in_the_last_row_leaves_nothing() {
    let host = Host::start(Options::new());
    host.create_table("t");
    let good = host.file("good.csv", numbered(ROWS));
    let bad = host.file("bad.csv", format!("{}\"unclosed", numbered(ROWS)));
    let row = host.run(&load(&bad, json!({})));
    assert_eq!((&row["status"], &row["tally"]["rejected"]), (&json!("ERROR"), &json!(1)), "{row:#}");
    assert_nothing_visible(&host);
    assert_loads_whole(&host, &good);
}

#[test]
fn a_load_that_is_not_atomic_is_visible_while_it_runs() {
    let host = Host::start(Options::new());
    host.create_table("t");
    let file = host.file("rows.csv", numbered(ROWS));
    let id = host.start_job(&load(&file, json!({"atomic": false})));
    host.job_when(&id, "the first records", |row| row["tally"]["written"].as_u64() > Some(0));
    assert!(host.count("t") > 0);
    assert_eq!(host.job(&id)["message"], format!("successfully loaded {ROWS} of {ROWS} records"));
    // Its second pass begins only if the first one has found no problem.
    let bad = host.file("bad.csv", format!("id\n{}\"unclosed", "x\n".repeat(1000)));
    assert_eq!(host.run(&load(&bad, json!({"atomic": false})))["status"], "ERROR");
    assert_eq!(host.count("t"), ROWS);
    for value in [json!("no"), json!(0), json!([])] {
        let told = host.post(&load(&file, json!({"atomic": value}))).refused(400);
        assert!(told.contains("'atomic' must be true or false"), "{told}");
    }
}

#[test]
fn loads_with_the_same_keys_at_once_are_merged_when_they_end() {
    let host = Host::start(Options::new().set("jobs.workers", 4));
    host.create_table("t");
    let file = host.file("rows.csv", numbered(ROWS));
    let actions = ["insert", "insert", "upsert", "upsert"];
    let jobs: Vec<String> =
        actions.iter().map(|action| host.start_job(&load(&file, json!({"action": action})))).collect();
    let rows: Vec<Value> = jobs.iter().map(|id| host.job(id)).collect();
    assert!(rows.iter().all(|row| row["status"] == "COMPLETE"), "{rows:#?}");
    assert_eq!(host.count("t"), ROWS);
    let figure = |row: &Value, name: &str| row["tally"][name].as_u64().unwrap_or_default();
    for (row, action) in rows.iter().zip(actions) {
        assert_eq!(figure(row, "written") + figure(row, "skipped"), ROWS, "{row:#}");
        assert!(action == "insert" || figure(row, "written") == ROWS, "{row:#}");
    }
    let ids = json!({"operation": "search_by_id", "database": "gold", "table": "t", "ids": [1, ROWS / 2, ROWS],
        "get_attributes": ["id"]});
    assert_eq!(host.post(&ids).ok(), json!([{"id": 1}, {"id": ROWS / 2}, {"id": ROWS}]));
}
