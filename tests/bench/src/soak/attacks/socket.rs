//! A connection that violates HTTP: it may send half a request, read nothing, and disconnect.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use jobhost_testkit::Login;

use crate::soak::scene::PASSWORD;

/// How long an attacker waits for the host to read or write.
const PATIENCE: Duration = Duration::from_secs(5);

pub struct Socket(TcpStream);

impl Socket {
    pub fn open(address: SocketAddr) -> Option<Self> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        stream.set_write_timeout(Some(PATIENCE)).ok()?;
        Some(Self(stream))
    }

    /// Returns whether all bytes were sent.
    pub fn send(&mut self, bytes: &[u8]) -> bool {
        self.0.write_all(bytes).is_ok()
    }

    /// Sends as much as possible without waiting. Returns whether the connection is still open.
    pub fn offer(&mut self, bytes: &[u8]) -> bool {
        if self.0.set_nonblocking(true).is_err() {
            return false;
        }
        let open = match self.0.write(bytes) {
            Ok(_) => true,
            Err(error) => error.kind() == std::io::ErrorKind::WouldBlock,
        };
        self.0.set_nonblocking(false).is_ok() && open
    }

    /// Reads the status of the response.
    pub fn status(&mut self) -> Option<u16> {
        let mut line = [0; 12];
        self.0.read_exact(&mut line).ok()?;
        std::str::from_utf8(&line).ok()?.rsplit(' ').next()?.parse().ok()
    }
}

/// The head of a request with these headers, each with its line end. Without a user, it has no login.
pub fn head(user: Option<(&str, &str)>, headers: &str) -> String {
    let login = user.and_then(|(name, password)| Login::basic(name, password).header());
    let login = login.map(|login| format!("Authorization: {login}\r\n")).unwrap_or_default();
    format!("POST / HTTP/1.1\r\nHost: x\r\n{login}Content-Type: application/json\r\n{headers}\r\n")
}

pub fn request(user: &str, body: &str) -> Vec<u8> {
    let mut bytes = head(Some((user, PASSWORD)), &format!("Content-Length: {}\r\n", body.len())).into_bytes();
    bytes.extend_from_slice(body.as_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn a_request_is_sent_and_its_status_read() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut socket = Socket::open(listener.local_addr().unwrap()).unwrap();
        assert!(socket.send(&request("u", "{}")) && socket.offer(b"x"));
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"HTTP/1.1 429 Too Many Requests\r\n").unwrap();
        assert_eq!(socket.status(), Some(429));
        assert!(head(None, "").ends_with("application/json\r\n\r\n"));
        assert!(!head(None, "").contains("Authorization"));
    }
}
