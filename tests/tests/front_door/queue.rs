//! The queue is bounded: what does not fit is refused at once and leaves nothing, what fits is run.

use jobhost_tests::{Host, Login, Options};
use serde_json::{Value, json};

const QUEUED: usize = 3;

fn sleep() -> Value {
    json!({"operation": "sleep"})
}

fn load(id: usize) -> Value {
    json!({"operation": "csv_data_load", "database": "gold", "table": "t", "data": format!("id\n{id}\n")})
}

#[test]
fn a_full_queue_refuses_with_retry_after() {
    let options = Options::new().guest("sleeps").set("jobs.workers", 1).set("jobs.max_queued", QUEUED);
    let mut host = Host::start(options.set("sandbox.wall_seconds", 600));
    host.create_table("t");
    let running = host.start_job(&sleep());
    host.job_when(&running, "the start", |row| row["status"] == "IN_PROGRESS");
    let mut accepted = Vec::new();
    let refused = loop {
        assert!(accepted.len() <= QUEUED, "{} jobs are queued, {QUEUED} is the limit", accepted.len());
        let reply = host.post(&load(accepted.len()));
        if reply.status != 200 {
            break reply;
        }
        accepted.push(reply.body["job_id"].as_str().expect("a job").to_owned());
    };
    assert!(accepted.len() + 1 >= QUEUED, "only {} jobs were queued", accepted.len());
    let seconds: u64 =
        refused.header("retry-after").and_then(|value| value.parse().ok()).expect("Retry-After in seconds");
    assert!((1..=3600).contains(&seconds));
    let sentence = refused.refused(429);
    assert!(sentence.contains("jobs.max_queued") || sentence.contains(&QUEUED.to_string()), "{sentence}");
    for id in &accepted {
        assert_eq!(host.job_now(id)["status"], "CREATED");
    }
    // Everything else goes on.
    host.insert("t", json!([{"id": "other"}]));
    assert_eq!(host.send(&Login::Nobody, "GET", "/health", None, b"").status, 200);

    // A crash loses none of what was accepted; with two workers they get past the sleeper.
    host.kill();
    host.restart_with(|options| options.set("jobs.workers", 2).set("sandbox.wall_seconds", 2));
    for id in &accepted {
        assert_eq!(host.job(id)["status"], "COMPLETE");
    }
    let row = host.job(&running);
    assert_eq!(row["status"], "ERROR", "{row:#}");
    assert_eq!(host.count("t"), accepted.len() as u64 + 1);
}

#[test]
fn many_jobs_at_once_are_all_run() {
    let host = Host::start(Options::new().set("jobs.workers", 4));
    host.create_table("t");
    const CLIENTS: usize = 8;
    const JOBS: usize = 25;
    let ids: Vec<String> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let host = &*host;
                scope.spawn(move || (0..JOBS).map(|job| host.start_job(&load(client * JOBS + job))).collect::<Vec<_>>())
            })
            .collect();
        clients.into_iter().flat_map(|client| client.join().expect("a client")).collect()
    });
    for id in &ids {
        let row = host.job(id);
        assert_eq!(row["message"], "successfully loaded 1 of 1 records", "{row:#}");
    }
    assert_eq!(host.count("t"), (CLIENTS * JOBS) as u64);
}
