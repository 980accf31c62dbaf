//! Starts the program `jobhost`, waits until it is ready, stops it. Its log goes to a file that failures quote.
//! Never leaves a host behind: dropping the handle ends it.

use crate::failure::{Doing, Failure, Result};
use crate::{process, repository};
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// Compiling all plugins on a slow machine is the longest part of a start.
const READY: Duration = Duration::from_secs(120);
const STOP: Duration = Duration::from_secs(60);

/// A host that accepts connections.
#[derive(Debug)]
pub struct Host {
    child: Child,
    url: String,
    folder: PathBuf,
}

impl Host {
    /// Starts a host that keeps its data and log in `folder`, with `settings` of the form `section.key=value`.
    pub fn start(folder: &Path, settings: &[String]) -> Result<Self> {
        let binary = repository::host_binary();
        let log = File::create(folder.join("host.log")).doing(|| format!("cannot write in {}", folder.display()))?;
        let mut command = Command::new(&binary);
        command.arg("serve");
        let own = [
            format!("data.dir={}", folder.join("data").display()),
            format!("plugins.dir={}", repository::built_plugins().display()),
        ];
        for setting in own.iter().chain(settings) {
            command.args(["--set", setting]);
        }
        // Settings of whoever runs this must not change what is shown.
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("JOBHOST_")) {
            command.env_remove(name);
        }
        // A group of its own: Ctrl-C at the terminal reaches this program alone, which then stops the host in order.
        command.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).process_group(0);
        let mut child = command.spawn().map_err(|error| {
            let sentence = format!("cannot start {}", binary.display());
            Failure::new(sentence).because(error).remedy("build it: cargo build --release --package jobhost")
        })?;
        let ready = ready_line(&mut child);
        let mut host = Self { child, url: String::new(), folder: folder.to_path_buf() };
        match ready.recv_timeout(READY) {
            Ok(url) => host.url = url,
            Err(mpsc::RecvTimeoutError::Timeout) => {
                let sentence = format!("the host did not become ready in {} s", READY.as_secs());
                return Err(host.explain(Failure::new(sentence)));
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                let status = process::wait(&mut host.child, STOP)?;
                let status = status.map_or_else(|| "it still runs".to_owned(), |status| status.to_string());
                let sentence = format!("the host closed its output before it was ready ({status})");
                let failure = Failure::new(sentence).remedy("the log above names the setting or file to mend");
                return Err(host.explain(failure));
            }
        }
        Ok(host)
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The process, for whoever measures it.
    #[allow(dead_code, reason = "the demo needs no measure; the benchmark does")]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The random password that the first start made for the administrator.
    pub fn administrator_password(&self) -> Result<String> {
        let path = self.folder.join("data").join("admin-password");
        let password = fs::read_to_string(&path).doing(|| format!("cannot read {}", path.display()));
        Ok(password.map_err(|failure| self.explain(failure))?.trim().to_owned())
    }

    /// Adds the last lines of the host's log to a failure.
    pub fn explain(&self, failure: Failure) -> Failure {
        let path = self.folder.join("host.log");
        let log = fs::read(&path).unwrap_or_default();
        let log = process::tail(&String::from_utf8_lossy(&log));
        failure.detail(format!("--- the host's log ends with ({}) ---\n{log}\n---", path.display()))
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Stops it in order and checks that it says so.
    pub fn stop(mut self) -> Result<()> {
        process::terminate(&self.child);
        match process::wait(&mut self.child, STOP)? {
            Some(status) if status.success() => Ok(()),
            Some(status) => Err(self.explain(Failure::new(format!("the host did not stop in order ({status})")))),
            None => {
                let sentence = format!("the host did not stop within {} s of SIGTERM", STOP.as_secs());
                Err(self.explain(Failure::new(sentence)))
            }
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if !self.has_ended() {
            let _ended_meanwhile = self.child.kill();
            let _reaped = self.child.wait();
        }
    }
}

/// Reads the host's standard output until its end, and sends the address of the ready line.
fn ready_line(child: &mut Child) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::sync_channel(1);
    if let Some(output) = child.stdout.take() {
        std::thread::spawn(move || {
            let mut sender = Some(sender);
            for line in BufReader::new(output).lines().map_while(std::result::Result::ok) {
                if let Some(url) = line.strip_prefix("ready ")
                    && let Some(sender) = sender.take()
                {
                    let _nobody_waits = sender.send(url.trim().to_owned());
                }
            }
        });
    }
    receiver
}
