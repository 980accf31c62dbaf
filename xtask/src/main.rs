//! `cargo xtask`: the task runner of the repository. Each task sets up everything that it needs, starting from a fresh
//! clone.

mod bench;
mod components;
mod contract;
mod demo;
mod fuzz;
mod links;
mod lint;
mod listings;
mod peer;
mod test;
mod toolchain;
mod tools;

use jobhost_testkit::failure::{Failure, Result};
use std::process::ExitCode;

const HELP: &str = "\
cargo xtask TASK

  demo [--once]   build everything, start a host, load a CSV file through HTTP; --once stops the host at the end
  test            everything that CI runs
  plugins         build the plugins, the hostile guests and the examples into target/plugins, target/guests, target/examples
  bench [...]     measure loads and jobs against other databases; see `cargo xtask bench --help`
  soak [...]      honest clients beside attackers for long; see `cargo xtask soak --help`
  peer DIR        Harper's own API tests, from a folder that holds them, against this program
  fuzz [...]      run the fuzz targets for long; see `cargo xtask fuzz --help`
  check           formatting, lints, licences and known vulnerabilities of dependencies, links and
                  listings of the documents, released contracts
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match task(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("\nerror: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn task(arguments: &[String]) -> Result<()> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["demo"] => demo::run(false),
        ["demo", "--once"] => demo::run(true),
        ["test"] => test::run(),
        ["plugins"] => components::build(&toolchain::ensure()?),
        [task @ ("bench" | "soak"), ..] => bench::run(task, arguments.get(1..).unwrap_or_default()),
        ["peer", ..] => peer::run(arguments.get(1..).unwrap_or_default()),
        ["fuzz", ..] => fuzz::run(arguments.get(1..).unwrap_or_default()),
        ["check"] => check(),
        ["help" | "--help" | "-h"] => {
            print!("{HELP}");
            Ok(())
        }
        [] => Err(Failure::new("no task is named").detail(HELP)),
        _ => Err(Failure::new(format!("there is no task `{}`", words.join(" "))).detail(HELP)),
    }
}

fn check() -> Result<()> {
    let mut steps = test::Steps::default();
    steps.step("formatting", lint::formatting)?;
    steps.step("links of the documents", links::check)?;
    steps.step("files that documents show", listings::check)?;
    steps.step("released contracts", contract::check)?;
    steps.step("licences and known vulnerabilities of dependencies", lint::dependencies)?;
    steps.step("lints of plugins and guests", lint::guests)?;
    steps.step("lints of the host", lint::host)?;
    steps.step("documentation", lint::documentation)?;
    steps.summary();
    Ok(())
}
