//! Answers that are no refusals: always 200 and JSON, whatever `Accept` says.

use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::error::ApiError;

pub(super) enum Reply {
    /// Becomes `{"message": …}`.
    Message(String),
    /// JSON text.
    Json(Vec<u8>),
    /// JSON text that comes in pieces.
    Stream(Body),
}

impl Reply {
    pub fn json(value: &impl Serialize) -> Result<Self, ApiError> {
        serde_json::to_vec(value).map(Reply::Json).map_err(|error| ApiError::internal(&error))
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let body = match self {
            Reply::Message(message) => Body::from(serde_json::json!({ "message": message }).to_string()),
            Reply::Json(text) => Body::from(text),
            Reply::Stream(body) => body,
        };
        ([(header::CONTENT_TYPE, "application/json")], body).into_response()
    }
}
