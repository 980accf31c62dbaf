//! One jobhost, started in a fresh data directory and stopped at the end, also when a measurement fails.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{LazyLock, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::http::Connection;
use crate::failure::{Doing, Failure, Result};
use crate::process;

const LOG: &str = "stderr.log";
const USER: &str = "HDB_ADMIN";
const READY_WITHIN: Duration = Duration::from_secs(120);
const STOP_WITHIN: Duration = Duration::from_secs(30);

/// Known to this run only. It guards a loopback port of a host without any data worth keeping.
static PASSWORD: LazyLock<String> = LazyLock::new(|| {
    use std::hash::{BuildHasher, RandomState};
    format!("{:016x}{:016x}", RandomState::new().hash_one(1), RandomState::new().hash_one(2))
});

/// What a host is started with.
#[derive(Debug, Clone)]
pub struct Setup {
    pub program: PathBuf,
    pub plugins: PathBuf,
    /// Where `csv_file_load` may read.
    pub files: PathBuf,
    pub settings: Vec<String>,
}

pub struct Host {
    child: Child,
    address: SocketAddr,
    dir: PathBuf,
}

impl Host {
    pub fn start(setup: &Setup, dir: &Path) -> Result<Self> {
        if dir.exists() {
            fs::remove_dir_all(dir).doing(|| format!("cannot empty {}", dir.display()))?;
        }
        Self::open(setup, dir)
    }

