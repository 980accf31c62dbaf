//! `cargo xtask peer DIR`: runs Harper's own API tests from a local folder unmodified against this program. A test that
//! does not pass is a failure unless tests/peer/differences.json lists it with a reason.
//!
//! The repository contains no part of that suite, and it is not part of `cargo xtask test`.

mod differences;
mod tap;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use differences::Differences;
use tap::{Outcome, Test};

use crate::{components, demo, toolchain, tools};
use jobhost_testkit::failure::{Doing, Failure, Result};
use jobhost_testkit::{Configuration, Host, process, repository};

const HELP: &str = "\
cargo xtask peer DIR
  runs Harper's API tests (its folder integrationTests/apiTests, or a checkout that has it) against this program;
  needs node with npm, and the ports 9925 free
";
/// The suites about the Operations API of a single node without components. The others test features that this program
/// does not have.
const SUITES: [&str; 13] = [
    "0_envCleanup",
    "1_environmentSetup",
    "2_dataLoad",
    "3_sqlTests",
    "4_noSqlTests",
    "5_noSqlRoleTesting",
    "6_sqlRoleTesting",
    "7_jobsAndJobRoleTesting",
    "8_deleteTests",
    "10_otherRoleTests",
    "11_alterUserTests",
    "14_tokenAuth",
    "16_terminologyUpdates",
];
const PARTS: [&str; 5] = ["config", "data", "json", "tests", "utils"];
/// The packages that the suite imports, in the versions that its checkout pins.
const PACKAGES: [&str; 3] = ["dotenv@17", "supertest@7", "fs-extra@11"];
/// Not a secret, because the host exists only during the tests.
const PASSWORD: &str = "password";

pub fn run(arguments: &[String]) -> Result<()> {
    let folder = match arguments {
        [word] if word == "--help" || word == "-h" => {
            print!("{HELP}");
            return Ok(());
        }
        [folder] => suite_in(Path::new(folder))?,
        _ => return Err(Failure::new("peer takes one folder").detail(HELP)),
    };
    let differences = Differences::read()?;
    components::build_plugins(&toolchain::ensure()?)?;
    demo::build_host()?;
    let packages = tools::node_packages("peer-tests", &PACKAGES)?;
    let work = tempfile::tempdir().doing(|| "cannot make a folder for the tests".to_owned())?;
    let tests = lay_out(&folder, work.path(), &packages)?;
    report(&tap::read(&tests_of(work.path(), &tests)?), &differences)
}

/// Returns the folder of the suite itself.
fn suite_in(folder: &Path) -> Result<PathBuf> {
    let candidates = [folder.to_path_buf(), folder.join("integrationTests").join("apiTests")];
    let found = candidates.into_iter().find(|folder| folder.join("tests").join("testSuite.mjs").is_file());
    found.ok_or_else(|| {
        let sentence = format!("{} does not hold the suite: there is no tests/testSuite.mjs", folder.display());
        Failure::new(sentence).remedy("name the folder integrationTests/apiTests of a checkout of HarperFast/harper")
    })
}

/// Creates a copy of the suite that runs only `SUITES`, with its packages.
fn lay_out(suite: &Path, work: &Path, packages: &Path) -> Result<PathBuf> {
    let tests = work.join("suite");
    let failed = || format!("cannot write in {}", tests.display());
    fs::create_dir(&tests).doing(failed)?;
    for part in PARTS {
        process::run(Command::new("cp").arg("-r").arg(suite.join(part)).arg(&tests))?;
    }
    std::os::unix::fs::symlink(packages.join("node_modules"), tests.join("node_modules")).doing(failed)?;
    fs::write(tests.join("package.json"), "{\"type\": \"module\"}\n").doing(failed)?;
    let login = format!("HDB_ADMIN_USERNAME=HDB_ADMIN\nHDB_ADMIN_PASSWORD={PASSWORD}\n");
    fs::write(tests.join(".env"), login).doing(failed)?;
    let imports: String = SUITES.iter().map(|suite| format!("\tawait import('./{suite}.mjs');\n")).collect();
    let all = format!("import {{ describe }} from 'node:test';\ndescribe('all', async () => {{\n{imports}}});\n");
    fs::write(tests.join("tests").join("all.mjs"), all).doing(failed)?;
    Ok(tests)
}

/// Returns the output of the test runner.
fn tests_of(work: &Path, tests: &Path) -> Result<String> {
    let (home, exports) = (work.join("host"), work.join("exports"));
    for folder in [&home, &exports] {
        fs::create_dir(folder).doing(|| format!("cannot make {}", folder.display()))?;
    }
    let configuration = Configuration::new(repository::host_binary(), repository::built_plugins())
        .password(PASSWORD)
        .set("server.listen", "127.0.0.1:9925")
        .set("files.directories", tests.join("data").display())
        .set("files.export_directories", exports.display());
    let host = Host::start(&configuration, &home)?;
    let mut node = Command::new("node");
    node.args(["--test", "--test-reporter=tap", "tests/all.mjs"]).current_dir(tests);
    println!("running {}", process::shown(&node));
    let output = node.output().map_err(|error| {
        Failure::new("cannot run node").because(error).remedy("install Node.js 20 or later, with npm")
    })?;
    host.stop()?;
    // The exit code only says that some test failed.
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn report(tests: &[Test], differences: &Differences) -> Result<()> {
    let count = |wanted: Outcome| tests.iter().filter(|test| test.outcome == wanted).count();
    let (passed, failed, skipped) = (count(Outcome::Passed), count(Outcome::Failed), count(Outcome::Skipped));
    if passed == 0 {
        return Err(Failure::new("no test has passed: the suite did not run"));
    }
    let mut kinds: BTreeMap<&str, Vec<&Test>> = BTreeMap::new();
    let mut unnamed = Vec::new();
    for test in tests.iter().filter(|test| test.outcome == Outcome::Failed) {
        match differences.kind_of(test) {
            Some(kind) => kinds.entry(kind).or_default().push(test),
            None => unnamed.push(test),
        }
    }
    println!("\n{passed} passed, {failed} failed, {skipped} skip themselves\n");
    for (kind, tests) in &kinds {
        println!("{} differ on purpose: {kind}", tests.len());
        println!("  {}", differences.reason_of(kind));
        tests.iter().for_each(|test| println!("  - [{}] {}", test.suite, test.name));
    }
    let stale = differences.stale(tests);
    stale.iter().for_each(|name| println!("passes, although tests/peer/differences.json names it: {name}"));
    for test in &unnamed {
        println!("fails: [{}] {}\n    {}", test.suite, test.name, test.error);
    }
    if unnamed.is_empty() && stale.is_empty() {
        return Ok(());
    }
    let sentence = format!("{} tests fail that are not named, {} are named and pass", unnamed.len(), stale.len());
    Err(Failure::new(sentence).remedy("mend what fails, or name it in tests/peer/differences.json with the reason"))
}

/// Path of the list of differences.
fn differences_file() -> PathBuf {
    repository::root().join("tests").join("peer").join("differences.json")
}
