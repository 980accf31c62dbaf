//! `GET /metrics`: text that Prometheus can read, and values that follow events. No metric reveals users or data, and
//! no client can increase the number of metrics.

mod exposition;
mod series;

use exposition::Exposition;
use jobhost_tests::{Host, Login, Options, eventually};
use serde_json::{Value, json};

fn metrics(host: &Host) -> Exposition {
    let reply = host.send(&Login::Nobody, "GET", "/metrics", None, b"");
    assert_eq!(reply.status, 200, "{}", reply.text);
    Exposition::parse(&reply.text)
}

/// The end of a job is counted right after it is stored, so a client may see the row first.
#[track_caller]
fn becomes(host: &Host, series: &str, expected: f64) {
    let mut last = f64::NAN;
    let came = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        eventually(&format!("{series} = {expected}"), || {
            last = metrics(host).value(series);
            (last == expected).then_some(())
        });
    }));
    assert!(came.is_ok(), "{series} is {last} and not {expected}");
}

fn load(table: &str) -> Value {
    json!({"operation": "csv_data_load", "database": "gold", "table": table, "action": "insert", "data": "id,a\n1,x\n2,y\n"})
}

fn running(host: &Host, request: &Value) -> String {
    let id = host.start_job(request);
    host.job_when(&id, "the start", |row| row["phase"] == "running");
    id
}

fn cancel(host: &Host, id: &str) {
    host.post(&json!({"operation": "cancel_job", "id": id})).ok();
    assert_eq!(host.job(id)["status"], "CANCELLED");
}

#[test]
fn the_text_can_be_read_by_prometheus() {
    let host = Host::start(Options::new().guest("traps"));
    host.create_table("t");
    host.run_ok(&load("t"));
    host.run_error(&json!({"operation": "trap"}));
    let reply = host.send(&Login::Nobody, "GET", "/metrics", None, b"");
    let kind = reply.header("content-type").expect("a content type");
    assert!(kind.starts_with("application/openmetrics-text") && kind.contains("version=1.0.0"), "{kind}");
    let text = Exposition::parse(&reply.text);
    assert!(text.series().count() > 20, "{}", reply.text);
    assert!(
        text.series().all(|series| series.starts_with("jobhost_") || series.starts_with("process_")),
        "{}",
        reply.text
    );
    assert_eq!(host.send(host.admin(), "POST", "/metrics", Some("application/json"), b"{}").status, 404);
}

#[test]
fn jobs_are_counted_by_operation_and_end() {
    let host = Host::start(Options::new().guest("traps").guest("sleeps").set("jobs.cancel_grace_seconds", 0));
    host.create_table("t");
    let before = metrics(&host);
    assert_eq!(before.value("jobhost_jobs_running"), 0.0);
    host.run_ok(&load("t"));
    host.run_ok(&load("t"));
    host.run_error(&json!({"operation": "trap"}));
    let sleeper = running(&host, &json!({"operation": "sleep"}));
    becomes(&host, "jobhost_jobs_running", 1.0);
    cancel(&host, &sleeper);
    becomes(&host, "jobhost_jobs_running", 0.0);
    for (operation, status, jobs) in
        [("csv_data_load", "COMPLETE", 2.0), ("trap", "ERROR", 1.0), ("sleep", "CANCELLED", 1.0)]
    {
        becomes(&host, &format!("jobhost_jobs_ended_total{{operation={operation:?},status={status:?}}}"), jobs);
        let now = metrics(&host);
        assert_eq!(now.value(&format!("jobhost_jobs_accepted_total{{operation={operation:?}}}")), jobs);
        let attempts = format!("jobhost_job_attempt_duration_seconds_count{{operation={operation:?}}}");
        assert_eq!(now.value(&attempts), jobs, "{operation}");
    }
    let after = metrics(&host);
    assert_eq!(after.sum("jobhost_jobs_ended_total"), 4.0);
    assert!(after.value("jobhost_job_cpu_seconds_total") > before.value("jobhost_job_cpu_seconds_total"));
    assert_eq!(after.value("jobhost_job_records_total{fate=\"received\"}"), 4.0);
    assert_eq!(after.value("jobhost_job_records_total{fate=\"written\"}"), 2.0);
    assert_eq!(after.value("jobhost_job_records_total{fate=\"skipped\"}"), 2.0);
}

