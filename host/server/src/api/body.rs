//! Reads the body of a request: its declared type, and its bytes within limits of size and time.

use std::time::Duration;

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use http_body_util::BodyExt;
use tokio::time::Instant;

use super::error::ApiError;
use super::error_code::ErrorCode;
use super::read_ahead::ReadAhead;
use jobhost_budget::Held;

/// Larger bodies are read only for authenticated clients. Logins fit within this size, and many unauthenticated
/// clients together hold little memory.
pub(super) const UNAUTHENTICATED_BYTES: usize = 8 << 10;
/// The amount that a client must send within `server.body_seconds`.
const PACE_BYTES: usize = 1 << 20;
/// How much of a rejected body is read and discarded, and for how long.
const DISCARDED_BYTES: usize = 16 << 20;
const DISCARDING: Duration = Duration::from_secs(5);
/// Minimum growth of the buffer.
const STEP_BYTES: usize = 64 << 10;

/// Accepts only JSON. Like Harper, treats a plain-text body as a string, which names no operation.
pub(super) fn check_content_type(headers: &HeaderMap) -> Result<(), ApiError> {
    if let Some(encoding) = headers.get(header::CONTENT_ENCODING)
        && !encoding.as_bytes().eq_ignore_ascii_case(b"identity")
    {
        let encoding = String::from_utf8_lossy(encoding.as_bytes()).into_owned();
        return Err(unsupported(format!("Unsupported Content-Encoding: {encoding}")));
    }
    let declared: Vec<_> =
        headers.get_all(header::CONTENT_TYPE).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
    let declared = declared.join(", ");
    let essence = declared.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        Ok(())
    } else if essence.eq_ignore_ascii_case("text/plain") {
        Err(ApiError::bad_body("Request body must include an 'operation' property."))
    } else if declared.is_empty() {
        Err(unsupported("Unsupported Media Type: undefined".to_owned()))
    } else {
        Err(unsupported(format!("Unsupported Media Type: {declared}")))
    }
}

fn unsupported(sentence: String) -> ApiError {
    ApiError::new(ErrorCode::UnsupportedMediaType, sentence)
}

fn too_large(limit: usize) -> ApiError {
    ApiError::new(
        ErrorCode::RequestTooLarge,
        format!("Request body is larger than the limit of {limit} bytes (server.max_body_bytes)"),
    )
}

/// Reads a body.
pub(super) struct Reader {
    body: Body,
    declared: usize,
    limit: usize,
    /// The time allowed for each [`PACE_BYTES`].
    time: Duration,
    buffer: Vec<u8>,
    /// Charged with the buffer, once the client is authenticated.
    held: Option<Held>,
    /// The read-ahead setting of the body's connection.
    ahead: Option<ReadAhead>,
    done: bool,
}

impl Reader {
    pub fn new(parts: &Parts, body: Body, limit: usize, time: Duration) -> Result<Self, ApiError> {
        let headers = &parts.headers;
        let declared = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        let declared: usize = declared.unwrap_or(0);
        if declared > limit {
            return Err(too_large(limit));
        }
        let ahead = parts.extensions.get::<ReadAhead>().cloned();
        Ok(Reader { body, declared, limit, time, buffer: Vec::new(), held: None, ahead, done: false })
    }

    /// The `Content-Length`; 0 if there is none.
    pub fn declared(&self) -> usize {
        self.declared
    }

    /// Charges further data to `held` as it arrives and before it is kept. A client's `Content-Length` alone reserves
    /// no memory.
    pub fn charge(&mut self, held: Held) {
        self.held = Some(held);
        if let Some(ahead) = &self.ahead {
            ahead.allow();
        }
    }

    /// Reads until the body ends or `most` bytes are buffered. Returns true at the end of the body.
    pub async fn read(&mut self, most: usize) -> Result<bool, ApiError> {
        let (mut deadline, mut due) = (Instant::now() + self.time, self.buffer.len().saturating_add(PACE_BYTES));
        while !self.done && self.buffer.len() < most {
            if self.buffer.len() >= due {
                (deadline, due) = (Instant::now() + self.time, self.buffer.len().saturating_add(PACE_BYTES));
            }
            let frame = tokio::time::timeout_at(deadline, self.body.frame()).await.map_err(|_| {
                let seconds = self.time.as_secs();
                let sentence = format!(
                    "The request body came too slowly: less than 1 MiB in {seconds} seconds (server.body_seconds)"
                );
                ApiError::new(ErrorCode::RequestTooSlow, sentence)
            })?;
            match frame {
                None => self.done = true,
                Some(Err(_)) => return Err(ApiError::bad_request("The request body ended before it was complete")),
                Some(Ok(frame)) => {
                    // Trailers are ignored.
                    let Ok(data) = frame.into_data() else { continue };
                    if self.buffer.len().saturating_add(data.len()) > self.limit {
                        return Err(too_large(self.limit));
                    }
                    self.make_room(data.len())?;
                    self.buffer.extend_from_slice(&data);
                }
            }
        }
        Ok(self.done)
    }

    /// Reads and discards a limited amount for a limited time. A client that is still sending when the error response
    /// arrives may never see it.
    pub async fn discard(mut self) {
        let (mut left, deadline) = (DISCARDED_BYTES, Instant::now() + DISCARDING);
        while !self.done && left > 0 {
            match tokio::time::timeout_at(deadline, self.body.frame()).await {
                Ok(Some(Ok(frame))) => left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len)),
                _ => return,
            }
        }
    }

    fn make_room(&mut self, more: usize) -> Result<(), ApiError> {
        let (length, capacity) = (self.buffer.len(), self.buffer.capacity());
        let needed = length.saturating_add(more);
        if needed <= capacity {
            return Ok(());
        }
        let ahead = capacity.saturating_add((capacity / 2).max(STEP_BYTES));
        let declared = if self.declared >= needed { self.declared } else { usize::MAX };
        let wanted = if self.held.is_some() { ahead.min(declared).max(needed) } else { needed };
        if let Some(held) = &self.held {
            held.grow((wanted - capacity) as u64)?;
        }
        self.buffer.reserve_exact(wanted - length);
        Ok(())
    }

    pub fn into_bytes(self) -> Bytes {
        self.buffer.into()
    }
}
