//! Runs formatting checks, lints and dependency checks of all three workspaces. It changes nothing.

use crate::{components, tools};
use jobhost_testkit::failure::Result;
use jobhost_testkit::{process, repository};
use std::process::Command;
use std::time::Duration;

/// This version needs Rust 1.88, so the project's compiler can build it.
const CARGO_DENY: &str = "0.20.2";
/// Fetching the advisory database takes seconds if it is reachable at all.
const ADVISORIES: Duration = Duration::from_secs(180);

pub fn formatting() -> Result<()> {
    process::run(Command::new("cargo").current_dir(repository::root()).args(["fmt", "--all", "--check"]))?;
    for workspace in components::workspaces() {
        process::run(Command::new("cargo").current_dir(workspace).args(["fmt", "--all", "--check"]))?;
    }
    Ok(())
}

/// Lints the host workspace in the release profile, so that build scripts and macros are shared with the following
/// build.
pub fn host() -> Result<()> {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(repository::root()).args(["clippy", "--quiet", "--release", "--workspace", "--exclude", "xtask"]);
    process::run(cargo.args(["--all-targets", "--", "-D", "warnings"]))?;
    // The profile in which xtask itself runs.
    let mut cargo = Command::new("cargo");
    cargo.current_dir(repository::root()).args(["clippy", "--quiet", "--package", "xtask"]);
    process::run(cargo.args(["--all-targets", "--", "-D", "warnings"]))
}

/// Lints the wasm workspaces, compiled natively: clippy belongs to the current compiler, which may lack the wasm
/// target.
pub fn guests() -> Result<()> {
    for workspace in components::workspaces() {
        let mut cargo = Command::new("cargo");
        cargo.current_dir(workspace).env("CARGO_TARGET_DIR", components::target());
        process::run(cargo.args(["clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    }
    Ok(())
}

/// Builds the documentation of the host's crates and of the plugin SDK, and fails on broken links.
pub fn documentation() -> Result<()> {
    let document = |workspace: &std::path::Path, target: Option<std::path::PathBuf>, what: &[&str]| {
        let mut cargo = Command::new("cargo");
        cargo
            .current_dir(workspace)
            .args(["doc", "--quiet", "--no-deps"])
            .args(what)
            .env("RUSTDOCFLAGS", "-D warnings");
        if let Some(target) = target {
            cargo.env("CARGO_TARGET_DIR", target);
        }
        process::run(&mut cargo)
    };
    document(&repository::root(), None, &["--release", "--workspace", "--exclude", "xtask"])?;
    document(&repository::root().join("plugins"), Some(components::target()), &["--package", "jobhost-plugin"])
}

/// Checks licences, sources and banned packages, and known vulnerabilities if their database can be fetched.
pub fn dependencies() -> Result<()> {
    let deny = tools::cargo_program("cargo-deny", CARGO_DENY)?;
    let config = repository::root().join("deny.toml");
    let mut workspaces = vec![repository::root()];
    workspaces.extend(components::workspaces());
    let command = |workspace: &std::path::Path| {
        let mut command = Command::new(&deny);
        command.arg("--manifest-path").arg(workspace.join("Cargo.toml"));
        command.arg("--config").arg(&config).args(["--log-level", "error", "check"]);
        command
    };
    for workspace in &workspaces {
        process::run(command(workspace).args(["licenses", "bans", "sources"]))?;
    }
    for workspace in &workspaces {
        match process::bounded(command(workspace).arg("advisories"), ADVISORIES) {
            Ok(_) => println!("{}: no known vulnerability", workspace.display()),
            Err(failure) if database_missing(&failure.to_string()) => {
                println!("NOT CHECKED: known vulnerabilities. Their database could not be fetched. {failure}");
                return Ok(());
            }
            Err(failure) => return Err(failure),
        }
    }
    Ok(())
}

/// Whether cargo-deny failed because its database is unreachable.
fn database_missing(said: &str) -> bool {
    said.contains("failed to fetch advisory database") || said.contains("was not done after")
}
