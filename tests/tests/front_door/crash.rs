//! The host may crash at any time: nothing acknowledged is lost or duplicated, and every job ends.

use std::sync::atomic::{AtomicU64, Ordering};

use jobhost_tests::csv_text::numbered;
use jobhost_tests::{Host, Options, eventually};
use rustix::process::Signal;
use serde_json::{Value, json};

const ROWS: u64 = 400_000;

fn load(host: &Host) -> Value {
    host.create_table("t");
    let path = host.file("large.csv", numbered(ROWS));
    json!({"operation": "csv_file_load", "database": "gold", "table": "t", "file_path": path})
}

/// Checks that the job is complete with every row stored once, or failed with an error that says that it was
/// interrupted.
#[track_caller]
fn assert_ended_well(host: &Host, row: &Value) {
    let message = row["message"].as_str().unwrap_or_else(|| panic!("no message in {row:#}"));
    println!("attempt {}: {message}", row["attempt"]);
    if row["status"] == "COMPLETE" {
        assert_eq!(message, format!("successfully loaded {ROWS} of {ROWS} records"));
        assert_eq!(host.count("t"), ROWS);
        let last = json!({"operation": "search_by_id", "database": "gold", "table": "t",
            "ids": [1, ROWS / 2, ROWS], "get_attributes": ["id"]});
        assert_eq!(host.post(&last).ok(), json!([{"id": 1}, {"id": ROWS / 2}, {"id": ROWS}]));
    } else {
        assert!(message.contains("interrupted"), "{message}");
    }
}

#[track_caller]
fn assert_nothing_runs(host: &Host) {
    let all = json!({"operation": "search_jobs_by_start_date", "from_date": "2020-01-01", "to_date": "2099-01-01"});
    for row in host.post(&all).ok().as_array().expect("rows") {
        assert!(["COMPLETE", "ERROR"].contains(&row["status"].as_str().expect("a status")), "{row:#}");
    }
}

#[test]
fn a_load_survives_kill_after_kill() {
    let mut host = Host::start(Options::new());
    let id = host.start_job(&load(&host));
    let running = |row: &Value| row["phase"] != "queued";
    // Kills at the start, with the first rows written, and some time later. If the job ends before a kill, the kill
    // hits an idle host, and the checks that follow must hold nevertheless.
    host.job_when(&id, "the start", running);
    host.kill();
    host.restart();
    eventually("the first rows", || {
        let ended = matches!(host.job_now(&id)["status"].as_str(), Some("COMPLETE" | "ERROR"));
        (ended || host.count("t") > 0).then_some(())
    });
    host.kill();
    host.restart();
    host.job_when(&id, "the start of another attempt", running);
    host.kill();
    host.restart();
    let row = host.job(&id);
    assert_ended_well(&host, &row);
    assert_nothing_runs(&host);
}

#[test]
fn a_load_that_makes_progress_is_resumed_as_often_as_it_takes() {
    const ROWS: u64 = 12_000_000;
    const KILLS: u32 = 7;
    let mut host = Host::start(Options::new());
    host.create_table("t");
    let path = host.file("long.csv", numbered(ROWS));
    let id =
        host.start_job(&json!({"operation": "csv_file_load", "database": "gold", "table": "t", "file_path": path}));
    let (mut received, mut killed) = (0, 0);
    while killed < KILLS {
        let row = host.job_when(&id, "further rows", |row| {
            row["status"] == "COMPLETE"
                || row["status"] == "ERROR"
                || row["tally"]["received"].as_u64() > Some(received)
        });
        if row["status"] != "IN_PROGRESS" {
            break;
        }
        received = row["tally"]["received"].as_u64().expect("a number");
        host.kill();
        host.restart();
        killed += 1;
    }
    let row = host.job(&id);
    assert_eq!(row["status"], "COMPLETE", "after {killed} kills: {row:#}");
    assert_eq!(row["message"], format!("successfully loaded {ROWS} of {ROWS} records"));
    assert_eq!((host.count("t"), row["tally"]["received"].as_u64()), (ROWS, Some(ROWS)));
    // Must exceed the attempts that a job without progress has, or the test shows nothing.
    assert!(killed > 6, "the load ended after {killed} kills, at {received} of {ROWS} rows: it needs more rows");
}

#[test]
fn a_graceful_stop_interrupts_a_load_and_the_next_start_ends_it() {
    let mut host = Host::start(Options::new());
    let id = host.start_job(&load(&host));
    host.job_when(&id, "the start", |row| row["phase"] != "queued");
    assert!(host.stop().success(), "SIGTERM is not a failure");
    host.restart();
    let row = host.job(&id);
    assert_eq!(row["status"], "COMPLETE", "{row:#}");
    assert_ended_well(&host, &row);
    assert_nothing_runs(&host);
}

#[test]
fn queued_jobs_survive_a_kill() {
    let mut host = Host::start(Options::new().set("jobs.workers", 1));
    let mut ids = vec![host.start_job(&load(&host))];
    for id in 0..20 {
        let data = format!("id,a\nq{id},x\n");
        ids.push(
            host.start_job(&json!({"operation": "csv_data_load", "database": "gold", "table": "t", "data": data})),
        );
    }
    host.kill();
    host.restart();
    for id in &ids[1..] {
        let row = host.job(id);
        assert_eq!(row["message"], "successfully loaded 1 of 1 records", "{row:#}");
    }
    assert_ne!(host.job(&ids[0])["status"], "IN_PROGRESS");
    assert_nothing_runs(&host);
}

#[test]
fn acknowledged_records_survive_a_kill() {
    let mut host = Host::start(Options::new());
    host.create_table("t");
    let acknowledged = AtomicU64::new(0);
    std::thread::scope(|scope| {
        let client = (*host).clone();
        let acknowledged = &acknowledged;
        scope.spawn(move || {
            for id in 1.. {
                let request =
                    json!({"operation": "insert", "database": "gold", "table": "t", "records": [{"id": id, "n": id}]});
                let body = request.to_string();
                let reply = client.try_send(client.admin(), "POST", "/", Some("application/json"), body.as_bytes());
                match reply {
                    Ok(reply) if reply.status == 200 => acknowledged.store(id, Ordering::SeqCst),
                    _ => return,
                }
            }
        });
        eventually("some acknowledged records", || (acknowledged.load(Ordering::SeqCst) >= 100).then_some(()));
        host.kill();
    });
    let acknowledged = acknowledged.load(Ordering::SeqCst);
    host.restart();
    let rows = host.rows("t");
    let count = rows.len() as u64;
    assert!(count == acknowledged || count == acknowledged + 1, "{count} records, {acknowledged} acknowledged");
    for (id, row) in (1..).zip(&rows) {
        assert_eq!(row, &json!({"id": id, "n": id}));
    }
}

#[test]
fn a_stop_with_nothing_to_do_is_quick_and_clean() {
    let mut host = Host::start(Options::new());
    assert!(host.stop().success());
    host.restart();
    assert!(host.is_running());
    assert!(host.stop_by(Signal::INT).success());
}
