//! A host as a process: started in a directory of its own, killed when the test is over.

use std::io::{BufRead, BufReader};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::artifacts;
use crate::client::{Client, Login};
use crate::disk::{self, SmallDisk};
use crate::options::{ADMIN, Options};
use crate::procfs::Process;
use crate::wait::{DEADLINE, eventually};

/// How much of the host's log a failing test shows.
const TAIL_BYTES: usize = 8 * 1024;

/// A running `jobhost serve`. What a client can do is reached through `Client`.
pub struct Host {
    options: Options,
    home: TempDir,
    child: Option<Child>,
    client: Client,
}

impl Deref for Host {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Host {
    /// Start a host on a fresh data directory and wait until it accepts connections.
    #[track_caller]
    pub fn start(options: Options) -> Self {
        let home = tempfile::Builder::new().prefix("jobhost-test-").tempdir().expect("a temporary directory");
        for name in ["files", "exports"] {
            std::fs::create_dir(home.path().join(name)).expect("a directory");
        }
        publish(&home.path().join("plugins"), &options.guests);
        let client = Client::new(String::new(), Login::Nobody);
        let mut host = Host { options, home, child: None, client };
        host.launch();
        host
    }

    /// Start again on the same data directory, with the same configuration.
    #[track_caller]
    pub fn restart(&mut self) {
        assert!(self.child.is_none(), "the host is still running");
        self.launch();
    }

    /// Start again with a changed configuration.
    #[track_caller]
    pub fn restart_with(&mut self, change: impl FnOnce(Options) -> Options) {
        self.options = change(std::mem::take(&mut self.options));
        self.restart();
    }

    /// SIGKILL: what a crash looks like from outside.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("SIGKILL");
            child.wait().expect("the exit status");
        }
    }

    /// SIGTERM, and wait until the host has gone.
    #[track_caller]
    pub fn stop(&mut self) -> ExitStatus {
        self.stop_by(Signal::TERM)
    }

    /// Ask the host by a signal to stop, and wait until it has gone.
    #[track_caller]
    pub fn stop_by(&mut self, signal: Signal) -> ExitStatus {
        let mut child = self.child.take().expect("a running host");
        kill_process(Pid::from_child(&child), signal).expect("a signal");
        eventually("the host to stop", || child.try_wait().expect("the exit status"))
    }

    pub fn is_running(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| child.try_wait().expect("the exit status").is_none())
    }

    pub fn data(&self) -> PathBuf {
        self.home.path().join("data")
    }

    /// The disk of its own that the host was given.
    pub fn disk(&self) -> SmallDisk {
        SmallDisk::of(self.process(), &self.data())
    }

    pub fn plugins(&self) -> PathBuf {
        self.home.path().join("plugins")
    }

    /// A directory that `csv_file_load` may read.
    pub fn files(&self) -> PathBuf {
        self.home.path().join("files")
    }

    /// Put a file where `csv_file_load` may read it, and tell its path.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.files().join(name);
        std::fs::write(&path, content).expect("a file");
        path.to_str().expect("a path in UTF-8").to_owned()
    }

    /// A directory that `export_local` may write to.
    pub fn exports(&self) -> PathBuf {
        self.home.path().join("exports")
    }

    /// The names of the files in it, in order.
    pub fn exported(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.exports()).expect("exports");
        let names = entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }

    /// Everything the host has logged so far, over all its starts.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.log_path()).unwrap_or_default()).into_owned()
    }

    /// The running process, for whoever measures it.
    pub fn process(&self) -> Process {
        Process(self.child.as_ref().expect("a running host").id())
    }

    /// Peak resident memory of the running process, in bytes.
    pub fn peak_memory(&self) -> u64 {
        let child = self.child.as_ref().expect("a running host");
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).expect("/proc");
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("VmHWM");
        let kibibytes: u64 = line.split_whitespace().nth(1).and_then(|word| word.parse().ok()).expect("a number");
        kibibytes * 1024
    }

    /// The command that starts this host, for a start that is expected to fail.
    pub fn command(options: &Options, home: &Path) -> Command {
        let mut command = match options.disk_bytes {
            Some(bytes) => disk::command(&home.join("data"), bytes),
            None => artifacts::command(),
        };
        command.arg("serve").current_dir(home).stdin(Stdio::null());
        let mut files = vec![home.join("files")];
        files.extend(options.files.iter().cloned());
        let files: Vec<String> = files.iter().map(|path| path.display().to_string()).collect();
        let mut set = |key: &str, value: &str| {
            command.arg("--set").arg(format!("{key}={value}"));
        };
        set("server.listen", "127.0.0.1:0");
        set("data.dir", &home.join("data").display().to_string());
        set("plugins.dir", &home.join("plugins").display().to_string());
        // Compiling the same plugins for each of a hundred hosts would take most of the time of the tests.
        set("plugins.cache_dir", &artifacts::in_package("../target/test-compile-cache").display().to_string());
        set("files.directories", &files.join(","));
        set("files.export_directories", &home.join("exports").display().to_string());
        set("log.level", "info,jobhost=debug");
        for (key, value) in &options.settings {
            set(key, value);
        }
        if let Some(password) = &options.password {
            command.env("JOBHOST_ADMIN_PASSWORD", password);
        }
        command.envs(options.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    fn log_path(&self) -> PathBuf {
        self.home.path().join("stderr.log")
    }

    fn tail(&self) -> String {
        let log = self.log();
        let mut from = log.len().saturating_sub(TAIL_BYTES);
        while !log.is_char_boundary(from) {
            from += 1;
        }
        log[from..].to_owned()
    }

    #[track_caller]
    fn launch(&mut self) {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.log_path()).expect("stderr.log");
        let mut command = Host::command(&self.options, self.home.path());
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().expect("jobhost starts");
        let lines = BufReader::new(child.stdout.take().expect("stdout")).lines();
        self.child = Some(child);
        let (send, receive) = mpsc::channel();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let _ = send.send(line);
            }
        });
        let url = match receive.recv_timeout(DEADLINE) {
            Ok(line) => match line.strip_prefix("ready ") {
                Some(url) => url.trim().to_owned(),
                None => panic!("the first line of stdout is not `ready URL` but: {line}\n{}", self.tail()),
            },
            Err(error) => panic!("the host did not become ready ({error}); its log ends with\n{}", self.tail()),
        };
        let admin = match &self.options.password {
            Some(password) => Login::basic(ADMIN, password),
            None => {
                let password = std::fs::read_to_string(self.data().join("admin-password"));
                Login::basic(ADMIN, password.expect("the file admin-password").trim_end())
            }
        };
        self.client = Client::new(url, admin);
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("--- the host's log ends with\n{}\n---", self.tail());
        }
    }
}

/// Fill the plugin directory of a host: what the project ships, and the guests that a test asks for.
pub(crate) fn publish(directory: &Path, guests: &[String]) {
    std::fs::create_dir(directory).expect("plugins");
    let shipped = std::fs::read_dir(artifacts::plugins()).expect("the plugins");
    let shipped = shipped.map(|entry| entry.expect("a plugin").path());
    let shipped = shipped.filter(|path| path.extension().is_some_and(|extension| extension == "wasm"));
    for path in shipped.chain(guests.iter().map(|name| artifacts::guest(name))) {
        std::fs::copy(&path, directory.join(path.file_name().expect("a name"))).expect("a copy of the plugin");
    }
}
