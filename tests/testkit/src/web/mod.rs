//! A web server on loopback for `csv_url_load`. It serves pages that tests define, and records the requests.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a server for tests, which may fail loudly"
)]

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

pub mod encode;
mod page;

pub use page::{Body, Page};

use crate::accept::each_connection;
use crate::wait::eventually;

/// A request as it was received.
#[derive(Debug, Clone)]
pub struct Seen {
    pub path: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

#[derive(Default)]
struct State {
    pages: HashMap<String, Page>,
    seen: Vec<Seen>,
    released: bool,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    release: Condvar,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no thread of the web server panics")
    }
}

/// The server. Dropping it stops it.
pub struct Web {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Web {
    /// Starts a server with a table of three rows at `/ok.csv`. `page` adds more pages.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared::default());
        let web = Web { address, shared: Arc::clone(&shared) };
        each_connection(listener, shared, answer);
        web.page("/ok.csv", Page::csv(OK_CSV));
        web
    }

    pub fn page(&self, path: &str, page: Page) {
        self.shared.state().pages.insert(path.to_owned(), page);
    }

    /// `127.0.0.1:PORT`, the form that `urls.allow` takes.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.shared.state().seen.clone()
    }

    /// Waits until this path has been requested this many times.
    pub fn await_requests(&self, path: &str, times: usize) {
        eventually(&format!("{times} requests for {path}"), || {
            (self.shared.state().seen.iter().filter(|seen| seen.path == path).count() >= times).then_some(())
        });
    }

    /// Releases the pages whose body is held.
    pub fn release(&self) {
        self.shared.state().released = true;
        self.shared.release.notify_all();
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        self.release();
        // Wakes the accepting thread, which then sees that the server was dropped.
        let shared = std::mem::take(&mut self.shared);
        drop(shared);
        let _ = TcpStream::connect(self.address);
    }
}

/// The table that most loads from a URL use.
pub const OK_CSV: &str = "id,name,n\n1,a,10\n2,b,20\n3,c,30\n";

fn answer(stream: TcpStream, shared: &Shared) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let Some(first) = lines.next().transpose()? else {
        return Ok(());
    };
    let path = first.split_whitespace().nth(1).unwrap_or_default().to_owned();
    let mut headers = Vec::new();
    for line in lines {
        let line = line?;
        let Some((name, value)) = line.split_once(':') else {
            break;
        };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let seen = Seen { path: path.clone(), headers };
    let page = {
        let mut state = shared.state();
        state.seen.push(seen.clone());
        state.pages.get(&path).cloned().unwrap_or_else(|| Page::status(404))
    };
    page.for_request(&seen).write(stream, || {
        let mut state = shared.state();
        while !state.released {
            state = shared.release.wait(state).expect("no thread of the web server panics");
        }
    })
}

/// Writes everything at once, so that a reader sees a page as one event.
fn flush(mut stream: &TcpStream, bytes: &[u8]) -> std::io::Result<()> {
    stream.write_all(bytes)?;
    stream.flush()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::{Client, Login};

    #[test]
    fn pages_are_served_and_requests_recorded() {
        let web = Web::start();
        web.page("/names", Page::csv("").body(Body::HeaderNames));
        web.page("/private", Page::csv("x").require("X-Key", "1"));
        let client = Client::new(&web.url(""), Login::Nobody);
        let get = |path| client.request(&Login::Nobody, "GET", path, None, b"").unwrap();
        assert_eq!((get("/ok.csv").status, get("/ok.csv").text.as_str()), (200, OK_CSV));
        assert_eq!((get("/nothing").status, get("/private").status), (404, 403));
        assert!(get("/names").text.contains("host"));
        assert_eq!(web.seen().len(), 5);
    }

    #[test]
    fn a_held_body_continues_when_it_is_released() {
        let web = Web::start();
        web.page("/held", Page::csv("").body(Body::Held(b"a".as_slice().into(), b"b".as_slice().into())));
        let client = Client::new(&web.url(""), Login::Nobody);
        std::thread::scope(|scope| {
            let reply = scope.spawn(|| client.request(&Login::Nobody, "GET", "/held", None, b"").unwrap());
            web.await_requests("/held", 1);
            web.release();
            assert_eq!(reply.join().expect("a reply").text, "ab");
        });
    }
}
