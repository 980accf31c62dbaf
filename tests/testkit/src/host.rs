//! Launches `jobhost serve` in a separate directory, waits until it is ready, and stops or kills it. All other crates
//! use this launcher. It never leaves a host behind: dropping the handle kills it.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use rustix::process::Signal;

use crate::client::{Client, Login};
use crate::failure::{Doing, Failure, Result};
use crate::process;

/// The default administrator.
pub const ADMIN: &str = "HDB_ADMIN";

/// Compiling all plugins on a slow machine takes most of the time of a start.
const READY: Duration = Duration::from_secs(120);
const STOP: Duration = Duration::from_secs(120);
const LOG: &str = "host.log";

/// The configuration of a host.
#[derive(Debug, Clone)]
pub struct Configuration {
    program: PathBuf,
    /// The start of a command line that runs the program.
    through: Vec<OsString>,
    plugins: PathBuf,
    settings: Vec<String>,
    password: Option<String>,
    environment: Vec<(OsString, OsString)>,
    own_group: bool,
}

impl Configuration {
    pub fn new(program: impl Into<PathBuf>, plugins: impl Into<PathBuf>) -> Self {
        Configuration {
            program: program.into(),
            through: Vec::new(),
            plugins: plugins.into(),
            settings: Vec::new(),
            password: None,
            environment: Vec::new(),
            own_group: false,
        }
    }

    pub fn program(&self) -> &Path {
        &self.program
    }

    pub fn plugins(&self) -> &Path {
        &self.plugins
    }

    pub fn with_plugins(mut self, plugins: impl Into<PathBuf>) -> Self {
        self.plugins = plugins.into();
        self
    }

    /// Sets a configuration key with `--set`. The last value of a key counts.
    pub fn set(mut self, key: &str, value: impl ToString) -> Self {
        self.settings.push(format!("{key}={}", value.to_string()));
        self
    }

    /// Adds settings of the form `section.key=value`.
    pub fn settings(mut self, settings: impl IntoIterator<Item = String>) -> Self {
        self.settings.extend(settings);
        self
    }

    /// Sets the administrator's password. By default, the host generates one.
    pub fn password(mut self, password: impl Into<String>) -> Self {
        self.password = Some(password.into());
        self
    }

    /// Sets an environment variable of the process.
    pub fn environment(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Runs the program through this command line, to which the program is appended.
    pub fn through(mut self, words: impl IntoIterator<Item = OsString>) -> Self {
        self.through = words.into_iter().collect();
        self
    }

    /// Starts the host in a separate process group, so that Ctrl-C reaches only the caller, which then stops the host
    /// in order.
    pub fn in_own_group(mut self) -> Self {
        self.own_group = true;
        self
    }

    /// Returns the command that starts a host with its data in `folder`, for callers that manage the process
    /// themselves.
    pub fn command(&self, folder: &Path) -> Command {
        let mut words = self.through.iter().map(OsString::as_os_str).chain([self.program.as_os_str()]);
        let mut command = Command::new(words.next().unwrap_or_default());
        command.args(words).arg("serve").current_dir(folder).stdin(Stdio::null());
        let own = [
            "server.listen=127.0.0.1:0".to_owned(),
            format!("data.dir={}", folder.join("data").display()),
            format!("plugins.dir={}", self.plugins.display()),
        ];
        for setting in own.iter().chain(&self.settings) {
            command.args(["--set", setting]);
        }
        clean(&mut command);
        if let Some(password) = &self.password {
            command.env("JOBHOST_ADMIN_PASSWORD", password);
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        if self.own_group {
            command.process_group(0);
        }
        command
    }
}

/// Removes environment variables that would change the program's configuration.
pub fn clean(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let upper = name.to_string_lossy().to_ascii_uppercase();
        if upper.starts_with("JOBHOST_") || upper.ends_with("_PROXY") {
            command.env_remove(name);
        }
    }
}

/// A host that accepts connections.
#[derive(Debug)]
pub struct Host {
    child: Child,
    url: String,
    folder: PathBuf,
    password: Option<String>,
}

impl Host {
    /// Starts a host with its data and log in `folder`, which may be the folder of an earlier host, and waits until it
    /// accepts connections.
    pub fn start(configuration: &Configuration, folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder).doing(|| format!("cannot make {}", folder.display()))?;
        let log = File::options().create(true).append(true).open(folder.join(LOG));
        let log = log.doing(|| format!("cannot write in {}", folder.display()))?;
        let mut command = configuration.command(folder);
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().map_err(|error| {
            let sentence = format!("cannot start {}", configuration.program.display());
            Failure::new(sentence).because(error).remedy("build it: cargo build --release --package jobhost")
        })?;
        let first_line = first_line(&mut child);
        let (folder, password) = (folder.to_path_buf(), configuration.password.clone());
        let mut host = Host { child, url: String::new(), folder, password };
        let failure = match first_line.recv_timeout(READY) {
            Ok(line) => match line.strip_prefix("ready ") {
                Some(url) => {
                    url.trim().clone_into(&mut host.url);
                    return Ok(host);
                }
                None => Failure::new(format!("the host's first line is not `ready URL` but: {line}")),
            },
            Err(mpsc::RecvTimeoutError::Timeout) => {
                Failure::new(format!("the host did not become ready in {} s", READY.as_secs()))
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                let status = process::wait(&mut host.child, STOP)?;
                let status = status.map_or_else(|| "it still runs".to_owned(), |status| status.to_string());
                Failure::new(format!("the host closed its output before it was ready ({status})"))
                    .remedy("the log above names the setting or file to mend")
            }
        };
        Err(host.explain(failure))
    }