#[test]
fn responses_are_counted_by_status_and_the_process_is_measured() {
    let host = Host::start(Options::new());
    let before = metrics(&host);
    assert_eq!(before.value("jobhost_limits_hit_total{limit=\"sandbox.memory_bytes\"}"), 0.0);
    host.post(&json!({"operation": "user_info"})).ok();
    host.post(&json!({"operation": "no_such_operation"})).refused(400);
    host.post_as(&Login::basic("nobody", "wrong"), &json!({"operation": "user_info"})).refused(401);
    let after = metrics(&host);
    for status in [400, 401] {
        assert_eq!(after.value(&format!("jobhost_http_responses_total{{status=\"{status}\"}}")), 1.0, "{status}");
    }
    assert!(after.value("jobhost_http_responses_total{status=\"200\"}") >= 1.0);
    assert_eq!(after.sum("jobhost_build_info"), 1.0);
    for series in [
        "process_cpu_seconds_total",
        "process_resident_memory_bytes",
        "process_open_fds",
        "process_threads",
        "process_start_time_seconds",
    ] {
        assert!(after.value(series) > 0.0, "{series}");
    }
}

#[test]
fn an_alias_is_accepted_and_ended_by_one_name() {
    let host = Host::start(Options::new());
    host.create_table("t");
    let request =
        |name| json!({"operation": name, "database": "gold", "table": "t", "schema": "gold", "date": "2020-01-01"});
    for name in ["delete_records_before", "delete_files_before"] {
        host.run(&request(name));
    }
    eventually("both ends", || (metrics(&host).sum("jobhost_jobs_ended_total") == 2.0).then_some(()));
    let text = metrics(&host);
    let by_operation = |family: &str| {
        let names = ["delete_records_before", "delete_files_before"];
        names.map(|name| text.sum_where(family, "operation", name))
    };
    assert_eq!(by_operation("jobhost_jobs_accepted_total"), by_operation("jobhost_jobs_ended_total"));
}

#[test]
fn the_queue_is_measured_and_a_cancelled_waiting_job_is_counted() {
    const QUEUED: usize = 2;
    let options = Options::new().guest("sleeps").set("jobs.workers", 1).set("jobs.max_queued", QUEUED);
    let host = Host::start(options.set("jobs.cancel_grace_seconds", 0));
    host.create_table("t");
    let text = metrics(&host);
    assert_eq!(text.value("jobhost_jobs_queue_limit"), QUEUED as f64);
    assert_eq!(text.value("jobhost_job_workers"), 1.0);
    assert_eq!(text.value("jobhost_jobs_queued"), 0.0);
    let sleeper = running(&host, &json!({"operation": "sleep"}));
    let mut waiting = Vec::new();
    let refused = loop {
        let reply = host.post(&load("t"));
        if reply.status != 200 {
            break reply;
        }
        waiting.push(reply.body["job_id"].as_str().expect("a job").to_owned());
        assert!(waiting.len() <= QUEUED + 1, "the queue has no end");
    };
    refused.refused(429);
    becomes(&host, "jobhost_jobs_queued", waiting.len() as f64);
    assert_eq!(metrics(&host).value("jobhost_jobs_refused_total{reason=\"queue_full\"}"), 1.0);
    cancel(&host, &waiting[0]);
    becomes(&host, "jobhost_jobs_ended_total{operation=\"csv_data_load\",status=\"CANCELLED\"}", 1.0);
    cancel(&host, &sleeper);
    for id in &waiting[1..] {
        assert_eq!(host.job(id)["status"], "COMPLETE");
    }
    becomes(&host, "jobhost_jobs_queued", 0.0);
    let complete = "jobhost_jobs_ended_total{operation=\"csv_data_load\",status=\"COMPLETE\"}";
    becomes(&host, complete, (waiting.len() - 1) as f64);
    // The jobs that a worker took had been queued for a while, the last of them as long as the sleeper ran.
    let text = metrics(&host);
    assert_eq!(text.value("jobhost_job_queue_wait_seconds_count"), waiting.len() as f64);
    assert!(text.value("jobhost_job_queue_wait_seconds_sum") > 0.0);
}

#[test]
fn refusals_are_counted_by_reason() {
    let host = Host::start(Options::new());
    host.create_table("t");
    host.post(&json!({"operation": "add_role", "role": "reader", "permission": {"super_user": false}})).ok();
    let user = json!({"operation": "add_user", "username": "ann", "password": "pw", "role": "reader", "active": true});
    host.post(&user).ok();
    host.post_as(&Login::basic("ann", "pw"), &load("t")).refused_with(403);
    host.post(&json!({"operation": "csv_data_load", "database": "gold", "table": "t"})).refused(400);
    host.post(&load("absent")).refused(400);
    let text = metrics(&host);
    for reason in ["denied", "invalid", "not_found"] {
        assert_eq!(text.value(&format!("jobhost_jobs_refused_total{{reason={reason:?}}}")), 1.0, "{reason}");
    }
    assert_eq!(text.sum("jobhost_jobs_accepted_total"), 0.0);
    assert_eq!(text.sum("jobhost_jobs_ended_total"), 0.0);
}

/// A refusal for lack of permission has a different form.
trait Refused {
    fn refused_with(self, status: u16);
}

impl Refused for jobhost_tests::Reply {
    #[track_caller]
    fn refused_with(self, status: u16) {
        assert_eq!(self.status, status, "{}", self.text);
    }
}
