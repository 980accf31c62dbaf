//! Finds the fuzz targets in the sources by their name, so that listing them needs no build.

use std::fs;
use std::path::{Path, PathBuf};

use jobhost_testkit::failure::{Doing, Result};

/// Folders of packages, relative to the repository. The plugins have a separate workspace.
const HOST: &str = "host";
const PLUGINS: &str = "plugins";
const PREFIX: &str = "fn fuzz_";

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Package {
    pub name: String,
    pub folder: PathBuf,
    /// Whether it belongs to the host workspace, which takes minutes to compile because of wasmtime.
    pub of_host: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    pub package: Package,
    /// The name of the test without its modules.
    pub test: String,
}

impl Target {
    pub fn label(&self) -> String {
        format!("{}/{}", self.package.name, self.test)
    }
}

/// Returns all targets, sorted by label.
pub fn find(root: &Path) -> Result<Vec<Target>> {
    let mut packages = Vec::new();
    for (folder, of_host) in [(HOST, true), (PLUGINS, false)] {
        let rooms = entries(&root.join(folder))?.into_iter().filter(|entry| entry.join("Cargo.toml").exists());
        packages.extend(rooms.map(|entry| (entry, of_host)));
    }
    let mut targets = Vec::new();
    for (folder, of_host) in packages {
        let package = Package { name: name_of(&folder)?, folder: folder.clone(), of_host };
        for sources in ["src", "tests"] {
            let sources = folder.join(sources);
            if sources.exists() {
                tests_below(&sources, &mut |test| targets.push(Target { package: package.clone(), test }))?;
            }
        }
    }
    targets.sort();
    targets.dedup();
    Ok(targets)
}

fn tests_below(folder: &Path, found: &mut impl FnMut(String)) -> Result<()> {
    for entry in entries(folder)? {
        if entry.is_dir() {
            tests_below(&entry, found)?;
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&entry).doing(|| format!("cannot read {}", entry.display()))?;
            text.lines().filter_map(test_of).for_each(&mut *found);
        }
    }
    Ok(())
}

fn test_of(line: &str) -> Option<String> {
    let rest = line.trim_start().strip_prefix(PREFIX)?;
    let name = rest.split_once("()")?.0;
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    plain.then(|| format!("fuzz_{name}"))
}

/// Returns cargo's name of the package, which is the first `name` in a manifest.
fn name_of(folder: &Path) -> Result<String> {
    let manifest = folder.join("Cargo.toml");
    let text = fs::read_to_string(&manifest).doing(|| format!("cannot read {}", manifest.display()))?;
    let name = text.lines().find_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'));
    let name = name.ok_or("it has no line `name = \"…\"`").doing(|| format!("{} names no package", manifest.display()));
    name.map(str::to_owned)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let read = fs::read_dir(folder).and_then(Iterator::collect::<std::io::Result<Vec<_>>>);
    let read = read.doing(|| format!("cannot read {}", folder.display()))?;
    let mut paths: Vec<PathBuf> = read.into_iter().map(|entry| entry.path()).collect();
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jobhost_testkit::repository;

    #[test]
    fn the_targets_of_host_and_plugins_are_found() {
        let labels: Vec<String> = find(&repository::root()).unwrap().iter().map(Target::label).collect();
        for known in
            ["jobhost/fuzz_envelope", "jobhost-store/fuzz_batch", "jobhost-csv/fuzz_load", "jobhost-json/fuzz_load"]
        {
            assert!(labels.iter().any(|label| label == known), "{known} is not among {labels:?}");
        }
    }

    /// A target with another name would never run for long.
    #[test]
    fn every_use_of_bolero_is_in_a_test_whose_name_marks_a_target() {
        fn look(folder: &Path) {
            for entry in entries(folder).unwrap() {
                if entry.is_dir() && !entry.ends_with("target") {
                    look(&entry);
                } else if entry.extension().is_some_and(|extension| extension == "rs") {
                    let text = fs::read_to_string(&entry).unwrap();
                    let mut latest = "";
                    for line in text.lines() {
                        if let Some(name) = line.trim_start().strip_prefix("fn ") {
                            latest = name;
                        }
                        let is_target = latest.starts_with("fuzz_");
                        assert!(is_target || !line.contains("check!()"), "{}: fn {latest}", entry.display());
                    }
                }
            }
        }
        for folder in [HOST, PLUGINS] {
            look(&repository::root().join(folder));
        }
    }

    #[test]
    fn only_tests_are_targets() {
        assert_eq!(test_of("    fn fuzz_load() {").as_deref(), Some("fuzz_load"));
        assert_eq!(test_of("fn fuzzy() {"), None);
        assert_eq!(test_of("fn fuzz_one(input: &[u8]) {"), None);
        assert_eq!(test_of("// fn fuzz_load() {"), None);
    }
}
