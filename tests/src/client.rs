//! The client of `jobhost_testkit` for tests: it fails the test if a request cannot be sent.

use std::time::Duration;

use serde_json::Value;

pub use jobhost_testkit::{Login, Reply};

/// A client of one host. It acts as the administrator by default.
#[derive(Debug, Clone)]
pub struct Client(jobhost_testkit::Client);

impl Client {
    pub fn new(url: String, admin: Login) -> Self {
        Client(jobhost_testkit::Client::new(&url, admin))
    }

    /// Returns a client of the same host that fails if a reply takes longer than `most`.
    pub fn waiting(&self, most: Duration) -> Self {
        Client(self.0.waiting(most))
    }

    pub fn url(&self) -> &str {
        self.0.url()
    }

    pub fn admin(&self) -> &Login {
        self.0.login()
    }

    /// Sends an operation as the administrator.
    #[track_caller]
    pub fn post(&self, body: &Value) -> Reply {
        self.post_as(self.admin(), body)
    }

    #[track_caller]
    pub fn post_as(&self, login: &Login, body: &Value) -> Reply {
        self.send(login, "POST", "/", Some("application/json"), body.to_string().as_bytes())
    }

    /// Sends an arbitrary request.
    #[track_caller]
    pub fn send(&self, login: &Login, method: &str, path: &str, media_type: Option<&str>, body: &[u8]) -> Reply {
        match self.try_send(login, method, path, media_type, body) {
            Ok(reply) => reply,
            Err(error) => panic!("{method} {}{path}: {error}", self.url()),
        }
    }

    /// Same as `send`, but the host may crash meanwhile.
    pub fn try_send(
        &self,
        login: &Login,
        method: &str,
        path: &str,
        media_type: Option<&str>,
        body: &[u8],
    ) -> Result<Reply, ureq::Error> {
        self.0.request(login, method, path, media_type, body)
    }
}
