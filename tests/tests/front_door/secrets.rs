//! Secrets of a request are used where they are needed and appear nowhere else, neither while the job runs nor after a
//! crash.

use jobhost_tests::scan::{files_with, spellings};
use jobhost_tests::web::{Body, OK_CSV, Page};
use jobhost_tests::{Host, Options, Web};
use serde_json::json;

#[track_caller]
fn assert_hidden(host: &Host, secret: &str, when: &str) {
    let log = host.log();
    for spelling in spellings(secret) {
        let files = files_with(&host.data(), spelling.as_bytes());
        assert!(files.is_empty(), "{when}: {spelling} lies in {files:?}");
        assert!(!log.contains(&spelling), "{when}: {spelling} is in the log");
    }
}

#[test]
fn passed_on_headers_are_sealed_while_the_job_lives_and_gone_after() {
    let web = Web::start();
    let (first, second) = OK_CSV.split_at(12);
    web.page("/held", Page::csv("").body(Body::Held(first.as_bytes().into(), second.as_bytes().into())));
    let options = Options::new().set("urls.allow", web.address()).set("log.level", "trace");
    let mut host = Host::start(options);
    host.create_table("t");
    let secret = format!("secret-{}", uuid::Uuid::new_v4());
    let request = json!({
        "operation": "csv_url_load", "database": "gold", "table": "t", "csv_url": web.url("/held"),
        "passthrough_headers": {"X-Api-Key": secret},
    });
    let id = host.start_job(&request);
    web.await_requests("/held", 1);
    assert_eq!(web.seen()[0].header("x-api-key"), Some(secret.as_str()));
    assert!(!host.job_now(&id).to_string().contains(&secret));
    assert_hidden(&host, &secret, "while the job runs");

    host.kill();
    assert_hidden(&host, &secret, "after a crash");
    host.restart();
    let resumed = web.seen().len();
    let ended = |row: &serde_json::Value| row["status"] == "ERROR";
    if !ended(&host.job_when(&id, "the second attempt", |row| ended(row) || web.seen().len() > resumed)) {
        let seen = web.seen();
        assert_eq!(seen.last().and_then(|seen| seen.header("x-api-key")), Some(secret.as_str()), "the secret is lost");
        web.release();
    }
    let row = host.job(&id);
    assert!(!row.to_string().contains(&secret));
    let jobs = json!({"operation": "search_jobs_by_start_date", "from_date": "2020-01-01", "to_date": "2099-01-01"});
    assert!(!host.post(&jobs).ok().to_string().contains(&secret));
    assert_hidden(&host, &secret, "after the job");
    assert!(host.stop().success());
    assert_hidden(&host, &secret, "after the host");
}

#[test]
fn a_failed_request_does_not_tell_the_password_in_its_url() {
    let web = Web::start();
    let host = Host::start(Options::new().set("urls.allow", web.address()).set("log.level", "trace"));
    host.create_table("t");
    let url = format!("http://user:hunter2-secret@{}/missing", web.address());
    let request = json!({"operation": "csv_url_load", "database": "gold", "table": "t", "csv_url": url});
    let (_, told) = host.must_fail(&request);
    assert!(!told.contains("hunter2-secret"), "{told}");
    assert!(!host.log().contains("hunter2-secret"), "the password is in the log");
}
