//! Starting jobs and waiting for their end.

use serde_json::{Value, json};

use crate::client::{Client, Login};
use crate::wait::eventually;

impl Client {
    /// Start a job and give its id.
    #[track_caller]
    pub fn start_job(&self, request: &Value) -> String {
        self.start_job_as(self.admin(), request)
    }

    #[track_caller]
    pub fn start_job_as(&self, login: &Login, request: &Value) -> String {
        let body = self.post_as(login, request).ok();
        let id = body["job_id"].as_str().unwrap_or_else(|| panic!("no job_id in {body}"));
        assert_eq!(body["message"], json!(format!("Starting job with id {id}")));
        id.to_owned()
    }

    /// The row of a job as it stands.
    #[track_caller]
    pub fn job_now(&self, id: &str) -> Value {
        let rows = self.post(&json!({"operation": "get_job", "id": id})).ok();
        match rows.as_array().map(Vec::as_slice) {
            Some([row]) => row.clone(),
            _ => panic!("get_job of {id} gives {rows}"),
        }
    }

    /// The row of a job once it has ended.
    #[track_caller]
    pub fn job(&self, id: &str) -> Value {
        self.job_when(id, "its end", |row| matches!(row["status"].as_str(), Some("COMPLETE" | "ERROR" | "CANCELLED")))
    }

    /// The row of a job as soon as it is as wanted.
    #[track_caller]
    pub fn job_when(&self, id: &str, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            eventually(&format!("{what} of job {id}"), || {
                last = self.job_now(id);
                wanted(&last).then(|| last.clone())
            })
        }));
        found.unwrap_or_else(|cause| {
            eprintln!("the last row of job {id}: {last:#}");
            std::panic::resume_unwind(cause)
        })
    }

    /// Run a job to its end.
    #[track_caller]
    pub fn run(&self, request: &Value) -> Value {
        self.job(&self.start_job(request))
    }

    /// Run a job that must succeed, and give its message.
    #[track_caller]
    pub fn run_ok(&self, request: &Value) -> String {
        let row = self.run(request);
        assert_eq!(row["status"], "COMPLETE", "{row:#}");
        row["message"].as_str().unwrap_or_else(|| panic!("no message in {row:#}")).to_owned()
    }

    /// Run a job that must fail, and give its message.
    #[track_caller]
    pub fn run_error(&self, request: &Value) -> String {
        let row = self.run(request);
        assert_eq!(row["status"], "ERROR", "{row:#}");
        row["message"].as_str().unwrap_or_else(|| panic!("no message in {row:#}")).to_owned()
    }

    /// What a client is told about a request that must not succeed, be it at once or by the job: status and sentence.
    #[track_caller]
    pub fn must_fail(&self, request: &Value) -> (u16, String) {
        let reply = self.post(request);
        if reply.status != 200 {
            let status = reply.status;
            return (status, reply.refused(status));
        }
        let id = reply.body["job_id"].as_str().unwrap_or_else(|| panic!("no job_id in {}", reply.text)).to_owned();
        let row = self.job(&id);
        assert_eq!(row["status"], "ERROR", "{row:#}");
        (200, row["message"].as_str().unwrap_or_else(|| panic!("no message in {row:#}")).to_owned())
    }
}
