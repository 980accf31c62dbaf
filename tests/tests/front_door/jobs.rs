//! The rows of jobs have the form that the API promises.

use jobhost_tests::scan::files_with;
use jobhost_tests::{Host, Options};
use serde_json::{Value, json};

/// The members of a row that clients of the Jobs API read.
const MEMBERS: [&str; 13] = [
    "__createdtime__",
    "__updatedtime__",
    "created_datetime",
    "end_datetime",
    "id",
    "job_body",
    "message",
    "start_datetime",
    "status",
    "type",
    "user",
    "start_datetime_converted",
    "end_datetime_converted",
];

#[track_caller]
fn assert_shape(row: &Value) {
    for member in MEMBERS {
        assert!(row.get(member).is_some(), "no {member} in {row:#}");
    }
    assert_eq!(row["job_body"], Value::Null);
    let at = |member: &str| row[member].as_u64().unwrap_or_else(|| panic!("{member} is no whole number in {row:#}"));
    assert!(at("created_datetime") <= at("start_datetime") && at("start_datetime") <= at("end_datetime"), "{row:#}");
    for member in ["start_datetime_converted", "end_datetime_converted"] {
        let text = row[member].as_str().expect("a date");
        assert!(text.len() == 24 && text.ends_with('Z') && text.as_bytes()[10] == b'T', "{text}");
    }
}

#[test]
fn rows_have_the_promised_members() {
    let host = Host::start(Options::new());
    host.create_table("t");
    let load = |data: &str| json!({"operation": "csv_data_load", "schema": "gold", "table": "t", "data": data});
    let good = host.run(&load("id,a\n1,x\n"));
    let bad = host.run(&load("id,a\n2,\"x\n"));
    assert_shape(&good);
    assert_shape(&bad);
    assert_eq!(
        (&good["type"], &good["user"], &good["status"]),
        (&json!("csv_data_load"), &json!("HDB_ADMIN"), &json!("COMPLETE"))
    );
    assert!(bad["error"].is_object(), "{bad:#}");

    let search = |from: &str, to: &str| {
        host.post(&json!({"operation": "search_jobs_by_start_date", "from_date": from, "to_date": to})).ok()
    };
    let found = search("2020-01-01", "2099-01-01T00:00:00.000Z");
    let ids: Vec<&Value> = found.as_array().expect("rows").iter().map(|row| &row["id"]).collect();
    assert_eq!(ids, [&good["id"], &bad["id"]], "in the order of their start");
    found.as_array().expect("rows").iter().for_each(assert_shape);
    assert_eq!(search("2099-01-01", "2020-01-01"), json!([]));
}

#[test]
fn both_bounds_of_a_search_by_start_are_exclusive() {
    let host = Host::start(Options::new());
    host.create_table("t");
    let row = host.run(&json!({"operation": "csv_data_load", "database": "gold", "table": "t", "data": "id\n1\n"}));
    let start = row["start_datetime_converted"].as_str().expect("a date");
    for (from, to) in [(start, "2099-01-01"), ("2020-01-01", start)] {
        let request = json!({"operation": "search_jobs_by_start_date", "from_date": from, "to_date": to});
        assert_eq!(host.post(&request).ok(), json!([]), "from {from} to {to}, a job that started {start}");
    }
}

#[test]
fn a_finished_row_never_changes() {
    let mut host = Host::start(Options::new());
    host.create_table("t");
    let row = host.run(&json!({"operation": "csv_data_load", "database": "gold", "table": "t", "data": "id\n1\n"}));
    let id = row["id"].as_str().expect("an id").to_owned();
    host.kill();
    host.restart();
    assert_eq!(host.job_now(&id), row);
    assert!(host.stop().success());
    host.restart();
    assert_eq!(host.job_now(&id), row);
}

