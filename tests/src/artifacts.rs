//! Locates the built programs and components that the tests use. The tests build nothing. If something is missing, the
//! test fails and names the command that builds it.

use std::path::{Path, PathBuf};
use std::process::Command;

use jobhost_testkit::{artifacts, host};

/// The program `jobhost`.
#[track_caller]
pub fn program() -> PathBuf {
    there(artifacts::program())
}

/// A command that runs the program without any environment variables that would change its configuration.
#[track_caller]
pub fn command() -> Command {
    let mut command = Command::new(program());
    host::clean(&mut command);
    command
}

/// The directory of the plugins that the project ships.
#[track_caller]
pub fn plugins() -> PathBuf {
    there(artifacts::plugins())
}

/// One of the hostile guests in `tests/guests`, by the name of its crate.
#[track_caller]
pub fn guest(name: &str) -> PathBuf {
    there(artifacts::guest(name))
}

/// One of the plugins in `docs/examples`, by the name of its crate.
#[track_caller]
pub fn example(name: &str) -> PathBuf {
    there(artifacts::example(name))
}

/// The Python that has boto3, moto, harperdb, pyarrow and duckdb.
#[track_caller]
pub fn python() -> PathBuf {
    there(artifacts::python())
}

/// The `node_modules` with the JavaScript client.
#[track_caller]
pub fn node_modules() -> PathBuf {
    there(artifacts::node_modules())
}

/// A file in this package, such as a fixture.
pub fn in_package(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

#[track_caller]
fn there(path: jobhost_testkit::Result<PathBuf>) -> PathBuf {
    path.unwrap_or_else(|failure| panic!("{failure}"))
}