    /// In a data directory that a host may have used before.
    pub fn open(setup: &Setup, dir: &Path) -> Result<Self> {
        fs::create_dir_all(dir).doing(|| format!("cannot make {}", dir.display()))?;
        let log = dir.join(LOG);
        let log_file = File::create(&log).doing(|| format!("cannot make {}", log.display()))?;
        let mut command = Command::new(&setup.program);
        command.arg("serve");
        for setting in [
            "server.listen=127.0.0.1:0".to_owned(),
            format!("data.dir={}", dir.join("data").display()),
            format!("plugins.dir={}", setup.plugins.display()),
            format!("files.directories={}", setup.files.display()),
        ]
        .iter()
        .chain(&setup.settings)
        {
            command.arg("--set").arg(setting);
        }
        // What configures this program is unknown to the host, and whoever runs it must not change what is measured.
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("JOBHOST_")) {
            command.env_remove(name);
        }
        let child = command
            .env("JOBHOST_ADMIN_PASSWORD", &*PASSWORD)
            .env("JOBHOST_ADMIN_USERNAME", USER)
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log_file)
            .spawn()
            .doing(|| format!("cannot start {}", setup.program.display()))?;
        let unset = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut host = Self { child, address: unset, dir: dir.to_owned() };
        host.address = host.wait_ready(&log)?;
        Ok(host)
    }

    fn wait_ready(&mut self, log: &Path) -> Result<SocketAddr> {
        let not_ready = |why: &str| {
            let text = fs::read_to_string(log).unwrap_or_default();
            let mut tail: Vec<&str> = text.lines().rev().take(8).collect();
            tail.reverse();
            Failure::new(format!("jobhost did not start: {why}\n{}", tail.join("\n")))
        };
        let Some(stdout) = self.child.stdout.take() else {
            return Err(not_ready("no output"));
        };
        let (send, receive) = mpsc::channel();
        // Reads to the end, so that the host never blocks on a full pipe.
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(std::result::Result::ok) {
                if let Some(url) = line.strip_prefix("ready http://") {
                    send.send(url.trim().trim_end_matches('/').to_owned()).ok();
                }
            }
        });
        let address = receive
            .recv_timeout(READY_WITHIN)
            .map_err(|_| not_ready("it ended or said nothing like `ready http://…`"))?;
        address.parse().map_err(|_| not_ready(&format!("its address is {address:?}")))
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn data_dir(&self) -> PathBuf {
        self.dir.join("data")
    }

    pub fn log(&self) -> PathBuf {
        self.dir.join(LOG)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn connect(&self) -> Result<Client> {
        Client::open(self.address, USER, &PASSWORD)
    }

    /// Stops it as an operator would and waits for the end.
    pub fn stop(mut self) -> Result<()> {
        process::terminate(&self.child);
        match process::wait(&mut self.child, STOP_WITHIN)? {
            Some(status) if status.success() => Ok(()),
            Some(status) => Err(Failure::new(format!("jobhost ended with {status} after SIGTERM"))),
            None => Err(Failure::new(format!("jobhost did not end within {STOP_WITHIN:?} of SIGTERM"))),
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // Both fail when it has ended already, which is what is wanted.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// One connection, with the operations that the measurements need.
pub struct Client {
    connection: Connection,
}

impl Client {
    /// As a user of the host, on a connection of its own.
    pub fn open(address: SocketAddr, user: &str, password: &str) -> Result<Self> {
        Ok(Client { connection: Connection::open(address, user, password)? })
    }

    /// Status and answer, whatever they are.
    pub fn exchange(&mut self, request: &Value) -> Result<(u16, Value)> {
        let (status, body) = self.connection.post(&request.to_string())?;
        let answer = serde_json::from_slice(body);
        Ok((status, answer.unwrap_or_else(|_| Value::String(String::from_utf8_lossy(body).into_owned()))))
    }

    /// Status and text of a page.
    pub fn page(&mut self, path: &str) -> Result<(u16, String)> {
        let (status, body) = self.connection.get(path)?;
        Ok((status, String::from_utf8_lossy(body).into_owned()))
    }

    pub fn call(&mut self, request: &Value) -> Result<Value> {
        let operation = request.get("operation").and_then(Value::as_str).unwrap_or("?").to_owned();
        self.call_text(&operation, &request.to_string())
    }

    fn call_text(&mut self, operation: &str, request: &str) -> Result<Value> {
        let (status, body) = self.connection.post(request)?;
        let answer: Value = serde_json::from_slice(body)
            .map_err(|e| Failure::new(format!("{operation} answered {status} with something not JSON: {e}")))?;
        if status == 200 {
            return Ok(answer);
        }
        Err(Failure::new(format!("{operation} answered {status}: {answer}")))
    }

    /// Asks for a job that may be refused; its id if there is one.
    pub fn attempt(&mut self, request: &str) -> Result<Option<String>> {
        let (_, body) = self.connection.post(request)?;
        let answer: Value = serde_json::from_slice(body).doing(|| "an answer of jobhost is no JSON".to_owned())?;
        Ok(answer.get("job_id").and_then(Value::as_str).map(str::to_owned))
    }

    /// Starts a job; the request is text so that nothing is serialised inside a measurement.
    pub fn submit(&mut self, request: &str) -> Result<String> {
        let answer = self.call_text("the start of a job", request)?;
        match answer.get("job_id").and_then(Value::as_str) {
            Some(id) => Ok(id.to_owned()),
            None => Err(Failure::new(format!("the start of a job answered no job_id: {answer}"))),
        }
    }

    pub fn job(&mut self, id: &str) -> Result<Value> {
        let answer = self.call_text("get_job", &format!("{{\"operation\":\"get_job\",\"id\":\"{id}\"}}"))?;
        answer.get(0).cloned().ok_or_else(|| Failure::new(format!("get_job does not know job {id}")))
    }

    /// The row of the job if it is COMPLETE, `None` if it still waits or runs, an error if it failed.
    pub fn finished(&mut self, id: &str) -> Result<Option<Value>> {
        let row = self.job(id)?;
        match row.get("status").and_then(Value::as_str) {
            Some("COMPLETE") => Ok(Some(row)),
            Some("IN_PROGRESS") => Ok(None),
            _ => Err(Failure::new(format!("job {id} failed: {row}"))),
        }
    }

    pub fn wait(&mut self, id: &str, pause: Duration, within: Duration) -> Result<Value> {
        let deadline = Instant::now() + within;
        loop {
            if let Some(row) = self.finished(id)? {
                return Ok(row);
            }
            if Instant::now() > deadline {
                return Err(Failure::new(format!("job {id} is not COMPLETE after {within:?}")));
            }
            if !pause.is_zero() {
                thread::sleep(pause);
            }
        }
    }
}

/// `successfully loaded W of T records` with both as expected, or the measurement counts for nothing.
pub fn expect_loaded(row: &Value, rows: u64) -> Result<()> {
    let message = row.get("message").and_then(Value::as_str).unwrap_or("");
    if message == format!("successfully loaded {rows} of {rows} records") {
        return Ok(());
    }
    Err(Failure::new(format!("expected {rows} records to be loaded; the job says {message:?}")))
}
