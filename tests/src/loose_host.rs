//! A host that inherits stdout and stderr of the test, and that need not become ready.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, ExitStatus, Stdio};

use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, prlimit};
use tempfile::TempDir;

use crate::client::Client;
use crate::host::{self, Host, publish};
use crate::options::Options;
use crate::wait::eventually;

/// A process that was started as `jobhost serve`. It is killed at the end of the test.
pub struct LooseHost {
    child: Child,
    home: TempDir,
    /// Kept open, as by any process that starts a host.
    stdout: Option<BufReader<ChildStdout>>,
    options: Options,
}

impl LooseHost {
    #[track_caller]
    pub fn spawn(options: &Options, stdout: impl Into<Stdio>, stderr: impl Into<Stdio>) -> Self {
        LooseHost::spawn_with(options, &[], stdout, stderr)
    }

    /// Starts a host with these files in the plugin folder. They replace files of the same name.
    #[track_caller]
    pub fn spawn_with(
        options: &Options,
        plugins: &[(&str, &[u8])],
        stdout: impl Into<Stdio>,
        stderr: impl Into<Stdio>,
    ) -> Self {
        let home = tempfile::Builder::new().prefix("jobhost-test-").tempdir().expect("a temporary directory");
        for name in ["files", "exports"] {
            std::fs::create_dir(home.path().join(name)).expect("a directory");
        }
        publish(&home.path().join("plugins"), &options.guests);
        for (name, bytes) in plugins {
            std::fs::write(home.path().join("plugins").join(name), bytes).expect("a file");
        }
        let mut command = Host::command(options, home.path());
        let mut child = command.stdout(stdout).stderr(stderr).spawn().expect("jobhost starts");
        let stdout = child.stdout.take().map(BufReader::new);
        LooseHost { child, home, stdout, options: options.clone() }
    }

    /// Waits for the ready line on the piped stdout.
    #[track_caller]
    pub fn ready(&mut self) -> Client {
        let mut line = String::new();
        self.stdout.as_mut().expect("a piped stdout").read_line(&mut line).expect("stdout");
        let url = line.strip_prefix("ready ").unwrap_or_else(|| panic!("not a ready line: {line:?}"));
        self.client(url.trim())
    }

    /// Returns a client of this host, which listens at `url`.
    #[track_caller]
    pub fn client(&self, url: &str) -> Client {
        host::client(url, &self.options, self.home.path())
    }

    pub fn plugins(&self) -> PathBuf {
        self.home.path().join("plugins")
    }

    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    #[track_caller]
    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("a signal");
    }

    #[track_caller]
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("the exit status").is_none()
    }

    /// Sends SIGTERM and waits until the host has ended.
    #[track_caller]
    pub fn stop(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        eventually("the host to stop", || self.child.try_wait().expect("the exit status"))
    }

    /// Limits the process to this many more descriptors than it has open. `None` restores the original limit.
    #[track_caller]
    pub fn leave_descriptors(&self, spare: Option<u64>) {
        let usual = getrlimit(Resource::Nofile);
        let limit = spare.map_or(usual.current, |spare| {
            let open = std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).expect("/proc");
            let open: Vec<u64> =
                open.filter_map(|entry| entry.expect("an entry").file_name().to_str()?.parse().ok()).collect();
            let mut limit = 0;
            let mut free = 0;
            while free < spare {
                free += u64::from(!open.contains(&limit));
                limit += 1;
            }
            Some(limit)
        });
        let limit = Rlimit { current: limit, maximum: usual.maximum };
        prlimit(Some(self.pid()), Resource::Nofile, limit).expect("prlimit");
    }
}

impl Drop for LooseHost {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
