//! A host of a test: in a temporary directory, with what tests configure, killed when the test is over.

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use jobhost_testkit::proc::Process;
use jobhost_testkit::{Configuration, host};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::artifacts;
use crate::client::{Client, Login};
use crate::disk::{self, SmallDisk};
use crate::options::Options;

/// How much of the host's log a failing test shows.
const TAIL_BYTES: usize = 8 * 1024;

/// A running `jobhost serve`. What a client can do is reached through `Client`.
pub struct Host {
    options: Options,
    home: TempDir,
    process: Option<jobhost_testkit::Host>,
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
        let mut host = Host { options, home, process: None, client };
        host.launch();
        host
    }

    /// Start again on the same data directory, with the same configuration.
    #[track_caller]
    pub fn restart(&mut self) {
        assert!(self.process.is_none(), "the host is still running");
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
        drop(self.process.take());
    }

    /// SIGTERM, and wait until the host has gone.
    #[track_caller]
    pub fn stop(&mut self) -> ExitStatus {
        self.stop_by(Signal::TERM)
    }

    /// Ask the host by a signal to stop, and wait until it has gone.
    #[track_caller]
    pub fn stop_by(&mut self, signal: Signal) -> ExitStatus {
        let mut process = self.process.take().expect("a running host");
        process.stop_by(signal).unwrap_or_else(|failure| panic!("{failure}"))
    }

    pub fn is_running(&mut self) -> bool {
        self.process.as_mut().is_some_and(|process| !process.has_ended())
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
        jobhost_testkit::Host::log(self.home.path())
    }

    /// The running process, for whoever measures it.
    pub fn process(&self) -> Process {
        Process(self.process.as_ref().expect("a running host").id())
    }

    /// Peak resident memory of the running process, in bytes.
    pub fn peak_memory(&self) -> u64 {
        self.process().memory().expect("a running host").peak
    }

    /// The command that starts this host, for a start that is expected to fail.
    pub fn command(options: &Options, home: &Path) -> Command {
        configuration(options, home).command(home)
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
        let configuration = configuration(&self.options, self.home.path());
        let started = jobhost_testkit::Host::start(&configuration, self.home.path());
        let process = started.unwrap_or_else(|failure| panic!("{failure}"));
        self.client = client(process.url(), &self.options, self.home.path());
        self.process = Some(process);
    }
}

/// A client, as the administrator, of the host that listens there.
#[track_caller]
pub(crate) fn client(url: &str, options: &Options, home: &Path) -> Client {
    let made = || host::password_made(home).unwrap_or_else(|failure| panic!("{failure}"));
    let password = options.password.clone().unwrap_or_else(made);
    Client::new(url.to_owned(), Login::basic(host::ADMIN, &password))
}

/// What a test's host is started with.
fn configuration(options: &Options, home: &Path) -> Configuration {
    let mut files = vec![home.join("files")];
    files.extend(options.files.iter().cloned());
    let files: Vec<String> = files.iter().map(|path| path.display().to_string()).collect();
    let mut configuration = Configuration::new(artifacts::program(), home.join("plugins"))
        // Compiling the same plugins for each of a hundred hosts would take most of the time of the tests.
        .set("plugins.cache_dir", artifacts::in_package("../target/test-compile-cache").display())
        .set("files.directories", files.join(","))
        .set("files.export_directories", home.join("exports").display())
        .set("log.level", "info,jobhost=debug");
    for (key, value) in &options.settings {
        configuration = configuration.set(key, value);
    }
    if let Some(password) = &options.password {
        configuration = configuration.password(password);
    }
    if let Some(bytes) = options.disk_bytes {
        configuration = configuration.through(disk::mounted(&home.join("data"), bytes));
    }
    options
        .environment
        .iter()
        .fold(configuration, |configuration, (name, value)| configuration.environment(name, value))
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
