//! Python virtual environments under `target/bench` with pinned packages. Nothing may be installed elsewhere.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::bench::meter::{self, Usage};
use jobhost_testkit::failure::{Doing, Failure, Result};

/// Lists the installed packages. Written when the installation is complete.
const MARKER: &str = "installed.txt";

#[derive(Debug, Clone)]
pub struct Python {
    program: PathBuf,
}

impl Python {
    pub fn prepare(venv: &Path, packages: &[&str]) -> Result<Self> {
        let program = venv.join("bin/python");
        let marker = venv.join(MARKER);
        let wanted = packages.join("\n");
        if fs::read_to_string(&marker).is_ok_and(|found| found == wanted) && program.exists() {
            return Ok(Self { program });
        }
        meter::run("python3 -m venv", Command::new("python3").args(["-m", "venv"]).arg(venv))?;
        let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
        meter::run("pip install", Command::new(&program).args(install).args(packages))?;
        fs::write(&marker, wanted).doing(|| format!("cannot write {}", marker.display()))?;
        Ok(Self { program })
    }

    /// Runs a script that prints one JSON object with its own `wall` and `cpu`. Starting Python therefore counts only
    /// for memory.
    pub fn measured(&self, what: &str, script: &str, arguments: &[&str]) -> Result<(Value, Usage)> {
        let (text, mut usage) =
            meter::of_command(what, Command::new(&self.program).args(["-c", script]).args(arguments))?;
        let said: Value = serde_json::from_str(&text)
            .map_err(|e| Failure::new(format!("the script of {what} printed no JSON: {e}")))?;
        let number = |key: &str| {
            let found = said.get(key).and_then(Value::as_f64);
            found.ok_or_else(|| Failure::new(format!("the script of {what} did not tell {key}: {said}")))
        };
        usage.wall_seconds = number("wall")?;
        usage.cpu_seconds = number("cpu")?;
        Ok((said, usage))
    }

    pub fn run(&self, what: &str, script: &str, arguments: &[&str]) -> Result<String> {
        meter::run(what, Command::new(&self.program).args(["-c", script]).args(arguments))
    }
}
