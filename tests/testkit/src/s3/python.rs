//! The Python that has boto3 and moto, and the programs in `tests/testkit/s3` that run in it until their handle is
//! dropped.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::artifacts;

/// A program that communicates by lines. It reads its standard input and ends when that is closed, so it never outlives
/// the process of the tests.
pub(super) struct Program {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Program {
    pub(super) fn start(script: &str, environment: &[(&str, String)], log: Stdio) -> Self {
        let mut command = Command::new(artifacts::python().unwrap_or_else(|failure| panic!("{failure}")));
        command.arg("-u").arg(artifacts::in_package(&format!("s3/{script}")));
        // Do not use accounts, configuration or proxies of the user who runs the tests.
        let own = |name: &str| name.starts_with("AWS_") || name.to_ascii_uppercase().ends_with("_PROXY");
        for (name, _) in std::env::vars().filter(|(name, _)| own(name)) {
            command.env_remove(name);
        }
        command.env("AWS_EC2_METADATA_DISABLED", "true").env("AWS_CONFIG_FILE", "/dev/null");
        command.env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null").env("PYTHONDONTWRITEBYTECODE", "1");
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log).spawn().expect("Python");
        let input = child.stdin.take().expect("stdin");
        let output = BufReader::new(child.stdout.take().expect("stdout"));
        Program { child, input, output }
    }

    pub(super) fn say(&mut self, line: &str) {
        writeln!(self.input, "{line}").and_then(|()| self.input.flush()).expect("the Python program listens");
    }

    /// Returns the next line of its output, or `None` if it has ended.
    pub(super) fn hear(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self.output.read_line(&mut line).expect("a line of a Python program");
        (read > 0).then(|| line.trim_end().to_owned())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended on its own.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
