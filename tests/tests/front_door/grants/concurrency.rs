//! A grant may limit how many jobs of a plugin run at once. Further jobs wait without occupying a worker.

use jobhost_tests::{Host, Options};
use serde_json::{Value, json};

const JOBS: usize = 4;

fn start() -> Host {
    let options = Options::new().guest("sleeps").set("grants.sleeps", "concurrency 1");
    Host::start(options.set("jobs.workers", 4).set("jobs.cancel_grace_seconds", 0))
}

fn sleep(host: &Host) -> String {
    host.start_job(&json!({"operation": "sleep"}))
}

fn cancel(host: &Host, id: &str) -> Value {
    host.post(&json!({"operation": "cancel_job", "id": id})).ok();
    host.job(id)
}

/// Returns which of these jobs run.
fn running(host: &Host, ids: &[String]) -> Vec<String> {
    ids.iter().filter(|id| host.job_now(id)["phase"] == "running").cloned().collect()
}

#[track_caller]
fn is_running(host: &Host, id: &str) {
    host.job_when(id, "the start", |row| row["phase"] == "running");
}

#[test]
fn jobs_of_a_plugin_run_one_after_the_other_while_others_run() {
    let host = start();
    let ids: Vec<String> = (0..JOBS).map(|_| sleep(&host)).collect();
    for index in 0..JOBS {
        is_running(&host, &ids[index]);
        // Other jobs use the free workers.
        for _ in 0..3 {
            host.serves_others();
            assert_eq!(running(&host, &ids), [ids[index].clone()], "one at a time, in order of arrival");
        }
        assert_eq!(cancel(&host, &ids[index])["status"], "CANCELLED");
    }
    host.serves_others();
}

#[test]
fn a_job_that_waits_for_its_plugin_can_be_cancelled() {
    let host = start();
    let (first, second, third) = (sleep(&host), sleep(&host), sleep(&host));
    is_running(&host, &first);
    let row = cancel(&host, &second);
    assert_eq!(row["status"], "CANCELLED", "{row:#}");
    assert_eq!(row["message"], "Job was cancelled by HDB_ADMIN. It had not started.");
    assert_eq!(running(&host, &[first.clone(), third.clone()]), std::slice::from_ref(&first));
    assert_eq!(cancel(&host, &first)["status"], "CANCELLED");
    is_running(&host, &third);
    assert_eq!(host.job_now(&second), row, "it stays as it is");
    cancel(&host, &third);
}

#[test]
fn jobs_that_wait_for_their_turn_do_not_fill_the_queue_permanently() {
    let options = Options::new().guest("sleeps").set("grants.sleeps", "concurrency 1").set("jobs.max_queued", 3);
    let host = Host::start(options.set("jobs.workers", 2).set("jobs.cancel_grace_seconds", 0));
    let first = sleep(&host);
    is_running(&host, &first);
    let aside: Vec<String> = (0..3).map(|_| sleep(&host)).collect();
    let full = host.post(&json!({"operation": "sleep"}));
    assert_eq!(full.status, 429, "{}", full.text);
    for id in &aside {
        assert_eq!(cancel(&host, id)["status"], "CANCELLED");
    }
    // A waiting job that ends frees its place in the queue.
    let again = sleep(&host);
    cancel(&host, &first);
    is_running(&host, &again);
    cancel(&host, &again);
}

#[test]
fn the_limit_also_holds_after_a_crash() {
    let mut host = start();
    let ids: Vec<String> = (0..JOBS).map(|_| sleep(&host)).collect();
    is_running(&host, &ids[0]);
    host.kill();
    host.restart();
    // The job that ran may have ended with the host. One of the others runs.
    let mut left: Vec<String> = ids;
    while !left.is_empty() {
        let running_now = jobhost_tests::eventually("one of the jobs to run or to end", || {
            left.retain(|id| host.job_now(id)["status"] == "IN_PROGRESS");
            let now = running(&host, &left);
            (left.is_empty() || !now.is_empty()).then_some(now)
        });
        host.serves_others();
        assert!(running_now.len() <= 1 && running(&host, &left).len() <= 1, "{running_now:?}");
        if let Some(id) = running_now.first() {
            cancel(&host, id);
        }
    }
}
