//! Runs boto3 in one Python process that all tests of the program share, because importing it takes most of a second.

use std::process::Stdio;
use std::sync::{LazyLock, Mutex, PoisonError};

use serde_json::{Value, json};

use super::REGION;
use super::python::Program;

/// The server to ask, and the credentials.
#[derive(Debug, Clone)]
pub(super) struct Account {
    pub address: String,
    pub access_key: String,
    pub secret_key: String,
}

impl Account {
    pub(super) fn new(address: String, access_key: &str, secret_key: &str) -> Self {
        Account { address, access_key: access_key.to_owned(), secret_key: secret_key.to_owned() }
    }
}

static BOTO: LazyLock<Mutex<Program>> =
    LazyLock::new(|| Mutex::new(Program::start("boto_client.py", &[], Stdio::inherit())));

/// Executes a request and returns its result. Panics with the error of boto3.
pub(super) fn ask(account: &Account, question: &Value) -> Value {
    let mut line = question.clone();
    line["endpoint"] = json!(format!("http://{}", account.address));
    line["access_key"] = json!(account.access_key);
    line["secret_key"] = json!(account.secret_key);
    line["region"] = json!(REGION);
    let answer = {
        let mut boto = BOTO.lock().unwrap_or_else(PoisonError::into_inner);
        boto.say(&line.to_string());
        boto.hear().expect("boto_client.py ended; its error is above")
    };
    let mut answer: Value = serde_json::from_str(&answer).expect("JSON");
    match answer.get("error") {
        None => answer["ok"].take(),
        Some(error) => panic!("boto3 says to {question}: {error}"),
    }
}
