//! Successful responses: always 200 and JSON, whatever `Accept` says.

use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::Serialize;

use super::error::ApiError;
use jobhost_budget::Held;

pub(super) enum Reply {
    /// Becomes `{"message": …}`.
    Message(String),
    /// JSON text.
    Json(Vec<u8>),
    /// JSON text that is charged until it has been sent.
    Charged(Bytes),
    /// JSON text that comes in pieces.
    Stream(Body),
}

/// An answer that is not larger is within what its request is charged anyway, and soon sent.
const SMALL_BYTES: usize = 16 << 10;

impl Reply {
    pub fn json(value: &impl Serialize) -> Result<Self, ApiError> {
        serde_json::to_vec(value).map(Reply::Json).map_err(|error| ApiError::internal(&error))
    }

    /// The answer, charged with what it takes until it has been sent; what its request took is given back.
    pub fn holding(self, held: Held) -> Self {
        match self {
            Reply::Json(text) if text.len() > SMALL_BYTES => Reply::Charged(charged(text, held)),
            reply => reply,
        }
    }
}

/// A text that is charged for as long as anybody has it.
pub(super) fn charged(text: Vec<u8>, held: Held) -> Bytes {
    let bytes = text.capacity() as u64;
    // It is there already: refusing it now would help nobody.
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
