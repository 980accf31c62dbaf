//! A server that holds its responses until they are released. A job that loads from it keeps a worker busy, so that all
//! jobs after it really wait in the queue at once.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use jobhost_testkit::failure::{Doing, Result};

const CSV: &str = "id,name\n1,gate\n";

#[derive(Default)]
struct Lock {
    open: Mutex<bool>,
    changed: Condvar,
}

pub struct Gate {
    address: SocketAddr,
    lock: Arc<Lock>,
    arrivals: Receiver<()>,
}

impl Gate {
    pub fn open() -> Result<Self> {
        let cannot = || "cannot listen on a loopback port".to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").doing(cannot)?;
        let address = listener.local_addr().doing(cannot)?;
        let lock = Arc::new(Lock::default());
        let (arrived, arrivals) = mpsc::channel();
        let shared = Arc::clone(&lock);
        // Ends with this program; until then it holds only a loopback port.
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (lock, arrived) = (Arc::clone(&shared), arrived.clone());
                thread::spawn(move || answer(stream, &lock, &arrived).ok());
            }
        });
        Ok(Self { address, lock, arrivals })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether another download begins within that time.
    pub fn another_waits(&self, within: Duration) -> bool {
        self.arrivals.recv_timeout(within).is_ok()
    }

    pub fn release(&self) {
        *self.lock.open.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.lock.changed.notify_all();
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.release();
    }
}

fn answer(stream: TcpStream, lock: &Lock, arrived: &Sender<()>) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        if stream.read_line(&mut line)? == 0 {
            return Ok(());
        }
    }
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        CSV.len()
    );
    stream.get_mut().write_all(head.as_bytes())?;
    arrived.send(()).ok();
    let mut open = lock.open.lock().unwrap_or_else(PoisonError::into_inner);
    while !*open {
        open = lock.changed.wait(open).unwrap_or_else(PoisonError::into_inner);
    }
    drop(open);
    stream.get_mut().write_all(CSV.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn the_body_is_sent_only_after_the_release() {
        let gate = Gate::open().unwrap();
        let mut stream = TcpStream::connect(gate.address()).unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        assert!(gate.another_waits(Duration::from_secs(60)));
        gate.release();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        assert!(text.ends_with(CSV), "{text}");
    }
}
