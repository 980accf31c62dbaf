//! `cargo xtask bench` and `cargo xtask soak`: builds the host and the benchmark program, and runs the latter with the
//! given arguments. This module interprets the arguments only to find out whether a host is needed.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use jobhost_testkit::failure::Result;
use jobhost_testkit::{process, repository};

use crate::{components, demo, toolchain};

/// Long enough for every attack to occur; the soak is one of many tests.
const SHORT_SOAK: Duration = Duration::from_secs(30);

/// Options that print the help, or that measure something other than a built host.
const NEEDS_NO_HOST: [&str; 4] = ["--help", "-h", "--peers-only", "--host"];

pub fn run(task: &str, arguments: &[String]) -> Result<()> {
    let name = |argument: &String| argument.split('=').next().unwrap_or_default().to_owned();
    if !arguments.iter().any(|argument| NEEDS_NO_HOST.contains(&name(argument).as_str())) {
        components::build(&toolchain::ensure()?)?;
        demo::build_host()?;
    }
    let mut cargo = Command::new("cargo");
    cargo.current_dir(repository::root()).args(["build", "--quiet", "--release", "--package", "jobhost-bench"]);
    process::run(&mut cargo)?;
    process::run(Command::new(program()).arg(task).args(arguments))
}

/// Runs a short soak with what is already built.
pub fn short_soak() -> Result<()> {
    process::run(Command::new(program()).args(["soak", "--seconds", &SHORT_SOAK.as_secs().to_string()]))
}

/// Runs some parts with small numbers and what is already built. It shows that the benchmark works; its figures mean nothing.
pub fn short_bench() -> Result<()> {
    let mut bench = Command::new(program());
    bench.args(["bench", "--ours-only", "--only", "load,export,tiny", "--rows", "20000", "--rounds", "1"]);
    bench.args(["--singles", "20", "--clients", "4", "--jobs-per-client", "10", "--queued", "200"]);
    process::run(bench.arg("--host").arg(repository::host_binary()))
}

fn program() -> PathBuf {
    repository::target().join("release").join("jobhost-bench")
}
