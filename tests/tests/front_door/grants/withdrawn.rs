//! A grant that is withdrawn while a job waits.

use jobhost_tests::exports::everything;
use jobhost_tests::{Host, Web};
use serde_json::{Value, json};

use super::{act, start};

#[test]
fn a_job_that_waits_is_not_run_on_a_grant_that_is_gone() {
    let web = Web::start();
    let all = "insert gold.t,query gold.t,read-file *,write-file *,fetch-url *";
    let mut host = start(|options| {
        let options = options.guest("sleeps").set("jobs.workers", 1).set("jobs.cancel_grace_seconds", 0);
        options.set("urls.allow", web.address()).set("grants.acts", all)
    });
    let blocker = host.start_job(&json!({"operation": "sleep"}));
    host.job_when(&blocker, "the start", |row| row["phase"] == "running");
    let file = host.file("in.csv", "id\n1\n");
    let plans = [
        ("insert", json!({"tables": [["gold.t", "insert"]]})),
        ("query", json!({"queries": [everything("t")]})),
        ("fetch-url", json!({"sources": [web.url("/ok.csv")]})),
        ("write-file", json!({"sinks": [[host.exports(), "out.txt"]]})),
        ("read-file", json!({"sources": [file]})),
    ];
    let steps = json!([["write", "gold.t", "insert"], ["query", 0], ["open", 0], ["create", 0]]);
    let ids: Vec<(&str, String)> =
        plans.into_iter().map(|(word, plan)| (word, host.start_job(&act(plan, steps.clone())))).collect();
    host.kill();
    // Another grant remains, so that the missing one is decisive.
    host.restart_with(|options| options.set("grants.acts", "delete *"));
    host.post(&json!({"operation": "cancel_job", "id": blocker})).ok();
    for (word, id) in &ids {
        ended_for_want_of(&host, id, word);
    }
    assert_eq!(host.count("t"), 1);
    assert_eq!(host.exported(), [""; 0]);
    assert!(web.seen().is_empty(), "{:?}", web.seen());
}

#[track_caller]
fn ended_for_want_of(host: &Host, id: &str, word: &str) -> Value {
    let row = host.job(id);
    assert_eq!(row["status"], "ERROR", "{word}: {row:#}");
    let message = row["message"].as_str().expect("a sentence");
    assert!(message.contains(word) && message.contains("[grants] acts = [\"delete *\", "), "{word}: {message}");
    assert_eq!(row["error"]["kind"], "not_granted", "{word}: {row:#}");
    row
}
