//! Hand-written HTTP that no regular client sends.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use jobhost_tests::options::{ADMIN, PASSWORD};
use jobhost_tests::wait::DEADLINE;
use jobhost_tests::{Host, Login};

pub struct Connection(TcpStream);

impl Connection {
    pub fn to(host: &Host) -> Self {
        let address = host.url().strip_prefix("http://").expect("a URL");
        let stream = TcpStream::connect(address).expect("a connection");
        stream.set_read_timeout(Some(DEADLINE)).expect("a timeout");
        stream.set_write_timeout(Some(DEADLINE)).expect("a timeout");
        Connection(stream)
    }

    /// Returns false if the host has closed the connection.
    pub fn write(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.0.write_all(bytes.as_ref()).is_ok()
    }

    /// Writes as much as possible without waiting, and returns the number of bytes.
    pub fn offer(&mut self, bytes: &[u8]) -> usize {
        self.0.set_nonblocking(true).expect("a socket");
        let mut taken = 0;
        while let Some(rest) = bytes.get(taken..).filter(|rest| !rest.is_empty()) {
            match self.0.write(rest) {
                Ok(count) if count > 0 => taken += count,
                _ => break,
            }
        }
        self.0.set_nonblocking(false).expect("a socket");
        taken
    }

    /// Reads what has arrived so far, at most `most` bytes.
    pub fn sip(&mut self, most: usize) -> usize {
        self.0.set_nonblocking(true).expect("a socket");
        let count = self.0.read(&mut vec![0; most]).unwrap_or_default();
        self.0.set_nonblocking(false).expect("a socket");
        count
    }

    /// Closes the sending side, and continues to read.
    pub fn end_of_sending(&self) {
        let _closed_already = self.0.shutdown(std::net::Shutdown::Write);
    }

    /// Reads until the host closes the connection.
    #[track_caller]
    pub fn read_to_end(&mut self) -> String {
        let mut answer = Vec::new();
        match self.0.read_to_end(&mut answer) {
            Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {
                panic!("the host keeps the connection open; so far it said {:?}", String::from_utf8_lossy(&answer))
            }
            // A reset closes it as well.
            _ => String::from_utf8_lossy(&answer).into_owned(),
        }
    }

    /// Whether the host has closed the connection.
    pub fn is_closed(&mut self) -> bool {
        self.0.set_read_timeout(Some(Duration::from_millis(1))).expect("a timeout");
        let read = self.0.read(&mut [0; 1024]);
        self.0.set_read_timeout(Some(DEADLINE)).expect("a timeout");
        match read {
            Ok(count) => count == 0,
            Err(error) => !matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut),
        }
    }
}

/// The head of a request for an operation with these headers, each with its line end, and the administrator's login.
pub fn post(headers: &str) -> String {
    post_as(&Login::basic(ADMIN, PASSWORD), headers)
}

/// The same with another login.
pub fn post_as(login: &Login, headers: &str) -> String {
    let login = login.header().map(|value| format!("Authorization: {value}\r\n")).unwrap_or_default();
    format!("POST / HTTP/1.1\r\nHost: x\r\n{login}Content-Type: application/json\r\n{headers}\r\n")
}

/// A complete request that keeps the connection open.
pub fn request(login: &Login, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    [post_as(login, &format!("Content-Length: {}\r\n", body.len())).as_bytes(), body].concat()
}

/// Status and text of the response to an operation. `None` if the host closed the connection while the request was
/// sent, which may discard the response.
#[track_caller]
pub fn told(host: &Host, login: &Login, body: &str) -> Option<(u16, String)> {
    let mut connection = Connection::to(host);
    let head = post_as(login, &format!("Connection: close\r\nContent-Length: {}\r\n", body.len()));
    let _the_answer_tells = connection.write(head) && connection.write(body);
    let answer = connection.read_to_end();
    let status = statuses(&answer).first().copied()?;
    Some((status, answer.split_once("\r\n\r\n").map(|(_, text)| text.to_owned()).unwrap_or_default()))
}

/// Sends these bytes and returns all responses. The last request must make the host close the connection.
#[track_caller]
pub fn exchange(host: &Host, bytes: impl AsRef<[u8]>) -> String {
    let mut connection = Connection::to(host);
    connection.write(bytes);
    connection.read_to_end()
}

/// Returns the status codes of the responses in a text.
pub fn statuses(answers: &str) -> Vec<u16> {
    let heads = answers.split("HTTP/1.1 ").skip(1);
    heads.filter_map(|head| head.get(..3)?.parse().ok()).filter(|status| *status != 100).collect()
}
