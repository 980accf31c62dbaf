//! The accept loop of the servers for tests: a thread for each connection, until the owner drops the server.

use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

/// Answers each connection on a thread of its own. The loop ends at the first connection after all other owners of `shared`
/// are gone.
pub(crate) fn each_connection<S, A>(listener: TcpListener, shared: Arc<S>, answer: fn(TcpStream, &S) -> A)
where
    S: Send + Sync + 'static,
    A: 'static,
{
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(stream) = stream else { return };
            if Arc::strong_count(&shared) == 1 {
                return;
            }
            let shared = Arc::clone(&shared);
            // A peer that disconnects is part of what is tested.
            std::thread::spawn(move || drop(answer(stream, &shared)));
        }
    });
}
