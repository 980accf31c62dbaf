//! HTTP by hand: what no decent client sends.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jobhost_tests::Host;
use jobhost_tests::options::{ADMIN, PASSWORD};
use jobhost_tests::wait::DEADLINE;

/// A connection to a host.
pub struct Connection(TcpStream);

impl Connection {
    pub fn to(host: &Host) -> Self {
        let address = host.url().strip_prefix("http://").expect("a URL");
        let stream = TcpStream::connect(address).expect("a connection");
        stream.set_read_timeout(Some(DEADLINE)).expect("a timeout");
        stream.set_write_timeout(Some(DEADLINE)).expect("a timeout");
        Connection(stream)
    }

    /// A host that has closed the connection does not read any more; then this says false.
    pub fn write(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.0.write_all(bytes.as_ref()).is_ok()
    }

    /// All that comes until the host closes the connection.
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

    /// Whether the host has closed the connection by now.
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
    let login = BASE64.encode(format!("{ADMIN}:{PASSWORD}"));
    format!(
        "POST / HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {login}\r\nContent-Type: application/json\r\n{headers}\r\n"
    )
}

/// Send these bytes and give all answers. The last request must make the host close the connection.
#[track_caller]
pub fn exchange(host: &Host, bytes: impl AsRef<[u8]>) -> String {
    let mut connection = Connection::to(host);
    connection.write(bytes);
    connection.read_to_end()
}

/// The status codes of the answers in a text.
pub fn statuses(answers: &str) -> Vec<u16> {
    let heads = answers.split("HTTP/1.1 ").skip(1);
    heads.filter_map(|head| head.get(..3)?.parse().ok()).filter(|status| *status != 100).collect()
}
