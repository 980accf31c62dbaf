//! Assertions about replies. They fail the test by panicking; the benchmarks and the demo use `Client::call` instead.

#![allow(clippy::panic, reason = "for tests, which may fail loudly")]

use serde_json::Value;

use crate::client::Reply;

impl Reply {
    /// Returns the body of a successful reply.
    #[track_caller]
    pub fn ok(self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text);
        self.body
    }

    /// Returns the message of an error with this status.
    #[track_caller]
    pub fn refused(self, status: u16) -> String {
        assert_eq!(self.status, status, "{}", self.text);
        match self.body.get("error").and_then(Value::as_str) {
            Some(sentence) => sentence.to_owned(),
            None => panic!("a refusal without an `error` text: {}", self.text),
        }
    }
}
