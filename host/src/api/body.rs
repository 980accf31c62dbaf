//! Reading the body of a request: its declared type, and its bytes in bounds of size and time.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

use super::error::ApiError;

/// A larger body is read only for somebody who has proved who they are.
pub(super) const UNAUTHENTICATED_BYTES: usize = 1 << 20;
/// What a client has to send in the time that `server.body_seconds` gives.
const PACE_BYTES: usize = 1 << 20;
/// Memory taken at once on the word of a `Content-Length`.
const MOST_RESERVED: usize = 64 << 20;

/// Largest bodies whose room there is at once; many more smaller ones fit into it.
const LARGEST_AT_ONCE: usize = 2;
/// How long a body waits for room.
const WAIT_FOR_ROOM: Duration = Duration::from_secs(30);
const PERMIT_BYTES: usize = 1 << 20;

/// Memory for large bodies, all requests together. Whoever finds no room waits, and is not read from meanwhile.
pub(super) struct Room {
    permits: Semaphore,
    largest: u32,
}

impl Room {
    pub fn new(limit: usize) -> Self {
        let largest = permits_for(limit);
        let all = usize::try_from(largest).unwrap_or(usize::MAX).saturating_mul(LARGEST_AT_ONCE);
        Room { permits: Semaphore::new(all.min(Semaphore::MAX_PERMITS)), largest }
    }

    /// Waits for room for what is declared, or for the largest body if nothing is. It is given back when the permit is
    /// dropped.
    pub async fn take(&self, declared: usize) -> Result<SemaphorePermit<'_>, ApiError> {
        let wanted = if declared == 0 { self.largest } else { permits_for(declared).min(self.largest) };
        match tokio::time::timeout(WAIT_FOR_ROOM, self.permits.acquire_many(wanted)).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => {
                Err(ApiError::busy("Too many large request bodies are being read at once; try again in a moment"))
            }
        }
    }
}

fn permits_for(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(PERMIT_BYTES)).unwrap_or(u32::MAX)
}

/// Accepts JSON only. A body of plain text is taken for a string, as Harper does, in which there is no operation.
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
    ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, sentence)
}

fn too_large(limit: usize) -> ApiError {
    ApiError::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        format!("Request body is larger than the limit of {limit} bytes (server.max_body_bytes)"),
    )
}

/// A body that is being read.
pub(super) struct Reader {
    body: Body,
    declared: usize,
    limit: usize,
    /// For each [`PACE_BYTES`].
    time: Duration,
    buffer: BytesMut,
    done: bool,
}

impl Reader {
    pub fn new(headers: &HeaderMap, body: Body, limit: usize, time: Duration) -> Result<Self, ApiError> {
        let declared = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        let declared: usize = declared.unwrap_or(0);
        if declared > limit {
            return Err(too_large(limit));
        }
        Ok(Reader { body, declared, limit, time, buffer: BytesMut::new(), done: false })
    }

    /// The `Content-Length`; 0 if there is none.
    pub fn declared(&self) -> usize {
        self.declared
    }

    /// Reads until the end or until there are `most` bytes, whichever comes first. True at the end.
    pub async fn read(&mut self, most: usize) -> Result<bool, ApiError> {
        if !self.done && self.declared > self.buffer.len() {
            let wanted = self.declared.min(most).min(MOST_RESERVED);
            self.buffer.reserve(wanted.saturating_sub(self.buffer.len()));
        }
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
                ApiError::new(StatusCode::REQUEST_TIMEOUT, sentence)
            })?;
            match frame {
                None => self.done = true,
                Some(Err(_)) => return Err(ApiError::bad_request("The request body ended before it was complete")),
                Some(Ok(frame)) => {
                    // Trailers carry nothing of interest here.
                    let Ok(data) = frame.into_data() else { continue };
                    if self.buffer.len().saturating_add(data.len()) > self.limit {
                        return Err(too_large(self.limit));
                    }
                    self.buffer.extend_from_slice(&data);
                }
            }
        }
        Ok(self.done)
    }

    pub fn into_bytes(self) -> Bytes {
        self.buffer.freeze()
    }
}
