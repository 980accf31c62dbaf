//! Builds the tests of a package and runs each target in a separate process. The time of the process is limited from
//! outside too: an input for which the code never ends is a failure, and the process must be killed.

use std::fs::File;
use std::io::{Read, Seek};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::options::Options;
use super::outcome::{self, Failed, Outcome};
use super::targets::{Package, Target};
use crate::components;
use jobhost_testkit::failure::{Doing, Failure, Result};
use jobhost_testkit::{process, repository};

/// Time for the last input, and for shrinking an input that failed.
const GRACE: Duration = Duration::from_secs(120);

/// Compiles the tests of a package and returns the programs.
pub fn build(package: &Package) -> Result<Vec<PathBuf>> {
    println!("building the tests of {}", package.name);
    let mut cargo = Command::new("cargo");
    cargo.args(["test", "--quiet", "--no-run", "--message-format", "json-render-diagnostics"]);
    if package.of_host {
        // Uses the same settings as `cargo xtask test`, so that wasmtime is not compiled again; only the host itself
        // is, with checks.
        cargo.current_dir(repository::root());
        cargo.args(["--release", "--workspace", "--exclude", "xtask", "--lib"]);
        for checked in ["overflow-checks", "debug-assertions"] {
            cargo.arg("--config").arg(format!("profile.release.package.{}.{checked}=true", package.name));
        }
    } else {
        let workspace = package.folder.parent().unwrap_or(&package.folder);
        cargo.current_dir(workspace).env("CARGO_TARGET_DIR", components::target());
        cargo.args(["--package", &package.name, "--profile", "fuzz"]);
        for setting in
            ["inherits=\"release\"", "lto=false", "codegen-units=16", "overflow-checks=true", "debug-assertions=true"]
        {
            cargo.arg("--config").arg(format!("profile.fuzz.{setting}"));
        }
    }
    let said = process::capture(&mut cargo)?;
    Ok(said.lines().filter_map(|line| program(line, package)).collect())
}

/// Returns the program from a line of cargo's output about one of the package's own tests, but not about its examples.
fn program(line: &str, package: &Package) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(line).ok()?;
    let manifest = package.folder.join("Cargo.toml");
    let ours = message.get("manifest_path")?.as_str()? == manifest.to_str()?;
    let is_test = message.pointer("/profile/test") == Some(&Value::Bool(true));
    (ours && is_test).then(|| message.get("executable")?.as_str().map(PathBuf::from))?
}

/// Finds the target among the tests. Returns each program that has it, and its name with modules.
pub fn tests_of(target: &Target, programs: &[PathBuf]) -> Result<Vec<(PathBuf, String)>> {
    let mut found = Vec::new();
    for program in programs {
        let said = process::capture(Command::new(program).args(["--list", "--format", "terse"]))?;
        let tests = said.lines().filter_map(|line| line.strip_suffix(": test"));
        let named = tests.filter(|test| test.rsplit("::").next() == Some(target.test.as_str()));
        found.extend(named.map(|test| (program.clone(), test.to_owned())));
    }
    Ok(found)
}

pub fn run(target: &Target, program: &PathBuf, test: &str, options: &Options) -> Result<Outcome> {
    let mut command = Command::new(program);
    // A backtrace would be much longer than the input and the error.
    command.env("RUST_BACKTRACE", "0");
    command.current_dir(&target.package.folder).args([test, "--exact", "--nocapture", "--test-threads", "1"]);
    match &options.seed {
        Some(seed) => command.env("BOLERO_RANDOM_SEED", seed).env("BOLERO_RANDOM_ITERATIONS", "0"),
        // The target's own number of iterations applies only to `cargo test`.
        None => command
            .env("BOLERO_RANDOM_ITERATIONS", usize::MAX.to_string())
            .env("BOLERO_RANDOM_TEST_TIME_MS", options.time.as_millis().to_string()),
    };
    let mut log = tempfile::tempfile().doing(|| "cannot make a temporary file".to_owned())?;
    let writer = |log: &File| log.try_clone().doing(|| "cannot share a temporary file".to_owned());
    let started = Instant::now();
    let child = command.stdin(Stdio::null()).stdout(writer(&log)?).stderr(writer(&log)?).spawn();
    let mut child = child.doing(|| format!("cannot start `{}`", process::shown(&command)))?;
    let ended = process::wait(&mut child, options.time + GRACE);
    if !matches!(ended, Ok(Some(_))) {
        // Both calls fail if it has already ended, which is fine.
        child.kill().ok();
        child.wait().ok();
    }
    let took = started.elapsed();
    let mut said = Vec::new();
    log.rewind().and_then(|()| log.read_to_end(&mut said)).doing(|| "cannot read a temporary file".to_owned())?;
    let said = String::from_utf8_lossy(&said);
    let inputs = outcome::inputs(&said);
    let failed = |said: String, seed| Failed { inputs, took, seed, said };
    Ok(match (ended?, inputs) {
        (Some(status), Some(inputs)) if status.success() => Outcome::Passed { inputs, took },
        (Some(status), None) if status.success() => {
            return Err(Failure::new(format!("{} ran, but is no target of bolero", target.label())));
        }
        (Some(status), _) => match outcome::seed(&said) {
            Some(seed) => Outcome::Failed(failed(outcome::failure(&said).to_owned(), Some(seed))),
            None => Outcome::Failed(failed(format!("{status}\n{}", process::tail(&said)), None)),
        },
        (None, _) => {
            let why = format!("one input has not ended {} s after the time was up", GRACE.as_secs());
            Outcome::Failed(failed(why, None))
        }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_the_test_programs_of_the_package_are_used() {
        let package = Package { name: "a".to_owned(), folder: "/w/a".into(), of_host: false };
        let line = |folder: &str, test: bool, program: Value| {
            let manifest = format!("/w/{folder}/Cargo.toml");
            json!({"manifest_path": manifest, "profile": {"test": test}, "executable": program}).to_string()
        };
        assert_eq!(program(&line("a", true, json!("/t/x")), &package), Some("/t/x".into()));
        for other in [line("a", true, Value::Null), line("b", true, json!("/t/y")), line("a", false, json!("/t/parse"))]
        {
            assert_eq!(program(&other, &package), None, "{other}");
        }
        assert_eq!(program("warning: something", &package), None);
    }
}
