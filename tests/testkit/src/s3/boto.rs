//! boto3, asked through one Python program for all tests of the process: importing it takes most of a second.

use std::process::Stdio;
use std::sync::{LazyLock, Mutex, PoisonError};

use serde_json::{Value, json};

use super::REGION;
use super::python::Program;

/// Whom to ask, and as whom.
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

/// Do what the question says and give what came of it. Panics with boto3's error.
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
