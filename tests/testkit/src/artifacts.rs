//! Locates what the tests run: the program, the plugins that it ships, the hostile guests, and the interpreters of the
//! scripts. This module builds nothing. If something is missing, the error names the command that builds it.

use std::path::{Path, PathBuf};

use crate::failure::{Failure, Result};
use crate::repository;

/// The program `jobhost`.
pub fn program() -> Result<PathBuf> {
    existing("JOBHOST_BIN", repository::host_binary, "cargo build --release --package jobhost")
}

/// The directory of the plugins that the project ships.
pub fn plugins() -> Result<PathBuf> {
    existing("JOBHOST_PLUGINS", repository::built_plugins, "cargo xtask plugins")
}

/// One of the hostile guests in `tests/guests`, by the name of its crate.
pub fn guest(name: &str) -> Result<PathBuf> {
    let directory = existing("JOBHOST_GUESTS", repository::built_guests, "cargo xtask plugins")?;
    require(directory.join(format!("{name}.wasm")), "make it with `cargo xtask plugins`")
}

/// One of the plugins in `docs/examples`, by the name of its crate.
pub fn example(name: &str) -> Result<PathBuf> {
    let directory = existing("JOBHOST_EXAMPLES", repository::built_examples, "cargo xtask plugins")?;
    require(directory.join(format!("{name}.wasm")), "make it with `cargo xtask plugins`")
}

/// The Python that has boto3, moto, harperdb, pyarrow and duckdb.
pub fn python() -> Result<PathBuf> {
    const REMEDY: &str = "`cargo xtask test` makes a Python with boto3, moto, flask, flask-cors, harperdb, pyarrow and duckdb; or set \
                          JOBHOST_TEST_PYTHON to the path of one";
    match std::env::var_os("JOBHOST_TEST_PYTHON").map(PathBuf::from) {
        // Not canonicalized: Python finds its virtual environment by the path of its executable.
        Some(path) if path.exists() => Ok(path),
        Some(path) => {
            let sentence = format!("JOBHOST_TEST_PYTHON names {}, which does not exist", path.display());
            Err(Failure::new(sentence).remedy(REMEDY))
        }
        None => Err(Failure::new("JOBHOST_TEST_PYTHON is not set").remedy(REMEDY)),
    }
}

/// The `node_modules` with the JavaScript client.
pub fn node_modules() -> Result<PathBuf> {
    const REMEDY: &str = "`cargo xtask test` installs the package harperive; or set JOBHOST_TEST_NODE_MODULES to a \
                          node_modules that has it";
    match std::env::var_os("JOBHOST_TEST_NODE_MODULES") {
        Some(path) => require(path.into(), REMEDY),
        None => Err(Failure::new("JOBHOST_TEST_NODE_MODULES is not set").remedy(REMEDY)),
    }
}

/// A file in this package, such as a script.
pub fn in_package(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn existing(variable: &str, default: fn() -> PathBuf, command: &str) -> Result<PathBuf> {
    let path = std::env::var_os(variable).map_or_else(default, PathBuf::from);
    require(path, &format!("make it with `{command}`"))
}

fn require(path: PathBuf, remedy: &str) -> Result<PathBuf> {
    path.canonicalize().map_err(|_| Failure::new(format!("{} does not exist", path.display())).remedy(remedy))
}
