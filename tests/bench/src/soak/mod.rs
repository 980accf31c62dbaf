//! `cargo xtask soak`: runs honest clients and attackers side by side on one host for any length of time. Every ten
//! seconds it prints what the host holds and what the honest clients experience. It fails if at the end some resource
//! was not freed, an honest request failed, or a job has not ended. `docs/limits.md` explains the output.

mod attacks;
mod honest;
mod ledger;
pub mod options;
mod sample;
mod scene;
mod verdict;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use attacks::{Kind, Mob};
use honest::Crew;
use jobhost_testkit::failure::{Doing, Failure, Result};
use jobhost_testkit::repository;
use jobhost_testkit::{Configuration, Host};
use ledger::{Ledger, Phase};
use options::Options;
use sample::Watch;
use verdict::Findings;

/// Interval between two lines of the table.
const REPORT_EVERY: Duration = Duration::from_secs(10);
/// Resources that an attacker held must be free after this time.
const GIVEN_BACK_WITHIN: Duration = Duration::from_secs(10);
/// Time for the last accepted jobs to end.
const JOBS_END_WITHIN: Duration = Duration::from_secs(60);

pub fn run(options: &Options) -> Result<()> {
    let kinds = attacks::kinds(&options.attacks)?;
    let folder = repository::target().join("soak");
    // Left behind by a run that failed. Its log was kept until now.
    fs::remove_dir_all(&folder).ok();
    let home = folder.join("jobhost");
    let host = Host::start_afresh(&setup(options, &folder)?, &home)?;
    let log = Host::log_file(&home);
    let why = |failure: Failure| failure.remedy(format!("{} may tell why", log.display()));
    let findings = play(options, &kinds, &host, &folder).map_err(why)?;
    host.stop()?;
    let verdict = findings.verdict(options.memory);
    print!("\n{}", verdict.table().markdown());
    if verdict.met() {
        fs::remove_dir_all(&folder).ok();
        return Ok(());
    }
    Err(why(Failure::new("the host did not hold what it promises")))
}

fn setup(options: &Options, folder: &std::path::Path) -> Result<Configuration> {
    let program = options.host.clone().unwrap_or_else(repository::host_binary);
    if !program.exists() {
        return Err(Failure::new(format!("{} is not there", program.display()))
            .remedy("build it: cargo build --release --package jobhost"));
    }
    let place = |name: &str| -> Result<PathBuf> {
        let path = folder.join(name);
        fs::create_dir_all(&path).doing(|| format!("cannot make {}", path.display()))?;
        Ok(path)
    };
    Ok(Configuration::new(program, repository::built_plugins())
        .set("files.directories", place(scene::FILES)?.display())
        .set("memory.total_bytes", options.memory)
        .set("files.export_directories", place(scene::EXPORTS)?.display())
        .settings(options.settings.iter().cloned()))
}

fn play(options: &Options, kinds: &[&'static Kind], host: &Host, folder: &std::path::Path) -> Result<Findings> {
    scene::prepare(host, folder)?;
    let ledger = Arc::new(Ledger::default());
    let watch = Watch::start(host);
    let crew = Crew::start(host, folder, &ledger)?;
    println!("{}", ledger::heading());

    report(options.alone(), "alone", &ledger, &watch)?;
    let before = watch.turn();
    ledger.turn(Phase::Beside);
    let mob = Mob::start(host, folder, kinds)?;
    report(options.time(), "beside", &ledger, &watch)?;
    let attacks = mob.stop();
    let beside = watch.turn();
    ledger.turn(Phase::After);
    let returned = watch.returned(&before, GIVEN_BACK_WITHIN);
    report(GIVEN_BACK_WITHIN, "after", &ledger, &watch)?;

    let honest = crew.stop(&ledger);
    let unfinished = jobs_left(host)?;
    Ok(Findings { before, beside, returned, honest, unfinished, attacks })
}

/// Prints a line every ten seconds until the time is up.
fn report(time: Duration, phase: &str, ledger: &Ledger, watch: &Watch) -> Result<()> {
    let end = Instant::now() + time;
    while Instant::now() < end {
        thread::sleep(REPORT_EVERY.min(end.saturating_duration_since(Instant::now())));
        let sample = watch.now().ok_or_else(|| Failure::new("the host has ended"))?;
        println!("{}", ledger.line(phase, &sample));
    }
    Ok(())
}

/// Returns the number of accepted jobs that have not ended in time.
fn jobs_left(host: &Host) -> Result<u64> {
    let client = host.client()?;
    let deadline = Instant::now() + JOBS_END_WITHIN;
    loop {
        let (_, metrics) = client.page("/metrics")?;
        let left = verdict::unfinished(&metrics);
        if left == 0 || Instant::now() > deadline {
            return Ok(left);
        }
        thread::sleep(Duration::from_millis(200));
    }
}
