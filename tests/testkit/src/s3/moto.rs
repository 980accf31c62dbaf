//! moto in a separate process, on a port that it chooses.

use std::process::Stdio;

use tempfile::NamedTempFile;

use super::python::Program;

pub(super) struct Moto {
    address: String,
    log: NamedTempFile,
    _program: Program,
}

impl Moto {
    /// `free_calls` is the number of calls to accept before access keys and policies are checked. With `None`, they are
    /// never checked.
    pub(super) fn start(free_calls: Option<u32>) -> Self {
        let log = NamedTempFile::new().expect("a log");
        let environment = free_calls.map(|calls| ("INITIAL_NO_AUTH_ACTION_COUNT", calls.to_string()));
        let environment: Vec<_> = environment.into_iter().collect();
        let stderr = Stdio::from(log.reopen().expect("a log"));
        let mut program = Program::start("moto_server.py", &environment, stderr);
        match program.hear() {
            Some(port) => Moto { address: format!("127.0.0.1:{port}"), log, _program: program },
            None => panic!("moto does not start: {}", std::fs::read_to_string(log.path()).unwrap_or_default()),
        }
    }

    pub(super) fn address(&self) -> String {
        self.address.clone()
    }

    pub(super) fn log(&self) -> String {
        std::fs::read_to_string(self.log.path()).unwrap_or_default()
    }
}
