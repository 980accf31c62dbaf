//! Where the built things are that the tests run: the program, the plugins it ships, the hostile guests.
//!
//! The tests build nothing themselves. What is missing fails the test with the command that makes it.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The program `jobhost`.
pub fn program() -> PathBuf {
    existing("JOBHOST_BIN", "target/release/jobhost", "cargo build --release --package jobhost")
}

/// A command that runs the program, with nothing in its environment that would configure it or lead it astray.
pub fn command() -> Command {
    clean(Command::new(program()))
}

/// The command without what of the environment would configure the program or lead it astray.
pub(crate) fn clean(mut command: Command) -> Command {
    for (name, _) in std::env::vars_os() {
        let upper = name.to_string_lossy().to_ascii_uppercase();
        if upper.starts_with("JOBHOST_") || upper.ends_with("_PROXY") {
            command.env_remove(name);
        }
    }
    command
}

/// The directory with the plugins that the project ships.
pub fn plugins() -> PathBuf {
    existing("JOBHOST_PLUGINS", "target/plugins", "cargo xtask plugins")
}

/// One of the special guests of `tests/guests`, by the name of its crate.
pub fn guest(name: &str) -> PathBuf {
    let directory = existing("JOBHOST_GUESTS", "target/guests", "cargo xtask plugins");
    require(directory.join(format!("{name}.wasm")), "cargo xtask plugins")
}

/// One of the plugins of `docs/examples`, by the name of its crate.
pub fn example(name: &str) -> PathBuf {
    let directory = existing("JOBHOST_EXAMPLES", "target/examples", "cargo xtask plugins");
    require(directory.join(format!("{name}.wasm")), "cargo xtask plugins")
}

/// The Python that has boto3, moto, harperdb, pyarrow and duckdb.
pub fn python() -> PathBuf {
    match std::env::var_os("JOBHOST_TEST_PYTHON") {
        // Not canonical: a virtual environment is found by the path that its Python was started by.
        Some(path) if Path::new(&path).exists() => path.into(),
        Some(path) => panic!("JOBHOST_TEST_PYTHON names {}, which does not exist", Path::new(&path).display()),
        None => panic!(
            "the tests need a Python with boto3, moto, flask, flask-cors, harperdb, pyarrow and duckdb: `cargo xtask test` \
             makes one; or set JOBHOST_TEST_PYTHON to its path"
        ),
    }
}

/// The `node_modules` that has the JavaScript client.
pub fn node_modules() -> PathBuf {
    match std::env::var_os("JOBHOST_TEST_NODE_MODULES") {
        Some(path) => require(path.into(), "cargo xtask test"),
        None => panic!(
            "the test of the JavaScript client needs the package harperive: `cargo xtask test` installs it; or set \
             JOBHOST_TEST_NODE_MODULES to a node_modules that has it"
        ),
    }
}

/// A file of this package, such as a fixture.
pub fn in_package(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn existing(variable: &str, default: &str, command: &str) -> PathBuf {
    let path = match std::env::var_os(variable) {
        Some(path) => PathBuf::from(path),
        None => in_package("..").join(default),
    };
    require(path, command)
}

fn require(path: PathBuf, command: &str) -> PathBuf {
    match path.canonicalize() {
        Ok(path) => path,
        Err(_) => panic!("{} does not exist: make it with `{command}`", path.display()),
    }
}
