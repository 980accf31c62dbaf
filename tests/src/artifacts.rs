//! Where the built things are that the tests run. The tests build nothing themselves: what is missing fails the test
//! with the command that makes it.

use std::path::{Path, PathBuf};
use std::process::Command;

use jobhost_testkit::{artifacts, host};

/// The program `jobhost`.
#[track_caller]
pub fn program() -> PathBuf {
    there(artifacts::program())
}

/// A command that runs the program, with nothing in its environment that would configure it or lead it astray.
#[track_caller]
pub fn command() -> Command {
    let mut command = Command::new(program());
    host::clean(&mut command);
    command
}

/// The directory with the plugins that the project ships.
#[track_caller]
pub fn plugins() -> PathBuf {
    there(artifacts::plugins())
}

/// One of the special guests of `tests/guests`, by the name of its crate.
#[track_caller]
pub fn guest(name: &str) -> PathBuf {
    there(artifacts::guest(name))
}

/// One of the plugins of `docs/examples`, by the name of its crate.
#[track_caller]
pub fn example(name: &str) -> PathBuf {
    there(artifacts::example(name))
}

/// The Python that has boto3, moto, harperdb, pyarrow and duckdb.
#[track_caller]
pub fn python() -> PathBuf {
    there(artifacts::python())
}

/// The `node_modules` that has the JavaScript client.
#[track_caller]
pub fn node_modules() -> PathBuf {
    there(artifacts::node_modules())
}

/// A file of this package, such as a fixture.
pub fn in_package(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

#[track_caller]
fn there(path: jobhost_testkit::Result<PathBuf>) -> PathBuf {
    path.unwrap_or_else(|failure| panic!("{failure}"))
}
