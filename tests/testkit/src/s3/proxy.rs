//! A proxy in front of an S3 server. It sees every request and applies the test's rule to it, to simulate network
//! failures.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::accept::each_connection;
use crate::wait::eventually;

/// A request as it was received.
#[derive(Debug, Clone)]
pub struct Asked {
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// Number of earlier requests with this method.
    pub before: usize,
}

impl Asked {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Whether this request reads an object, or a part of one.
    pub fn reads(&self, key: &str) -> bool {
        self.method == "GET" && self.target.split('?').next().is_some_and(|path| path.ends_with(key))
    }

    /// Whether this request uploads an object, or a part of one.
    pub fn writes(&self) -> bool {
        self.method == "PUT"
    }
}

/// What to do with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    Pass,
    /// Ends the response after this many bytes of its body.
    Cut(usize),
    /// Pauses the response after this many bytes of its body until the proxy is released. 0 pauses before the head.
    Hold(usize),
    /// Responds with this status instead of passing the request on.
    Refuse(u16),
    /// Closes the connection without a response.
    Drop,
}

type Rule = dyn Fn(&Asked) -> Act + Send + Sync;

#[derive(Default)]
struct State {
    asked: Vec<Asked>,
    released: bool,
}

struct Shared {
    upstream: String,
    rule: Box<Rule>,
    state: Mutex<State>,
    release: Condvar,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn await_release(&self) {
        let mut state = self.state();
        while !state.released {
            state = self.release.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// The proxy. Dropping it stops it.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Proxy {
    /// Starts a proxy for a server (`127.0.0.1:PORT`). The rule may have side effects before it decides.
    pub fn start(upstream: &str, rule: impl Fn(&Asked) -> Act + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let (state, release) = (Mutex::default(), Condvar::new());
        let shared = Arc::new(Shared { upstream: upstream.to_owned(), rule: Box::new(rule), state, release });
        let proxy = Proxy { address, shared: Arc::clone(&shared) };
        each_connection(listener, shared, pass);
        proxy
    }

    pub fn address(&self) -> String {
        self.address.to_string()
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.shared.state().asked.clone()
    }

    /// Waits for a request that satisfies the condition.
    pub fn await_request(&self, what: &str, wanted: impl Fn(&Asked) -> bool) {
        eventually(what, || self.shared.state().asked.iter().any(&wanted).then_some(()));
    }

    /// Releases the paused responses, and pauses none from now on.
    pub fn release(&self) {
        self.shared.state().released = true;
        self.shared.release.notify_all();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.release();
        // Wakes the accepting thread, which then sees that the proxy was dropped.
        let address = self.address;
        let nobody = Shared {
            upstream: String::new(),
            rule: Box::new(|_| Act::Drop),
            state: Mutex::default(),
            release: Condvar::new(),
        };
        drop(std::mem::replace(&mut self.shared, Arc::new(nobody)));
        let _ = TcpStream::connect(address);
    }
}

/// Handles one request and its response. Each has a separate connection on both sides.
fn pass(mut client: TcpStream, shared: &Shared) -> std::io::Result<()> {
    let mut reader = BufReader::new(client.try_clone()?);
    let Some((mut asked, head)) = read_head(&mut reader)? else { return Ok(()) };
    {
        let mut state = shared.state();
        asked.before = state.asked.iter().filter(|other| other.method == asked.method).count();
        state.asked.push(asked.clone());
    }
    let act = (shared.rule)(&asked);
    let length: u64 = asked.header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    if let Act::Refuse(status) = act {
        std::io::copy(&mut reader.take(length), &mut std::io::sink())?;
        return refuse(&mut client, status);
    }
    if act == Act::Drop {
        return client.shutdown(Shutdown::Both);
    }
    let mut server = TcpStream::connect(&shared.upstream)?;
    server.write_all(head.as_bytes())?;
    std::io::copy(&mut reader.take(length), &mut server)?;
    let mut answer = BufReader::new(server);
    if act == Act::Hold(0) {
        shared.await_release();
    }
    loop {
        let mut line = Vec::new();
        answer.read_until(b'\n', &mut line)?;
        client.write_all(&line)?;
        if line.len() <= 2 {
            break;
        }
    }
    if let Act::Cut(bytes) | Act::Hold(bytes) = act {
        std::io::copy(&mut (&mut answer).take(bytes as u64), &mut client)?;
    }
    if matches!(act, Act::Hold(_)) {
        shared.await_release();
    }
    if !matches!(act, Act::Cut(_)) {
        std::io::copy(&mut answer, &mut client)?;
    }
    client.shutdown(Shutdown::Both)
}

/// Reads the request. Also returns its head to send to the server, with a connection that closes after the response.
fn read_head(reader: &mut impl BufRead) -> std::io::Result<Option<(Asked, String)>> {
    let mut first = String::new();
    if reader.read_line(&mut first)? == 0 {
        return Ok(None);
    }
    let mut words = first.split_whitespace().map(str::to_owned);
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (mut headers, mut head) = (Vec::new(), first.clone());
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.split_once(':') else { break };
        let name = name.to_ascii_lowercase();
        if name != "connection" {
            head.push_str(&line);
        }
        headers.push((name, value.trim().to_owned()));
    }
    head.push_str("Connection: close\r\n\r\n");
    Ok(Some((Asked { method, target, headers, before: 0 }, head)))
}

fn refuse(client: &mut TcpStream, status: u16) -> std::io::Result<()> {
    let body = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>Refused</Code><Message>Refused by the test</Message></Error>";
    let length = body.len();
    write!(
        client,
        "HTTP/1.1 {status} Refused\r\nConnection: close\r\nContent-Type: application/xml\r\nContent-Length: {length}\r\n\r\n{body}"
    )?;
    client.shutdown(Shutdown::Both)
}
