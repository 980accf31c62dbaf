//! Operations whose client waits for the outcome: what the client receives, and that such a run changes nothing.

use jobhost_tests::{Host, Options};
use serde_json::{Value, json};

fn start(options: Options) -> Host {
    let host = Host::start(options.guest("answers").set("grants.answers", "insert *, write-file *"));
    host.create_table("t");
    host
}

fn request(mode: &str) -> Value {
    json!({"operation": "answer_now", "mode": mode})
}

#[test]
fn the_client_receives_the_result_or_the_failure() {
    let host = start(Options::new());
    assert_eq!(host.post(&request("hello")).ok(), json!({"mode": "hello"}));
    assert_eq!(host.post(&request("nothing")).ok(), json!({}));
    assert_eq!(host.post(&request("fail")).refused(400), "no, on purpose");
    for (mode, part) in [
        ("fail inside", "no, on purpose"),
        ("trap", "gave up"),
        ("no json", "cannot be stored"),
        ("large", "sandbox.result_bytes"),
    ] {
        let reply = host.post(&request(mode));
        assert_eq!((reply.status, &reply.body["kind"]), (500, &json!("plugin")), "{mode}: {}", reply.text);
        assert!(reply.text.contains("answers@0.1.0"), "{mode}: {}", reply.text);
        assert!(mode == "trap" || reply.text.contains(part), "{mode}: {}", reply.text);
    }
    let jobs = json!({"operation": "search_jobs_by_start_date", "from_date": "2020-01-01", "to_date": "2100-01-01"});
    assert_eq!(host.post(&jobs).ok(), json!([]), "there are no jobs");
}

#[test]
fn a_run_without_a_job_cannot_write() {
    let host = start(Options::new());
    for mode in ["plan a right", "plan a sink"] {
        let told = host.post(&request(mode)).refused(500);
        assert!(told.contains("only a job can write"), "{mode}: {told}");
    }
    assert_eq!(host.post(&request("write")).ok(), json!([true, "ErrorKind::Denied", "ErrorKind::Denied"]));
    assert_eq!(host.count("t"), 0);
}

#[test]
fn a_run_without_a_job_ends_in_time() {
    let host = start(Options::new().set("sandbox.outcome_seconds", 1));
    let told = host.post(&request("spin")).refused(400);
    assert!(told.contains("sandbox.outcome_seconds"), "{told}");
    assert_eq!(host.post(&request("hello")).ok(), json!({"mode": "hello"}));
}
