//! `cargo xtask bench` and `cargo xtask soak`: builds what is measured, then the program that measures, and runs it with
//! the arguments. Knows of these only which need no host.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use jobhost_testkit::failure::Result;
use jobhost_testkit::{process, repository};

use crate::{components, demo, toolchain};

/// As one of many tests: long enough to meet every attack.
const SHORT_SOAK: Duration = Duration::from_secs(30);

/// Options that ask for the help, or name what is measured instead.
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

/// A soak of what is built already.
pub fn short_soak() -> Result<()> {
    process::run(Command::new(program()).args(["soak", "--seconds", &SHORT_SOAK.as_secs().to_string()]))
}

fn program() -> PathBuf {
    repository::target().join("release").join("jobhost-bench")
}
