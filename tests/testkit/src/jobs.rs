//! Starts jobs and waits for their end.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::client::Client;
use crate::failure::{Failure, Result};

impl Client {
    /// Starts a job that may be refused. Returns its id if it was accepted.
    pub fn attempt(&self, request: &str) -> Result<Option<String>> {
        let reply = self.exchange_text(request)?;
        Ok(reply.body.get("job_id").and_then(Value::as_str).map(str::to_owned))
    }

    /// Starts a job. The request is text, so that a measurement includes no serialization.
    pub fn submit(&self, request: &str) -> Result<String> {
        let answer = self.call_text("the start of a job", request)?;
        match answer.get("job_id").and_then(Value::as_str) {
            Some(id) => Ok(id.to_owned()),
            None => Err(Failure::new(format!("the start of a job was answered without a job_id: {answer}"))),
        }
    }

    /// Returns the current row of a job.
    pub fn job(&self, id: &str) -> Result<Value> {
        let answer = self.call(&json!({"operation": "get_job", "id": id}))?;
        answer.get(0).cloned().ok_or_else(|| Failure::new(format!("get_job does not know job {id:?}")))
    }

    /// Returns the row of a job that is COMPLETE, or `None` if it still waits or runs. A failed job is an error.
    pub fn finished(&self, id: &str) -> Result<Option<Value>> {
        let row = self.job(id)?;
        match row.get("status").and_then(Value::as_str) {
            Some("COMPLETE") => Ok(Some(row)),
            Some("IN_PROGRESS") => Ok(None),
            _ => Err(Failure::new(format!("job {id} failed: {row}"))),
        }
    }

    /// Polls the job with a pause between requests until it is COMPLETE, and returns its row.
    pub fn wait(&self, id: &str, pause: Duration, within: Duration) -> Result<Value> {
        let deadline = Instant::now() + within;
        loop {
            if let Some(row) = self.finished(id)? {
                return Ok(row);
            }
            if Instant::now() > deadline {
                return Err(Failure::new(format!("job {id} is not COMPLETE after {within:?}")));
            }
            if !pause.is_zero() {
                thread::sleep(pause);
            }
        }
    }
}
