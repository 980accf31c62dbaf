//! Sends the rows of a search or listing as a response body: small results at once, large ones streamed. Memory does
//! not grow with the number of rows, and a slow client cannot pin a store snapshot forever.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use tracing::{error, info};

use super::call::Call;
use super::error::ApiError;
use super::reply::Reply;
use jobhost_budget::Held;
use jobhost_search::Rows;
use jobhost_search::query::QueryError;
use jobhost_store::Store;

/// Produces the parts of a response.
pub(super) trait Parts: Send + 'static {
    type Error: Into<ApiError> + std::fmt::Display + Send;

    /// Appends the next rows, with a comma before all but the first. Returns false at the end.
    fn next(&mut self, out: &mut Vec<u8>) -> impl Future<Output = Result<bool, Self::Error>> + Send;
}

impl Parts for Rows {
    type Error = QueryError;

    fn next(&mut self, out: &mut Vec<u8>) -> impl Future<Output = Result<bool, QueryError>> + Send {
        Rows::next(self, out)
    }
}

/// Smaller results are sent whole, with a `Content-Length`.
const WHOLE_BYTES: usize = 512 * 1024;
/// Maximum pieces buffered for the client.
const WAITING_PIECES: usize = 2;
/// The memory of a streamed response: one piece being built, the buffered pieces, and one being sent.
const PIECES_BYTES: u64 = 2 << 20;
/// A client that reads nothing for this long loses the rest of its response.
const STALLED: Duration = Duration::from_secs(30);
/// The minimum rate is enforced after this time.
const GRACE: Duration = Duration::from_secs(60);
/// Minimum average rate in bytes per second. A slower client loses the rest of its response.
const PACE_BYTES: u64 = 32 << 10;
/// A pinned snapshot prevents the store from reusing freed space. If the store has grown this much in the meantime, a
/// client that is waited for loses the rest of its response.
const GROWTH_BYTES: u64 = 256 << 20;

pub(super) async fn answer(call: &Call<'_>, mut rows: impl Parts) -> Result<Reply, ApiError> {
    let mut text = vec![b'['];
    while text.len() < WHOLE_BYTES {
        let capacity = text.capacity() as u64;
        if !rows.next(&mut text).await.map_err(Into::into)? {
            text.push(b']');
            return Ok(Reply::Json(text));
        }
        call.held.grow((text.capacity() as u64).saturating_sub(capacity))?;
    }
    call.held.grow(PIECES_BYTES)?;
    let (pieces, waiting) = mpsc::channel(WAITING_PIECES);
    let complete = Arc::new(AtomicBool::new(false));
    let client = Client::new(pieces, Arc::clone(&complete), Arc::clone(&call.state.store), call.held.clone()).await;
    tokio::spawn(send(rows, text, client));
    let stream = futures::stream::unfold(Some(waiting), move |waiting| {
        let complete = Arc::clone(&complete);
        async move {
            let mut waiting = waiting?;
            match waiting.recv().await {
                Some(piece) => Some((piece, Some(waiting))),
                None if complete.load(Ordering::Acquire) => None,
                // If the body ended normally, the client would take it for complete.
                None => Some((Err(io::Error::other("the rest was abandoned")), None)),
            }
        }
    });
    Ok(Reply::Stream(Body::from_stream(stream)))
}

async fn send(mut rows: impl Parts, first: Vec<u8>, mut client: Client) {
    let mut text = first;
    loop {
        if !text.is_empty() && !client.take(std::mem::take(&mut text)).await {
            return;
        }
        match rows.next(&mut text).await {
            Ok(true) => {}
            Ok(false) => {
                text.push(b']');
                if client.take(text).await {
                    client.complete.store(true, Ordering::Release);
                }
                return;
            }
            Err(cause) => {
                // The status has already been sent. The broken-off body tells the client about the failure.
                error!(%cause, "a search failed while its rows were being sent");
                return;
            }
        }
    }
}

/// The reader of a response, and how fast it reads.
struct Client {
    pieces: mpsc::Sender<io::Result<Bytes>>,
    /// Set when the last piece has been passed on.
    complete: Arc<AtomicBool>,
    store: Arc<dyn Store>,
    begun: Instant,
    store_bytes: u64,
    taken: u64,
    _held: Held,
}

impl Client {
    async fn new(
        pieces: mpsc::Sender<io::Result<Bytes>>,
        complete: Arc<AtomicBool>,
        store: Arc<dyn Store>,
        held: Held,
    ) -> Self {
        let store_bytes = store.size().await.unwrap_or(u64::MAX);
        Client { pieces, complete, store, begun: Instant::now(), store_bytes, taken: 0, _held: held }
    }

    /// Passes a piece on. Returns false if the client is gone or too slow to wait for.
    async fn take(&mut self, piece: Vec<u8>) -> bool {
        let bytes = piece.len() as u64;
        let room = match self.pieces.try_reserve() {
            Ok(room) => room,
            Err(mpsc::error::TrySendError::Closed(())) => return false,
            Err(mpsc::error::TrySendError::Full(())) => {
                if let Some(why) = self.too_slow().await {
                    info!(why, "the rest of a search was not sent to its client");
                    return false;
                }
                match timeout(STALLED, self.pieces.reserve()).await {
                    Ok(Ok(room)) => room,
                    Ok(Err(_)) => return false,
                    Err(_) => {
                        info!("a client stopped reading the rows of its search");
                        return false;
                    }
                }
            }
        };
        room.send(Ok(piece.into()));
        self.taken += bytes;
        true
    }

    async fn too_slow(&self) -> Option<&'static str> {
        let age = self.begun.elapsed();
        if age > GRACE && self.taken / age.as_secs().max(1) < PACE_BYTES {
            return Some("it reads too slowly");
        }
        let size = self.store.size().await.unwrap_or_default();
        let grown = size.saturating_sub(self.store_bytes);
        (grown > GROWTH_BYTES).then_some("it reads more slowly than the store is written")
    }
}
