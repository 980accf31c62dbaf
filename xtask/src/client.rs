//! A client of the Operations API as an ordinary user writes one: `POST /`, JSON, Basic credentials.
//! Knows nothing of the host but its address.

use crate::failure::{Doing, Failure, Result};
use base64::Engine;
use serde_json::Value;
use std::time::Duration;

/// No answer of the API takes this long: what lasts is a job.
const LIMIT: Duration = Duration::from_secs(60);

#[derive(Debug, Clone)]
pub struct Client {
    agent: ureq::Agent,
    url: String,
    authorization: String,
}

impl Client {
    /// `url` is the host's, as its ready line says it.
    pub fn new(url: &str, username: &str, password: &str) -> Self {
        // Loopback only: a proxy of the environment must not see it. An error's body is wanted as it is.
        let agent = ureq::Agent::config_builder().proxy(None).http_status_as_error(false).timeout_global(Some(LIMIT));
        let credentials = base64::engine::general_purpose::STANDARD.encode(format!("{username}:{password}"));
        Self {
            agent: agent.build().new_agent(),
            url: format!("{}/", url.trim_end_matches('/')),
            authorization: format!("Basic {credentials}"),
        }
    }

    /// Sends one operation and returns its reply; any status but 200 is a failure that repeats it.
    pub fn send(&self, request: &Value) -> Result<Value> {
        let (status, reply) = self.exchange(request)?;
        if status == 200 {
            return Ok(reply);
        }
        Err(Failure::new(format!("{} was answered {status}: {reply}", name(request))))
    }

    /// Sends one operation and returns status and body.
    pub fn exchange(&self, request: &Value) -> Result<(u16, Value)> {
        let sending = || format!("cannot send {} to {}", name(request), self.url);
        let post = self.agent.post(&self.url).header("authorization", &self.authorization);
        let mut response = post.content_type("application/json").send(request.to_string()).doing(sending)?;
        let text = response.body_mut().read_to_string().doing(sending)?;
        let reply = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Ok((response.status().as_u16(), reply))
    }
}

fn name(request: &Value) -> &str {
    request.get("operation").and_then(Value::as_str).unwrap_or("a request without operation")
}
