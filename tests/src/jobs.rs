//! Starts jobs and waits for their end.

use serde_json::{Value, json};

use crate::client::{Client, Login};
use crate::wait::eventually;

impl Client {
    /// Starts a job and returns its id.
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

    /// Returns the current row of a job.
    #[track_caller]
    pub fn job_now(&self, id: &str) -> Value {
        let rows = self.post(&json!({"operation": "get_job", "id": id})).ok();
        match rows.as_array().map(Vec::as_slice) {
            Some([row]) => row.clone(),
            _ => panic!("get_job of {id} gives {rows}"),
        }
    }

    /// Waits until a job has ended, and returns its row.
    #[track_caller]
    pub fn job(&self, id: &str) -> Value {
        self.job_when(id, "its end", |row| matches!(row["status"].as_str(), Some("COMPLETE" | "ERROR" | "CANCELLED")))
    }

    /// Waits until the row of a job satisfies the condition, and returns it.
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

    /// Runs a job and waits for its end.
    #[track_caller]
    pub fn run(&self, request: &Value) -> Value {
        self.job(&self.start_job(request))
    }

    /// Runs a job that must succeed, and returns its message.
    #[track_caller]
    pub fn run_ok(&self, request: &Value) -> String {
        let row = self.run(request);
        assert_eq!(row["status"], "COMPLETE", "{row:#}");
        row["message"].as_str().unwrap_or_else(|| panic!("no message in {row:#}")).to_owned()
    }

    /// Runs a job that must fail, and returns its message.
    #[track_caller]
    pub fn run_error(&self, request: &Value) -> String {
        let row = self.run(request);
        assert_eq!(row["status"], "ERROR", "{row:#}");
        row["message"].as_str().unwrap_or_else(|| panic!("no message in {row:#}")).to_owned()
    }

    /// Returns the status and message of a request that must fail, either immediately or in its job.
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
