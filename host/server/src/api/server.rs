//! Accepts connections up to a limit, limits how long clients may take to send, and shuts connections down gracefully.
//! Independent of the service that runs on them.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use rustix::process::{Resource, getrlimit};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::read_ahead::{ReadAhead, ShortReads};

/// The pause after a transient error, such as a lack of file descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// Limits of connections. Each has a key in section `server` of the configuration.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionLimits {
    /// Maximum time for the head of a request, including the idle time before it: `header_seconds`.
    pub header: Duration,
    /// A client that reads nothing of a response for this long is disconnected: `reply_seconds`.
    pub reply: Duration,
    /// Maximum open connections; further ones wait in the backlog: `max_connections`.
    pub connections: usize,
}

/// The memory of an unauthenticated connection: the protocol's buffers, the beginning of a body, a task.
const CONNECTION_BYTES: u64 = 48 << 10;
/// Connections may use at most this fraction (one eighth) of the memory budget.
const CONNECTIONS_PART: u64 = 8;
/// Buffer for the head of a request and for read-ahead of its body.
const BUFFER_BYTES: usize = 32 << 10;

/// The client's address, stored in the extensions of its requests.
#[derive(Debug, Clone, Copy)]
pub struct ClientAddress(pub IpAddr);

impl ConnectionLimits {
    /// Reduces the maximum to what the memory budget has room for.
    pub fn within(self, memory_bytes: u64) -> Self {
        let most = usize::try_from(memory_bytes / CONNECTIONS_PART / CONNECTION_BYTES).unwrap_or(usize::MAX);
        ConnectionLimits { connections: self.connections.min(most), ..self }
    }

    /// Connections may use at most half of the process's file descriptors, because jobs need some too.
    fn room(&self) -> usize {
        let descriptors = getrlimit(Resource::Nofile).current.and_then(|most| usize::try_from(most / 2).ok());
        self.connections.min(descriptors.unwrap_or(usize::MAX)).clamp(1, Semaphore::MAX_PERMITS)
    }
}

/// Serves until `stop`, then waits up to `drain` for running requests. Returns false if some did not finish.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: ConnectionLimits,
    stop: CancellationToken,
    drain: Duration,
) -> bool {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(limits.header).max_buf_size(BUFFER_BYTES);
    let open = GracefulShutdown::new();
    let room = Arc::new(Semaphore::new(limits.room()));
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = accept(&listener, &room) => accepted,
        };
        let Some((stream, address, place)) = accepted else { continue };
        let service = TowerToHyperService::new(router.clone());
        let ahead = ReadAhead::default();
        let mut stream = TimeoutStream::new(ShortReads { stream, ahead: ahead.clone() });
        let service = service_fn(move |mut request: hyper::Request<Incoming>| {
            request.extensions_mut().insert(ClientAddress(address));
            request.extensions_mut().insert(ahead.clone());
            service.call(request)
        });
        stream.set_write_timeout(Some(limits.reply));
        let connection = open.watch(http.serve_connection(TokioIo::new(Box::pin(stream)), service));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                debug!(%error, "a connection ended");
            }
            drop(place);
        });
    }
    drop(listener);
    tokio::time::timeout(drain, open.shutdown()).await.is_ok()
}

async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> Option<(TcpStream, IpAddr, tokio::sync::OwnedSemaphorePermit)> {
    let place = Arc::clone(room).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, from)) => {
            if let Err(error) = stream.set_nodelay(true) {
                debug!(%error, "TCP_NODELAY could not be set");
            }
            Some((stream, from.ip(), place))
        }
        Err(error) => {
            warn!(%error, "a connection could not be accepted");
            tokio::time::sleep(PAUSE).await;
            None
        }
    }
}
