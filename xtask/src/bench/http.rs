//! A blocking HTTP/1.1 client on one kept-alive connection. It exists because client and host share the
//! processors: a full client would measure itself. It understands what jobhost answers and no more; must
//! never be used against anything else.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine};

use crate::failure::{Doing, Failure, Result};

const TIMEOUT: Duration = Duration::from_secs(60);
const MAX_BODY: u64 = 64 << 20;

pub struct Connection {
    address: SocketAddr,
    authorization: String,
    stream: BufReader<TcpStream>,
    request: Vec<u8>,
    body: Vec<u8>,
}

impl Connection {
    pub fn open(address: SocketAddr, user: &str, password: &str) -> Result<Self> {
        Ok(Self {
            address,
            authorization: format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}"))),
            stream: BufReader::new(connect(address)?),
            request: Vec::new(),
            body: Vec::new(),
        })
    }

    /// Sends one JSON body to `POST /` and returns status and answer.
    pub fn post(&mut self, json: &str) -> Result<(u16, &[u8])> {
        self.exchange("POST", "/", json)
    }

    pub fn get(&mut self, path: &str) -> Result<(u16, &[u8])> {
        self.exchange("GET", path, "")
    }

    fn exchange(&mut self, method: &str, path: &str, body: &str) -> Result<(u16, &[u8])> {
        self.request.clear();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            self.address,
            self.authorization,
            body.len()
        );
        self.request.extend_from_slice(head.as_bytes());
        self.request.extend_from_slice(body.as_bytes());
        let failed = || "the request to jobhost failed".to_owned();
        self.stream.get_mut().write_all(&self.request).doing(failed)?;
        let (status, close) = self.read_answer()?;
        if close {
            self.stream = BufReader::new(connect(self.address)?);
        }
        Ok((status, &self.body))
    }

    fn read_answer(&mut self) -> Result<(u16, bool)> {
        let line = self.line()?;
        let status = line.split(' ').nth(1).and_then(|s| s.parse().ok());
        let Some(status) = status else {
            return Err(Failure::new(format!("jobhost's answer does not start as HTTP: {line:?}")));
        };
        let (mut length, mut chunked, mut close) = (0, false, false);
        loop {
            let line = self.line()?;
            if line.is_empty() {
                break;
            }
            let Some((name, value)) = line.split_once(':') else {
                continue;
            };
            let value = value.trim();
            if name.eq_ignore_ascii_case("content-length") {
                length = value.parse().unwrap_or(0);
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                chunked = value.eq_ignore_ascii_case("chunked");
            } else if name.eq_ignore_ascii_case("connection") {
                close = value.eq_ignore_ascii_case("close");
            }
        }
        self.body.clear();
        if chunked {
            while self.chunk()? {}
        } else {
            self.take(length)?;
        }
        Ok((status, close))
    }

    fn chunk(&mut self) -> Result<bool> {
        let line = self.line()?;
        let size = line.split(';').next().and_then(|s| u64::from_str_radix(s.trim(), 16).ok());
        let size = size.ok_or_else(|| Failure::new("jobhost's answer has a chunk without a size"))?;
        self.take(size)?;
        self.line()?;
        Ok(size > 0)
    }

    fn take(&mut self, length: u64) -> Result<()> {
        if length > MAX_BODY {
            return Err(Failure::new(format!("jobhost answers {length} bytes; expected less")));
        }
        let read = self.stream.by_ref().take(length).read_to_end(&mut self.body);
        let read = read.doing(|| "the answer of jobhost was cut".to_owned())?;
        if read as u64 == length {
            Ok(())
        } else {
            Err(Failure::new("jobhost closed the connection in the middle of an answer"))
        }
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        let read = self.stream.by_ref().take(64 << 10).read_line(&mut line);
        match read.doing(|| "the answer of jobhost was cut".to_owned())? {
            0 => Err(Failure::new("jobhost closed the connection without an answer")),
            _ => Ok(line.trim_end().to_owned()),
        }
    }
}

fn connect(address: SocketAddr) -> Result<TcpStream> {
    let cannot = || format!("cannot connect to jobhost at {address}");
    let stream = TcpStream::connect_timeout(&address, TIMEOUT).doing(cannot)?;
    stream.set_nodelay(true).doing(cannot)?;
    stream.set_read_timeout(Some(TIMEOUT)).doing(cannot)?;
    stream.set_write_timeout(Some(TIMEOUT)).doing(cannot)?;
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::thread;

    #[test]
    fn answers_with_length_and_in_chunks_on_one_connection() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            let mut stream = BufReader::new(stream);
            for answer in [
                "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]",
                "HTTP/1.1 400 Bad Request\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n",
            ] {
                let mut line = String::new();
                while line != "\r\n" {
                    line.clear();
                    stream.read_line(&mut line).unwrap();
                }
                stream.read_exact(&mut [0; 2]).unwrap();
                stream.get_mut().write_all(answer.as_bytes()).unwrap();
            }
        });
        let mut c = Connection::open(address, "u", "p").unwrap();
        assert_eq!(c.post("{}").unwrap(), (200, b"[]".as_slice()));
        assert_eq!(c.post("{}").unwrap(), (400, b"abcd".as_slice()));
        server.join().unwrap();
        assert!(c.post("{}").is_err());
    }
}
