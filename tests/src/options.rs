//! How a host is to be started.

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

    /// A configuration key, given by `--set`.
    pub fn set(mut self, key: &str, value: impl ToString) -> Self {
        self.settings.push((key.to_owned(), value.to_string()));
        self
    }

    /// An environment variable of the process.
    pub fn environment(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Publish this guest of `tests/guests` beside the plugins that the project ships.
    pub fn guest(mut self, name: &str) -> Self {
        self.guests.push(name.to_owned());
        self
    }

    /// Let the host make up the administrator's password.
    pub fn without_password(mut self) -> Self {
        self.password = None;
        self
    }

    /// Give the data directory a disk of its own of this size, to be filled with [`SmallDisk`](crate::SmallDisk). What is on
    /// it is gone with the process.
    pub fn disk(mut self, bytes: u64) -> Self {
        self.disk_bytes = Some(bytes);
        self
    }

    /// A directory that `csv_file_load` may read, besides the host's own `files` directory.
    pub fn files(mut self, directory: impl Into<PathBuf>) -> Self {
        self.files.push(directory.into());
        self
    }
}
