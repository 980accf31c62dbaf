//! `cargo xtask fuzz`: runs the fuzz targets for any length of time. They are tests whose name begins with `fuzz_`.
//! `cargo test` runs each for a second or a few thousand inputs; here the same code receives random inputs until its
//! time is up, on the stable compiler and without any installation. In contrast to tests in the release profile,
//! overflow checks and debug assertions are enabled.

mod options;
mod outcome;
mod run;
mod targets;

use std::collections::{BTreeMap, BTreeSet};

use jobhost_testkit::failure::{Failure, Result};
use jobhost_testkit::repository;
use options::{HELP, Options};
use outcome::Outcome;
use targets::Target;

pub fn run(arguments: &[String]) -> Result<()> {
    let Some(options) = Options::parse(arguments)? else {
        print!("{HELP}");
        return Ok(());
    };
    let known = targets::find(&repository::root())?;
    let wanted: Vec<&Target> = known.iter().filter(|target| options.wants(&target.label())).collect();
    if options.list {
        wanted.iter().for_each(|target| println!("{}", target.label()));
        return Ok(());
    }
    if wanted.is_empty() {
        return Err(Failure::new(format!("no fuzz target is named like {:?}", options.filter))
            .remedy("`cargo xtask fuzz --list` names them"));
    }
    fuzz(&wanted, &options)
}

/// Runs all targets before it reports failures, so that one failure does not hide the others.
fn fuzz(wanted: &[&Target], options: &Options) -> Result<()> {
    // Builds everything first, so that a compile error is not reported only after an hour.
    let packages: BTreeSet<&targets::Package> = wanted.iter().map(|target| &target.package).collect();
    let mut programs = BTreeMap::new();
    for package in packages {
        programs.insert(package, run::build(package)?);
    }
    let (mut failed, mut ran) = (Vec::new(), 0);
    for target in wanted {
        let programs = programs.get(&target.package).map(Vec::as_slice).unwrap_or_default();
        for (program, test) in run::tests_of(target, programs)? {
            ran += 1;
            let outcome = run::run(target, &program, &test, options)?;
            println!("{:<40} {outcome}", target.label());
            if let Outcome::Failed(failure) = outcome {
                println!("{}\nto repeat it: {}\n", failure.said.trim_end(), failure.repeat(&target.label()));
                failed.push(target.label());
            }
        }
    }
    if ran < wanted.len() {
        return Err(Failure::new(format!("{} targets are in the sources, but only {ran} could be run", wanted.len()))
            .remedy("a test that is named fuzz_… must be compiled in its package's tests on this machine"));
    }
    if failed.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!("{} of {ran} fuzz targets failed: {}", failed.len(), failed.join(", "))))
}
