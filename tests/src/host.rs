//! Runs a host for a test in a temporary directory, with the configuration of the test. The host is killed at the end
//! of the test.

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

/// How much of the host's log a failing test prints.
const TAIL_BYTES: usize = 8 * 1024;

/// A running `jobhost serve`. `Client` provides what a client can do.
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
    /// Starts a host on a new data directory and waits until it accepts connections.
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

    /// Restarts the host on the same data directory with the same configuration.
    #[track_caller]
    pub fn restart(&mut self) {
        assert!(self.process.is_none(), "the host is still running");
        self.launch();
    }

    #[track_caller]
    pub fn restart_with(&mut self, change: impl FnOnce(Options) -> Options) {
        self.options = change(std::mem::take(&mut self.options));
        self.restart();
    }

    /// Sends SIGKILL, to simulate a crash.
    pub fn kill(&mut self) {
        drop(self.process.take());
    }

    /// Sends SIGTERM and waits until the host has ended.
    #[track_caller]
    pub fn stop(&mut self) -> ExitStatus {
        self.stop_by(Signal::TERM)
    }

    /// Sends a signal that stops the host and waits until it has ended.
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

    /// Returns the host's small disk.
    pub fn disk(&self) -> SmallDisk {
        SmallDisk::of(self.process(), &self.data())
    }

    pub fn plugins(&self) -> PathBuf {
        self.home.path().join("plugins")
    }

    /// The directory that `csv_file_load` may read.
    pub fn files(&self) -> PathBuf {
        self.home.path().join("files")
    }

    /// Writes a file that `csv_file_load` may read, and returns its path.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.files().join(name);
        std::fs::write(&path, content).expect("a file");
        path.to_str().expect("a path in UTF-8").to_owned()
    }

    /// The directory that `export_local` may write to.
    pub fn exports(&self) -> PathBuf {
        self.home.path().join("exports")
    }

    /// Returns the names of the files in the export directory, sorted.
    pub fn exported(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.exports()).expect("exports");
        let names = entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }

    /// Returns the log of all starts of the host.
    pub fn log(&self) -> String {
        jobhost_testkit::Host::log(self.home.path())
    }

    /// Returns the running process, for measurements.
    pub fn process(&self) -> Process {
        Process(self.process.as_ref().expect("a running host").id())
    }

    /// Peak resident memory of the running process, in bytes.
    pub fn peak_memory(&self) -> u64 {
        self.process().memory().expect("a running host").peak
    }

    /// Returns the command that starts this host, for a start that is expected to fail.
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

/// Returns a client, as the administrator, of the host at this URL.
#[track_caller]
pub(crate) fn client(url: &str, options: &Options, home: &Path) -> Client {
    let made = || host::password_made(home).unwrap_or_else(|failure| panic!("{failure}"));
    let password = options.password.clone().unwrap_or_else(made);
    Client::new(url.to_owned(), Login::basic(host::ADMIN, &password))
}

/// The configuration of a test's host.
fn configuration(options: &Options, home: &Path) -> Configuration {
    let mut files = vec![home.join("files")];
    files.extend(options.files.iter().cloned());
    let files: Vec<String> = files.iter().map(|path| path.display().to_string()).collect();
    let mut configuration = Configuration::new(artifacts::program(), home.join("plugins"))
        // Without the shared cache, compiling the same plugins for a hundred hosts would take most of the time of the
        // tests.
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

/// Fills the plugin directory of a host with the plugins that the project ships and the guests that a test uses.
pub(crate) fn publish(directory: &Path, guests: &[String]) {
    std::fs::create_dir(directory).expect("plugins");
    let shipped = std::fs::read_dir(artifacts::plugins()).expect("the plugins");
    let shipped = shipped.map(|entry| entry.expect("a plugin").path());
    let shipped = shipped.filter(|path| path.extension().is_some_and(|extension| extension == "wasm"));
    for path in shipped.chain(guests.iter().map(|name| artifacts::guest(name))) {
        std::fs::copy(&path, directory.join(path.file_name().expect("a name"))).expect("a copy of the plugin");
    }
}
