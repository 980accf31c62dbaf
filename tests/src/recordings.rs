//! Recorded replies of another server, and the requests that produced them.

use std::path::Path;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::artifacts::in_package;
use crate::client::{Client, Login, Reply};
use crate::options::PASSWORD;

#[derive(Debug, Clone, Deserialize)]
pub struct Recording {
    pub case: String,
    pub method: String,
    pub path: String,
    pub content_type: Option<String>,
    pub auth: String,
    pub request: Value,
    pub status: u16,
    pub response: Value,
    /// The reply of `get_job` after the job had ended.
    pub job: Option<Value>,
    /// The file that the job exported.
    pub file: Option<String>,
}

impl Recording {
    /// Returns all recordings in the order in which they were made.
    pub fn all() -> Vec<Recording> {
        let directory = in_package("recordings/cases");
        let mut paths: Vec<_> =
            std::fs::read_dir(directory).expect("recordings").map(|entry| entry.expect("an entry").path()).collect();
        paths.sort();
        paths.iter().map(|path| read(path)).collect()
    }

    /// Sends the recorded request to a host. `bearer` is the token for the cases that use one.
    pub fn ask(&self, client: &Client, places: &Places, bearer: &str) -> Reply {
        let login = self.login(bearer);
        let request = places.fill(&self.request);
        let body = match request.get("raw").and_then(Value::as_str) {
            Some(raw) => raw.to_owned(),
            None => request.to_string(),
        };
        client.send(&login, &self.method, &self.path, self.content_type.as_deref(), body.as_bytes())
    }

    /// Returns whether the request defines the order of the exported rows, and the format.
    pub fn export(&self) -> (bool, &str) {
        let sql = self.request["search_operation"]["sql"].as_str().unwrap_or_default();
        (sql.contains("ORDER BY"), self.request["format"].as_str().unwrap_or_default())
    }

    fn login(&self, bearer: &str) -> Login {
        match self.auth.split_once(' ') {
            Some(("Basic", "bob" | "idle")) => Login::basic(&self.auth[6..], "pw"),
            Some(("Basic", user)) if self.case.contains("wrong-password") => Login::basic(user, "wrong"),
            Some(("Basic", user)) => Login::basic(user, PASSWORD),
            None if self.auth == "Bearer" && self.case.contains("bad") => Login::Bearer("junk".to_owned()),
            None if self.auth == "Bearer" => Login::Bearer(bearer.to_owned()),
            _ => Login::Nobody,
        }
    }

    /// Returns the recorded reply in the form of `Reply::body`.
    pub fn response(&self) -> Value {
        match self.response.get("raw") {
            Some(raw) if self.response.as_object().is_some_and(|object| object.len() == 1) => raw.clone(),
            _ => self.response.clone(),
        }
    }
}

fn read(path: &Path) -> Recording {
    let text = std::fs::read_to_string(path).expect("a recording");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The values of the recordings' placeholders on this machine.
#[derive(Debug)]
pub struct Places {
    /// Pairs of a placeholder and its value.
    pairs: Vec<(String, String)>,
}

impl Places {
    pub fn new(fixtures: &Path, exports: &Path, web: &str) -> Self {
        let pairs = [
            ("$FIXTURES", fixtures.display().to_string()),
            ("$EXPORTS", exports.display().to_string()),
            ("127.0.0.1:8099", web.to_owned()),
        ];
        Places { pairs: pairs.map(|(name, value)| (name.to_owned(), value)).to_vec() }
    }

    /// Replaces the placeholders in a request by their values.
    pub fn fill(&self, value: &Value) -> Value {
        replace(value, self.pairs.iter().map(|(name, here)| (name.as_str(), here.as_str())))
    }

    /// Replaces the values in a reply by their placeholders.
    pub fn blank(&self, value: &Value) -> Value {
        replace(value, self.pairs.iter().map(|(name, here)| (here.as_str(), name.as_str())))
    }
}

fn replace<'a>(value: &Value, pairs: impl Iterator<Item = (&'a str, &'a str)> + Clone) -> Value {
    match value {
        Value::String(text) => {
            json!(pairs.fold(text.clone(), |text, (from, to)| text.replace(from, to)))
        }
        Value::Array(items) => items.iter().map(|item| replace(item, pairs.clone())).collect(),
        Value::Object(members) => {
            let members = members.iter().map(|(name, item)| (name.clone(), replace(item, pairs.clone())));
            Value::Object(members.collect())
        }
        other => other.clone(),
    }
}