    /// Empties a directory and starts a host in it.
    pub fn start_afresh(configuration: &Configuration, folder: &Path) -> Result<Self> {
        if folder.exists() {
            fs::remove_dir_all(folder).doing(|| format!("cannot empty {}", folder.display()))?;
        }
        Host::start(configuration, folder)
    }

    /// The URL, `http://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The address of the URL, for a socket.
    pub fn address(&self) -> Result<SocketAddr> {
        let address = self.url.trim_start_matches("http://").trim_end_matches('/');
        address.parse().doing(|| format!("{} is no address of a socket", self.url))
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// The log file of hosts in this directory.
    pub fn log_file(folder: &Path) -> PathBuf {
        folder.join(LOG)
    }

    /// Returns the log of all hosts in this directory.
    pub fn log(folder: &Path) -> String {
        String::from_utf8_lossy(&fs::read(folder.join(LOG)).unwrap_or_default()).into_owned()
    }

    /// Returns a client, as the administrator.
    pub fn client(&self) -> Result<Client> {
        let password = match &self.password {
            Some(password) => password.clone(),
            None => password_made(&self.folder).map_err(|failure| self.explain(failure))?,
        };
        Ok(Client::new(&self.url, Login::basic(ADMIN, &password)))
    }

    /// Adds the last lines of the host's log to an error.
    pub fn explain(&self, failure: Failure) -> Failure {
        let log = process::tail(&Host::log(&self.folder));
        let path = self.folder.join(LOG);
        failure.detail(format!("--- the host's log ends with ({}) ---\n{log}\n---", path.display()))
    }

    /// Returns true if the host has ended on its own.
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Stops the host in order, and checks that it reports so.
    pub fn stop(mut self) -> Result<()> {
        match self.stop_by(Signal::TERM)? {
            status if status.success() => Ok(()),
            status => Err(self.explain(Failure::new(format!("the host did not stop in order ({status})")))),
        }
    }

    /// Sends a signal that stops the host, and waits until it has ended.
    pub fn stop_by(&mut self, signal: Signal) -> Result<ExitStatus> {
        process::signal(&self.child, signal);
        process::wait(&mut self.child, STOP)?.ok_or_else(|| {
            self.explain(Failure::new(format!("the host did not stop within {} s of {signal:?}", STOP.as_secs())))
        })
    }

    /// Sends SIGKILL, to simulate a crash.
    pub fn kill(self) {
        drop(self);
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // Both calls fail if the host has already ended, which is fine.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns the random password that the first start in this directory generated for the administrator.
pub fn password_made(folder: &Path) -> Result<String> {
    let path = folder.join("data").join("admin-password");
    let password = fs::read_to_string(&path).doing(|| format!("cannot read {}", path.display()))?;
    Ok(password.trim().to_owned())
}

/// Reads the host's standard output to its end, so that the host never blocks on a full pipe. Sends the first line.
fn first_line(child: &mut Child) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::sync_channel(1);
    if let Some(output) = child.stdout.take() {
        std::thread::spawn(move || {
            let mut sender = Some(sender);
            for line in BufReader::new(output).lines().map_while(std::result::Result::ok) {
                let _nobody_waits = sender.take().map(|sender| sender.send(line));
            }
        });
    }
    receiver
}
