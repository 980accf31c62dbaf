//! A small blocking client of the Operations API. It knows only the URL of the host.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value;
use ureq::http::{Method, Request};

use crate::failure::{Doing, Failure, Result};

/// No reply takes this long, because everything that takes time is a job.
const TIMEOUT: Duration = Duration::from_secs(120);
/// Larger than any expected reply. It keeps a faulty host from filling the memory.
const MAX_REPLY_BYTES: u64 = 256 * 1024 * 1024;

/// The credentials of a request.
#[derive(Debug, Clone)]
pub enum Login {
    Nobody,
    Basic {
        user: String,
        password: String,
    },
    Bearer(String),
    /// The complete value of the `Authorization` header.
    Header(String),
}

impl Login {
    pub fn basic(user: &str, password: &str) -> Self {
        Login::Basic { user: user.to_owned(), password: password.to_owned() }
    }

    /// Returns the value of the `Authorization` header.
    pub fn header(&self) -> Option<String> {
        match self {
            Login::Nobody => None,
            Login::Basic { user, password } => Some(format!("Basic {}", BASE64.encode(format!("{user}:{password}")))),
            Login::Bearer(token) => Some(format!("Bearer {token}")),
            Login::Header(value) => Some(value.clone()),
        }
    }
}

/// The reply of the host.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    /// The body as JSON, or as a string if it is not JSON.
    pub body: Value,
    pub text: String,
    headers: ureq::http::HeaderMap,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Returns the body of a successful reply.
    fn body_of(self, operation: &str) -> Result<Value> {
        match self.status {
            200 => Ok(self.body),
            status => Err(Failure::new(format!("{operation} was answered {status}: {}", self.text))),
        }
    }
}

fn name_of(request: &Value) -> &str {
    request.get("operation").and_then(Value::as_str).unwrap_or("a request without operation")
}

/// A client of one host that acts as one user by default. It keeps its connection open.
#[derive(Debug, Clone)]
pub struct Client {
    agent: ureq::Agent,
    url: String,
    login: Login,
}

impl Client {
    /// `url` is the host's URL from its ready line.
    pub fn new(url: &str, login: Login) -> Self {
        Client { agent: agent(TIMEOUT), url: url.trim_end_matches('/').to_owned(), login }
    }

    /// Returns a client of the same host that fails if a reply takes longer than `most`.
    pub fn waiting(&self, most: Duration) -> Self {
        Client { agent: agent(most), ..self.clone() }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn login(&self) -> &Login {
        &self.login
    }

    /// Sends an arbitrary request.
    pub fn request(
        &self,
        login: &Login,
        method: &str,
        path: &str,
        media_type: Option<&str>,
        body: &[u8],
    ) -> std::result::Result<Reply, ureq::Error> {
        let method = Method::from_bytes(method.as_bytes()).map_err(|error| ureq::Error::Http(error.into()))?;
        let mut request = Request::builder().method(&method).uri(format!("{}{path}", self.url));
        if let Some(value) = login.header() {
            request = request.header("authorization", value);
        }
        if let Some(media_type) = media_type {
            request = request.header("content-type", media_type);
        }
        let response = if [Method::GET, Method::DELETE].contains(&method) {
            self.agent.run(request.body(())?)?
        } else {
            self.agent.run(request.body(body)?)?
        };
        let (parts, mut body) = response.into_parts();
        let bytes = body.with_config().limit(MAX_REPLY_BYTES).read_to_vec()?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let body = serde_json::from_str(&text).unwrap_or_else(|_| Value::String(text.clone()));
        Ok(Reply { status: parts.status.as_u16(), body, text, headers: parts.headers })
    }

    /// Sends one operation. Any status is a reply.
    pub fn exchange(&self, request: &Value) -> Result<Reply> {
        self.exchange_text(&request.to_string())
    }

    /// Same as `exchange`, for a request that is already serialized.
    pub fn exchange_text(&self, request: &str) -> Result<Reply> {
        let reply = self.request(&self.login, "POST", "/", Some("application/json"), request.as_bytes());
        reply.doing(|| format!("cannot send a request to {}", self.url))
    }

    /// Sends one operation and returns its reply. A status other than 200 is an error that includes the reply.
    pub fn call(&self, request: &Value) -> Result<Value> {
        self.call_text(name_of(request), &request.to_string())
    }

    /// Same as `call`, but tries again while the host is not ready and says when to come back: a slow machine compiles
    /// plugins for a while after its first start.
    pub fn call_when_ready(&self, request: &Value) -> Result<Value> {
        let started = Instant::now();
        loop {
            let reply = self.exchange(request)?;
            let pause = reply.header("retry-after").and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs);
            match (reply.status, pause) {
                (503, Some(pause)) if started.elapsed() + pause < TIMEOUT => std::thread::sleep(pause),
                _ => return reply.body_of(name_of(request)),
            }
        }
    }

    pub(crate) fn call_text(&self, name: &str, request: &str) -> Result<Value> {
        self.exchange_text(request)?.body_of(name)
    }

    /// Returns the status and text of a page.
    pub fn page(&self, path: &str) -> Result<(u16, String)> {
        let reply = self.request(&self.login, "GET", path, None, b"");
        reply.map(|reply| (reply.status, reply.text)).doing(|| format!("cannot get {}{path}", self.url))
    }
}

fn agent(timeout: Duration) -> ureq::Agent {
    // The host is on loopback, so ignore proxies in the environment. The body of an error is needed unchanged.
    let config = ureq::Agent::config_builder().http_status_as_error(false).proxy(None).max_redirects(0);
    config.timeout_global(Some(timeout)).build().into()
}
