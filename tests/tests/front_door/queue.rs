//! The queue is limited: a job that does not fit is refused immediately and leaves nothing behind, a job that fits is
//! run.

use jobhost_tests::{Host, Login, Options, eventually};
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
    host.job_when(&running, "the start", |row| row["phase"] == "running");
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
        assert_eq!(host.job_now(id)["phase"], "queued");
    }
    // Other operations continue to work.
    host.insert("t", json!([{"id": "other"}]));
    assert_eq!(host.send(&Login::Nobody, "GET", "/health", None, b"").status, 200);

    // A crash loses none of the accepted jobs. With two workers, they get past the sleeper.
    host.kill();
    host.restart_with(|options| options.set("jobs.workers", 2).set("sandbox.wall_seconds", 2));
    for id in &accepted {
        assert_eq!(host.job(id)["status"], "COMPLETE");
    }
    let row = host.job(&running);
    assert_eq!(row["status"], "ERROR", "{row:#}");
    assert_eq!(host.count("t"), accepted.len() as u64 + 1);
}

/// The statuses that Harper's clients know. They treat any other status as a failure.
#[track_caller]
fn polled_as_documented(host: &Host, id: &str) -> bool {
    let row = host.job_now(id);
    assert!(row["start_datetime"].is_u64() && row["created_datetime"].is_u64(), "{row:#}");
    match row["status"].as_str() {
        Some("IN_PROGRESS") => false,
        Some("COMPLETE") => true,
        _ => panic!("a client gives up on {row:#}"),
    }
}

#[test]
fn clients_see_jobs_that_wait_in_a_full_queue_as_in_progress() {
    let options = Options::new().guest("sleeps").set("jobs.workers", 1).set("jobs.max_queued", QUEUED);
    let mut host = Host::start(options.set("jobs.cancel_grace_seconds", 0));
    host.create_table("t");
    let blocker = host.start_job(&sleep());
    host.job_when(&blocker, "the start", |row| row["phase"] == "running");
    let from = "2020-01-01";
    let jobs: Vec<String> = (0..)
        .map(|id| host.post(&load(id)))
        .map_while(|reply| Some(reply.body["job_id"].as_str()?.to_owned()))
        .collect();
    for _ in 0..20 {
        for id in &jobs {
            assert!(!polled_as_documented(&host, id), "it cannot have run yet");
            assert_eq!(host.job_now(id)["phase"], "queued");
        }
    }
    let search = json!({"operation": "search_jobs_by_start_date", "from_date": from, "to_date": "2200-01-01"});
    let found = host.post(&search).ok();
    let found: Vec<_> = found.as_array().expect("rows").iter().map(|row| row["status"].as_str()).collect();
    assert_eq!(found, vec![Some("IN_PROGRESS"); jobs.len() + 1]);

    // Neither a crash nor the end of the previous jobs shows another status.
    host.kill();
    host.restart();
    for id in &jobs {
        eventually("the end of a job", || polled_as_documented(&host, id).then_some(()));
        let row = host.job_now(id);
        assert!(row.get("phase").is_none(), "{row:#}");
    }
}

#[test]
fn many_concurrent_jobs_are_all_run() {
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
