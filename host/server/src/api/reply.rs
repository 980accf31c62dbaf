//! Successful responses: always 200 and JSON, whatever `Accept` says.

use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::Serialize;

use super::error::ApiError;
use jobhost_budget::Held;

pub(super) enum Reply {
    /// Sent as `{"message": …}`.
    Message(String),
    /// JSON text.
    Json(Vec<u8>),
    /// JSON text whose memory is charged until it has been sent.
    Charged(Bytes),
    /// JSON text that is streamed.
    Stream(Body),
}

/// Smaller responses are covered by the request's initial charge and are sent quickly.
const SMALL_BYTES: usize = 16 << 10;

impl Reply {
    pub fn json(value: &impl Serialize) -> Result<Self, ApiError> {
        serde_json::to_vec(value).map(Reply::Json).map_err(|error| ApiError::internal(&error))
    }

    /// Charges the response until it has been sent, and releases the rest of the request's charge.
    pub fn holding(self, held: Held) -> Self {
        match self {
            Reply::Json(text) if text.len() > SMALL_BYTES => Reply::Charged(charged(text, held)),
            reply => reply,
        }
    }
}

/// Charges the text for as long as it is referenced.
pub(super) fn charged(text: Vec<u8>, held: Held) -> Bytes {
    let bytes = text.capacity() as u64;
    // The text already exists, so an error would not save the memory.
    let _full = held.grow(bytes.saturating_sub(held.amount()));
    held.shrink_to(bytes);
    Bytes::from_owner(ChargedText { text, _held: held })
}

struct ChargedText {
    text: Vec<u8>,
    _held: Held,
}

impl AsRef<[u8]> for ChargedText {
    fn as_ref(&self) -> &[u8] {
        &self.text
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let body = match self {
            Reply::Message(message) => Body::from(serde_json::json!({ "message": message }).to_string()),
            Reply::Json(text) => Body::from(text),
            Reply::Charged(text) => Body::from(text),
            Reply::Stream(body) => body,
        };
        ([(header::CONTENT_TYPE, "application/json")], body).into_response()
    }
}
