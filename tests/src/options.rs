//! Options for starting a host.

use std::ffi::OsString;
use std::path::PathBuf;

pub use jobhost_testkit::host::ADMIN;

pub const PASSWORD: &str = "password";

#[derive(Debug, Clone)]
pub struct Options {
    pub(crate) settings: Vec<(String, String)>,
    pub(crate) environment: Vec<(OsString, OsString)>,
    pub(crate) guests: Vec<String>,
    pub(crate) password: Option<String>,
    pub(crate) files: Vec<PathBuf>,
    pub(crate) disk_bytes: Option<u64>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            settings: Vec::new(),
            environment: Vec::new(),
            guests: Vec::new(),
            password: Some(PASSWORD.to_owned()),
            files: Vec::new(),
            disk_bytes: None,
        }
    }
}

impl Options {
    pub fn new() -> Self {
        Options::default()
    }

    /// Sets a configuration key with `--set`.
    pub fn set(mut self, key: &str, value: impl ToString) -> Self {
        self.settings.push((key.to_owned(), value.to_string()));
        self
    }

    /// Sets an environment variable of the process.
    pub fn environment(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Publishes this guest of `tests/guests` beside the plugins that the project ships.
    pub fn guest(mut self, name: &str) -> Self {
        self.guests.push(name.to_owned());
        self
    }

    /// Lets the host generate the administrator's password.
    pub fn without_password(mut self) -> Self {
        self.password = None;
        self
    }

    /// Puts the data directory on a separate disk of this size, which [`SmallDisk`](crate::SmallDisk) can fill. Its
    /// content is lost when the process ends.
    pub fn disk(mut self, bytes: u64) -> Self {
        self.disk_bytes = Some(bytes);
        self
    }

    /// Lets `csv_file_load` read this directory in addition to the host's `files` directory.
    pub fn files(mut self, directory: impl Into<PathBuf>) -> Self {
        self.files.push(directory.into());
        self
    }
}
