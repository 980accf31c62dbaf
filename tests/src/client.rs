//! A small blocking client of the operations API.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value;
use ureq::http::{Method, Request};

/// Larger than any answer a test asks for; it only keeps a broken host from filling the memory.
const MAX_REPLY_BYTES: u64 = 256 * 1024 * 1024;

/// Who asks.
#[derive(Debug, Clone)]
pub enum Login {
    Nobody,
    Basic {
        user: String,
        password: String,
    },
    Bearer(String),
    /// The value of the `Authorization` header as it stands.
    Header(String),
}

impl Login {
    pub fn basic(user: &str, password: &str) -> Self {
        Login::Basic { user: user.to_owned(), password: password.to_owned() }
    }

    /// The value of the `Authorization` header.
    pub fn header(&self) -> Option<String> {
        match self {
            Login::Nobody => None,
            Login::Basic { user, password } => Some(format!("Basic {}", BASE64.encode(format!("{user}:{password}")))),
            Login::Bearer(token) => Some(format!("Bearer {token}")),
            Login::Header(value) => Some(value.clone()),
        }
    }
}

/// What the host answered.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    /// The body as JSON; a string if it is not JSON.
    pub body: Value,
    pub text: String,
    headers: ureq::http::HeaderMap,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The body of a success.
    #[track_caller]
    pub fn ok(self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text);
        self.body
    }

    /// The sentence of a refusal with this status.
    #[track_caller]
    pub fn refused(self, status: u16) -> String {
        assert_eq!(self.status, status, "{}", self.text);
        match self.body.get("error").and_then(Value::as_str) {
            Some(sentence) => sentence.to_owned(),
            None => panic!("a refusal without an `error` text: {}", self.text),
        }
    }
}

/// Talks to one host, as its administrator unless told otherwise.
#[derive(Debug, Clone)]
pub struct Client {
    agent: ureq::Agent,
    url: String,
    admin: Login,
}

impl Client {
    pub fn new(url: String, admin: Login) -> Self {
        Client { agent: agent(Duration::from_secs(120)), url, admin }
    }

    /// A client of the same host that fails where an answer takes longer than that.
    pub fn waiting(&self, most: Duration) -> Self {
        Client { agent: agent(most), ..self.clone() }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn admin(&self) -> &Login {
        &self.admin
    }

    /// An operation asked for by the administrator.
    #[track_caller]
    pub fn post(&self, body: &Value) -> Reply {
        self.post_as(&self.admin, body)
    }

    #[track_caller]
    pub fn post_as(&self, login: &Login, body: &Value) -> Reply {
        self.send(login, "POST", "/", Some("application/json"), body.to_string().as_bytes())
    }

    /// Any request at all.
    #[track_caller]
    pub fn send(&self, login: &Login, method: &str, path: &str, media_type: Option<&str>, body: &[u8]) -> Reply {
        match self.try_send(login, method, path, media_type, body) {
            Ok(reply) => reply,
            Err(error) => panic!("{method} {}{path}: {error}", self.url),
        }
    }

    /// As `send`, where the host may die meanwhile.
    pub fn try_send(
        &self,
        login: &Login,
        method: &str,
        path: &str,
        media_type: Option<&str>,
        body: &[u8],
    ) -> Result<Reply, ureq::Error> {
        let method: Method = method.parse().expect("a method");
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
}

fn agent(timeout: Duration) -> ureq::Agent {
    let config = ureq::Agent::config_builder().http_status_as_error(false).proxy(None).max_redirects(0);
    config.timeout_global(Some(timeout)).build().into()
}
