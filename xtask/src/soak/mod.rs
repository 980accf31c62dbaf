//! `cargo xtask soak`: honest clients and attackers side by side on one host, for as long as one likes. It prints every ten
//! seconds what the host holds and what the honest clients feel, and fails when at the end something is not given back, an
//! honest request failed, or a job is left between its states. `docs/limits.md` says how to read it.

mod attacks;
mod honest;
mod ledger;
mod options;
mod sample;
mod scene;
mod verdict;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::bench::host::{Host, Setup};
use crate::failure::{Doing, Failure, Result};
use crate::{components, demo, repository, toolchain};
use attacks::{Kind, Mob};
use honest::Crew;
use ledger::{Ledger, Phase};
use options::{HELP, Options};
use sample::Watch;
use verdict::Findings;

/// Between two lines of the table.
const REPORT_EVERY: Duration = Duration::from_secs(10);
/// What an attacker held is free again after this.
const GIVEN_BACK_WITHIN: Duration = Duration::from_secs(10);
/// For the jobs that were accepted last.
const JOBS_END_WITHIN: Duration = Duration::from_secs(60);
/// As one of many tests.
const SHORT: Duration = Duration::from_secs(30);

pub fn run(arguments: &[String]) -> Result<()> {
    let Some(options) = Options::parse(arguments)? else {
        print!("{HELP}");
        return Ok(());
    };
    let kinds = attacks::kinds(&options.attacks)?;
    if options.host.is_none() {
        components::build(&toolchain::ensure()?)?;
        demo::build_host()?;
    }
    soak(&options, &kinds)
}

/// Long enough to meet every attack, short enough to be run with the tests. Needs what is built.
pub fn short() -> Result<()> {
    soak(&Options { time: SHORT, ..Options::default() }, &attacks::kinds(&[])?)
}

fn soak(options: &Options, kinds: &[&'static Kind]) -> Result<()> {
    let folder = repository::target().join("soak");
    // Left behind by a run that failed: its log was worth keeping until now.
    fs::remove_dir_all(&folder).ok();
    let host = Host::start(&setup(options, &folder)?, &folder.join("jobhost"))?;
    let findings = play(options, kinds, &host, &folder)
        .map_err(|failure| failure.remedy(format!("{} may tell why", host.log().display())))?;
    host.stop()?;
    let verdict = findings.verdict(options.memory);
    print!("\n{}", verdict.table().markdown());
    if verdict.met() {
        fs::remove_dir_all(&folder).ok();
        return Ok(());
    }
    let log = folder.join("jobhost").join("stderr.log");
    Err(Failure::new("the host did not hold what it promises").remedy(format!("{} may tell why", log.display())))
}

fn setup(options: &Options, folder: &std::path::Path) -> Result<Setup> {
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
    let mut settings = vec![
        format!("memory.total_bytes={}", options.memory),
        format!("files.export_directories={}", place(scene::EXPORTS)?.display()),
    ];
    settings.extend(options.settings.iter().cloned());
    Ok(Setup { program, plugins: repository::built_plugins(), files: place(scene::FILES)?, settings })
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
    report(options.time, "beside", &ledger, &watch)?;
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

/// How many accepted jobs have not ended although there was time for it.
fn jobs_left(host: &Host) -> Result<u64> {
    let mut client = host.connect()?;
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
