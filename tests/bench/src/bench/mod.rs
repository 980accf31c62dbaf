//! `cargo xtask bench`: measures the speed and the resources of jobhost next to SQLite, DuckDB and PostgreSQL, in the
//! same run on the same file. `docs/benchmarks.md` explains the results. It must not build or change anything outside
//! of `target/bench`, and reports no result that it has not checked.

mod contest;
mod dataset;
mod delete;
mod environment;
mod export;
mod flat;
mod gate;
mod import;
mod load;
pub mod meter;
mod neighbours;
pub mod options;
mod ours;
mod parse;
mod peers;
mod queue;
pub mod report;
mod s3;
mod tiny;
mod written;

use std::fs::{self, File};
use std::path::PathBuf;

use jobhost_testkit::Configuration;
use jobhost_testkit::failure::{Doing, Failure, Result};
use jobhost_testkit::repository;
use options::{Options, Part};
use report::Report;

/// The context of every part.
struct Bench {
    options: Options,
    /// `target/bench`: generated files, results, and temporary databases.
    dir: PathBuf,
    setup: Configuration,
}

/// `args` are repeated in the report.
pub fn run(options: Options, args: &[String]) -> Result<()> {
    let dir = repository::target().join("bench");
    fs::create_dir_all(&dir).doing(|| format!("cannot make {}", dir.display()))?;
    let lock = dir.join("lock");
    let lock = File::create(&lock).doing(|| format!("cannot make {}", lock.display()))?;
    lock.try_lock().doing(|| "another benchmark runs in this repository".to_owned())?;

    let program = options.host.clone().unwrap_or_else(repository::host_binary);
    let setup = Configuration::new(program, repository::built_plugins())
        .set("files.directories", dir.display())
        .settings(options.settings.iter().cloned());
    let bench = Bench { options, dir, setup };
    if !bench.options.peers_only && !bench.setup.program().exists() {
        return Err(Failure::new(format!("{} is not there", bench.setup.program().display()))
            .remedy("build it with `cargo build --release -p jobhost`, or measure the others with --peers-only"));
    }
    // Left behind by an interrupted run.
    fs::remove_dir_all(bench.scratch()).ok();
    let mut report = Report::new(&bench.dir, args);
    report.section("environment", environment::describe(&bench)?)?;
    bench.measure(&mut report)?;
    // After a failure it is kept, because `run/jobhost/host.log` may show the reason.
    fs::remove_dir_all(bench.scratch()).ok();
    report.finish(environment::load_average())
}

impl Bench {
    fn measure(&self, report: &mut Report) -> Result<()> {
        let ours = !self.options.peers_only;
        if self.options.has(Part::Load) {
            load::run(self, report)?;
        }
        if self.options.has(Part::Export) {
            export::run(self, report)?;
        }
        if self.options.has(Part::Delete) {
            delete::run(self, report)?;
        }
        if self.options.has(Part::Import) {
            import::run(self, report)?;
        }
        if ours && self.options.has(Part::Flat) {
            flat::run(self, report)?;
        }
        if ours && self.options.has(Part::Tiny) {
            tiny::run(self, report)?;
            queue::run(self, report)?;
        }
        if ours && self.options.has(Part::Neighbours) {
            neighbours::run(self, report)?;
        }
        if ours && self.options.has(Part::Parse) {
            parse::run(self, report)?;
        }
        Ok(())
    }

    /// The directory for databases and data directories. All of its content is removed.
    fn scratch(&self) -> PathBuf {
        self.dir.join("run")
    }
}