#[test]
fn rejects_are_shown_for_one_job_and_not_in_a_listing() {
    let mut host = Host::start(Options::new());
    host.create_table("t");
    let data = "id,a\n1,x\n2,\"y\"z\n";
    let row = host.run(&json!({"operation": "csv_data_load", "database": "gold", "table": "t", "data": data}));
    assert_eq!((&row["tally"]["rejected"], &row["rejects"][0]["line"]), (&json!(1), &json!(3)), "{row:#}");
    let search = json!({"operation": "search_jobs_by_start_date", "from_date": "2020-01-01", "to_date": "2099-01-01"});
    let mut listed = host.post(&search).ok()[0].take();
    assert_eq!(listed.get("rejects"), None);
    listed["rejects"] = row["rejects"].clone();
    assert_eq!(listed, row);
    host.kill();
    host.restart();
    assert_eq!(host.job_now(row["id"].as_str().expect("an id")), row);
}

#[test]
fn a_long_listing_has_every_job_once() {
    const CLIENTS: usize = 8;
    const JOBS: usize = 150;
    let host = Host::start(Options::new());
    host.create_table("t");
    let load = json!({"operation": "csv_data_load", "database": "gold", "table": "t", "data": "id\n1\n"});
    let ids: Vec<String> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| scope.spawn(|| (0..JOBS).map(|_| host.start_job(&load)).collect::<Vec<_>>()))
            .collect();
        clients.into_iter().flat_map(|client| client.join().expect("a client")).collect()
    });
    let search = json!({"operation": "search_jobs_by_start_date", "from_date": "2020-01-01", "to_date": "2099-01-01"});
    // While jobs still start, and after all have ended.
    for wait in [false, true] {
        if wait {
            ids.iter().for_each(|id| drop(host.job(id)));
        }
        let reply = host.post(&search);
        assert!(reply.text.len() > 600 * 1024, "{} bytes are sent in one piece", reply.text.len());
        let rows = reply.ok();
        let mut listed: Vec<&str> =
            rows.as_array().expect("rows").iter().map(|row| row["id"].as_str().expect("an id")).collect();
        listed.sort_unstable();
        let mut all: Vec<&str> = ids.iter().map(String::as_str).collect();
        all.sort_unstable();
        assert_eq!(listed, all);
    }
    let starts: Vec<u64> = host
        .post(&search)
        .ok()
        .as_array()
        .expect("rows")
        .iter()
        .map(|row| row["start_datetime"].as_u64().expect("a time"))
        .collect();
    assert!(starts.is_sorted());
}

#[test]
fn an_empty_input_is_reported() {
    let host = Host::start(Options::new());
    host.create_table("t");
    for data in ["", "   ", "\n\n", "id,a\n", "\u{feff}"] {
        let request = json!({"operation": "csv_data_load", "database": "gold", "table": "t", "data": data});
        assert_eq!(host.run_ok(&request), "No records parsed from csv file.", "{data:?}");
    }
    let path = host.file("empty.csv", "");
    let request = json!({"operation": "csv_file_load", "database": "gold", "table": "t", "file_path": path});
    assert_eq!(host.run_ok(&request), "successfully loaded 0 of 0 records");
}

#[test]
fn a_large_payload_is_spooled_and_removed_after_the_job() {
    let mut host = Host::start(Options::new());
    host.create_table("t");
    let words = format!("words-{}", uuid::Uuid::new_v4());
    // No record has an existing key, so nothing of the payload reaches the table.
    let data = format!("id,a\n{}", format!("1,{words}\n").repeat(40_000));
    let request =
        json!({"operation": "csv_data_load", "database": "gold", "table": "t", "action": "update", "data": data});
    let row = host.run(&request);
    assert_eq!(row["message"], "successfully loaded 0 of 40000 records", "{row:#}");
    assert!(!row.to_string().contains(&words));
    let left = files_with(&host.data(), words.as_bytes());
    assert!(left.is_empty(), "the payload of a finished job lies in {left:?}");
    assert!(host.stop().success());
    assert!(!host.log().contains(&words), "the payload is in the log");
}
