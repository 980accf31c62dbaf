//! The rows of a search or of a listing as the body of an answer: at once if they are few, in pieces if they are many. Memory does not
//! grow with the number of rows, and a client that stops reading does not keep the store's snapshot for ever.

use std::io;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use tokio::sync::mpsc;
use tracing::{error, info};

use super::error::ApiError;
use super::reply::Reply;
use crate::records::query::QueryError;
use crate::searches::Rows;

/// What an answer is made of, a part at a time.
pub(super) trait Parts: Send + 'static {
    type Error: Into<ApiError> + std::fmt::Display + Send;

    /// Appends the next rows, with a comma before all but the very first. False at the end.
    fn next(&mut self, out: &mut Vec<u8>) -> impl Future<Output = Result<bool, Self::Error>> + Send;
}

impl Parts for Rows {
    type Error = QueryError;

    fn next(&mut self, out: &mut Vec<u8>) -> impl Future<Output = Result<bool, QueryError>> + Send {
        Rows::next(self, out)
    }
}

/// A result smaller than this is sent whole, with its length.
const WHOLE_BYTES: usize = 512 * 1024;
/// Pieces that wait for the client.
const WAITING_PIECES: usize = 2;
/// A client that takes nothing for so long loses the rest of its answer.
const STALLED: Duration = Duration::from_secs(30);

pub(super) async fn answer(mut rows: impl Parts) -> Result<Reply, ApiError> {
    let mut text = vec![b'['];
    while text.len() < WHOLE_BYTES {
        if !rows.next(&mut text).await.map_err(Into::into)? {
            text.push(b']');
            return Ok(Reply::Json(text));
        }
    }
    let (pieces, waiting) = mpsc::channel(WAITING_PIECES);
    tokio::spawn(send(rows, text, pieces));
    let stream = futures::stream::unfold(waiting, |mut waiting| async move { Some((waiting.recv().await?, waiting)) });
    Ok(Reply::Stream(Body::from_stream(stream)))
}

async fn send(mut rows: impl Parts, first: Vec<u8>, pieces: mpsc::Sender<io::Result<Bytes>>) {
    let mut text = first;
    loop {
        if !text.is_empty() && !pass_on(&pieces, Ok(std::mem::take(&mut text).into())).await {
            return;
        }
        match rows.next(&mut text).await {
            Ok(true) => {}
            Ok(false) => {
                text.push(b']');
                pass_on(&pieces, Ok(text.into())).await;
                return;
            }
            Err(cause) => {
                // The status is sent already: a body that breaks off is how the client learns.
                error!(%cause, "a search failed while its rows were being sent");
                pass_on(&pieces, Err(io::Error::other("the search failed"))).await;
                return;
            }
        }
    }
}

/// False if the client is gone or has stopped reading.
async fn pass_on(pieces: &mpsc::Sender<io::Result<Bytes>>, piece: io::Result<Bytes>) -> bool {
    match tokio::time::timeout(STALLED, pieces.send(piece)).await {
        Ok(sent) => sent.is_ok(),
        Err(_) => {
            info!("a client stopped reading the rows of its search");
            false
        }
    }
}
