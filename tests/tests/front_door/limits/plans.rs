//! A plan must be fast and small, or no job is created. The reply blames the plugin for its own faults: neither the
//! client (4xx) nor a temporary condition (503).

use jobhost_tests::{Host, Login, Options, Reply};
use serde_json::json;

const GRANTS: &str = "insert *,read-file *,write-file *,query *,delete *";

fn start() -> Host {
    let options = Options::new().guest("plans").set("sandbox.plan_milliseconds", 300);
    Host::start(options.set("grants.plans", GRANTS))
}

/// Returns the message of such a reply.
#[track_caller]
fn the_plugin_is_at_fault(reply: Reply) -> String {
    assert_eq!(reply.body["kind"], "plugin", "{} {}", reply.status, reply.text);
    assert!(reply.body["plugin"].as_str().is_some_and(|label| label.starts_with("plans@")), "{}", reply.text);
    let sentence = reply.refused(500);
    assert!(sentence.contains("plans@"), "{sentence}");
    sentence
}

#[track_caller]
fn no_job_exists(host: &Host) {
    let jobs = json!({"operation": "search_jobs_by_start_date", "from_date": "2020-01-01", "to_date": "2099-01-01"});
    let jobs = host.post(&jobs).ok();
    let jobs = jobs.as_array().expect("a list").iter().filter(|job| job["plugin"] != "csv-load@0.1.0");
    assert_eq!(jobs.count(), 0, "a job exists that was never accepted");
}

#[test]
fn a_plan_that_does_not_end_is_refused_within_its_limit() {
    let host = start();
    let sentence = the_plugin_is_at_fault(host.post(&json!({"operation": "plan_forever"})));
    assert!(sentence.contains("sandbox.plan_milliseconds"), "{sentence}");
    no_job_exists(&host);
    // Many clients may try at once, and the host still responds.
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| host.post(&json!({"operation": "plan_forever"})));
        }
        assert_eq!(host.send(&Login::Nobody, "GET", "/health", None, b"").status, 200);
        host.serves_others();
    });
}

#[test]
fn a_plan_that_is_too_large_is_refused() {
    let host = start();
    let before = host.peak_memory();
    for (mode, part) in [
        ("sources", "16"),
        ("sinks", "16"),
        ("queries", "16"),
        ("tables", "64"),
        ("many tables", ""),
        ("panic", "panic"),
    ] {
        let reply = host.post(&json!({"operation": "plan_badly", "mode": mode}));
        assert!(reply.text.len() < 100_000, "{mode}: a reply of {} bytes", reply.text.len());
        let sentence = the_plugin_is_at_fault(reply);
        assert!(sentence.contains(part), "{mode}: {sentence}");
    }
    // The client is to blame for what the plugin says about the request, and for what it passes on from the request.
    for mode in ["query", "refusal"] {
        let reply = host.post(&json!({"operation": "plan_badly", "mode": mode}));
        assert!((400..600).contains(&reply.status), "{mode}: {} {}", reply.status, reply.text);
        assert!(reply.text.len() < 100_000, "{mode}: a reply of {} bytes", reply.text.len());
    }
    no_job_exists(&host);
    let grown = host.peak_memory().saturating_sub(before);
    assert!(grown < 250 * 1024 * 1024, "the host grew by {grown} bytes");
    host.serves_others();
}

#[test]
fn what_the_description_does_not_ask_for_cannot_be_planned() {
    let host = start();
    host.create_table("t0");
    let sentence = the_plugin_is_at_fault(host.post(&json!({"operation": "plan_badly", "mode": "unasked"})));
    for part in ["plans", "delete", "gold.t0", "description"] {
        assert!(sentence.contains(part), "{part} in {sentence}");
    }
    no_job_exists(&host);
}

#[test]
fn a_right_that_is_planned_a_million_times_is_stored_once() {
    let host = start();
    host.create_table("t0");
    let before = host.peak_memory();
    the_plugin_is_at_fault(host.post(&json!({"operation": "plan_badly", "mode": "rights"})));
    no_job_exists(&host);
    assert!(host.peak_memory().saturating_sub(before) < 50 * 1024 * 1024);
}
