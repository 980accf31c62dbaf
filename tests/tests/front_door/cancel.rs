//! Owners and administrators can end a job, and its row reports this permanently.

use jobhost_tests::{Host, Login, Options, eventually};
use serde_json::{Value, json};

fn cancel(host: &Host, id: &str) -> Value {
    host.post(&json!({"operation": "cancel_job", "id": id})).ok()
}

fn running(host: &Host, request: &Value) -> String {
    let id = host.start_job(request);
    host.job_when(&id, "the start", |row| row["phase"] == "running");
    id
}

#[test]
fn a_waiting_job_is_cancelled_immediately_and_permanently() {
    let host = Host::start(Options::new().guest("sleeps").set("jobs.workers", 1).set("jobs.cancel_grace_seconds", 0));
    host.create_table("t");
    let blocker = running(&host, &json!({"operation": "sleep"}));
    let load = json!({"operation": "csv_data_load", "database": "gold", "table": "t", "data": "id\n1\n"});
    let waiting = host.start_job(&load);
    let told = cancel(&host, &waiting);
    assert_eq!(told["status"], "CANCELLED", "{told}");
    let row = host.job_now(&waiting);
    assert_eq!(row["message"], "Job was cancelled by HDB_ADMIN. It had not started.", "{row:#}");
    assert!(row["end_datetime"].is_number() && row["cancel_requested"]["by"] == "HDB_ADMIN", "{row:#}");
    assert_eq!(cancel(&host, &waiting)["status"], "CANCELLED", "asking again changes nothing");
    cancel(&host, &blocker);
    assert_eq!(host.job(&blocker)["status"], "CANCELLED");
    // The worker is free again, and the job stays cancelled.
    host.run_ok(&load);
    assert_eq!(host.job_now(&waiting), row);
    assert_eq!(host.rows("t").len(), 1);
}

#[test]
fn a_guest_that_does_not_listen_is_stopped_after_its_grace() {
    for (guest, operation) in [("spins", "spin"), ("sleeps", "sleep")] {
        let host = Host::start(Options::new().guest(guest).set("jobs.cancel_grace_seconds", 1));
        let id = running(&host, &json!({"operation": operation}));
        let told = cancel(&host, &id);
        assert!(["IN_PROGRESS", "CANCELLED"].contains(&told["status"].as_str().expect("a status")), "{told}");
        let row = host.job(&id);
        assert_eq!(row["status"], "CANCELLED", "{row:#}");
        assert_eq!(row["message"], "Job was cancelled by HDB_ADMIN. It changed no records.");
        assert!(row["usage"].is_object(), "what it took is told: {row:#}");
    }
}

#[test]
fn a_cancelled_load_that_is_not_atomic_reports_what_it_had_written() {
    let host = Host::start(Options::new());
    host.create_table("t");
    let text: String = std::iter::once("id,text\n".to_owned())
        .chain((0..2_000_000).map(|number| format!("{number},some text to make it longer {number}\n")))
        .collect();
    let path = host.file("large.csv", text);
    let request = json!({
        "operation": "csv_file_load", "database": "gold", "table": "t", "file_path": path, "atomic": false,
    });
    let id = host.start_job(&request);
    host.job_when(&id, "the first records", |row| {
        row["tally"]["written"].as_u64() > Some(0) || row["status"] != "IN_PROGRESS"
    });
    cancel(&host, &id);
    let row = host.job(&id);
    let written = row["tally"]["written"].as_u64().expect("a tally");
    match row["status"].as_str() {
        Some("CANCELLED") => {
            let expected = format!("Job was cancelled by HDB_ADMIN. {written} records already written were kept.");
            assert_eq!(row["message"], expected, "{row:#}");
        }
        // The job may have completed before the request arrived.
        status => assert_eq!(status, Some("COMPLETE"), "{row:#}"),
    }
    let count = host.post(&json!({"operation": "sql", "sql": "SELECT COUNT(*) AS c FROM gold.t"})).ok();
    assert_eq!(count, json!([{"c": written}]));
}

#[test]
fn cancelling_a_finished_job_returns_its_state_and_an_unknown_job_does_not_exist() {
    let host = Host::start(Options::new());
    host.create_table("t");
    let load = json!({"operation": "csv_data_load", "database": "gold", "table": "t", "data": "id\n1\n"});
    let id = host.start_job(&load);
    let row = host.job(&id);
    assert_eq!(cancel(&host, &id)["status"], "COMPLETE");
    assert_eq!(host.job_now(&id), row);
    for (request, status, part) in [
        (json!({"operation": "cancel_job"}), 400, "'id' is required"),
        (json!({"operation": "cancel_job", "id": 5}), 400, "'id' must be a string"),
        (json!({"operation": "cancel_job", "id": "nosuch"}), 404, "job 'nosuch' does not exist"),
    ] {
        let told = host.post(&request).refused(status);
        assert!(told.contains(part), "{told}");
    }
    let role = json!({"operation": "add_role", "role": "reader", "permission": {"super_user": false}});
    host.post(&role).ok();
    let user = json!({"operation": "add_user", "username": "eve", "password": "pw", "role": "reader", "active": true});
    host.post(&user).ok();
    let eve = Login::basic("eve", "pw");
    let told = host.post_as(&eve, &json!({"operation": "cancel_job", "id": id})).refused(404);
    assert!(told.contains("does not exist"), "{told}");
}

#[test]
fn a_request_to_cancel_survives_a_crash() {
    let mut host = Host::start(Options::new().guest("sleeps").set("jobs.cancel_grace_seconds", 600));
    let id = running(&host, &json!({"operation": "sleep"}));
    assert_eq!(cancel(&host, &id)["status"], "IN_PROGRESS");
    host.kill();
    host.restart();
    let row = eventually("the end", || {
        let row = host.job_now(&id);
        (row["status"] != "IN_PROGRESS").then_some(row)
    });
    assert_eq!(row["status"], "CANCELLED", "{row:#}");
}
