//! Builds the plugin components, the hostile guests and the examples in the documents, and installs them where host and
//! tests look for them. An installed component is replaced only if its bytes changed, so that a running host does not
//! reload it needlessly.

use crate::toolchain::{TARGET, Toolchain};
use jobhost_testkit::failure::{Doing, Failure, Result};
use jobhost_testkit::{process, repository};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A package that is built as a component.
struct Component {
    package: String,
    /// File name in `<target>/wasm32-wasip2/release`.
    file: String,
}

/// The target folder that all wasm workspaces share, so that common dependencies are compiled once.
pub fn target() -> PathBuf {
    repository::root().join("plugins").join("target")
}

/// The workspaces built for wasm, as far as they exist.
pub fn workspaces() -> Vec<PathBuf> {
    let laid = laid_workspaces();
    laid.into_iter().map(|(workspace, _)| workspace).filter(|folder| folder.join("Cargo.toml").exists()).collect()
}

/// Each workspace, and the folder in which its components are installed.
fn laid_workspaces() -> [(PathBuf, PathBuf); 3] {
    let root = repository::root();
    [
        (root.join("plugins"), repository::built_plugins()),
        (root.join("tests").join("guests"), repository::built_guests()),
        (root.join("docs").join("examples").join("reverse-load"), repository::built_examples()),
    ]
}

/// Builds all components.
pub fn build(toolchain: &Toolchain) -> Result<()> {
    build_some(toolchain, &laid_workspaces())
}

/// Builds only the plugins: enough to run jobhost, but not to test it.
pub fn build_plugins(toolchain: &Toolchain) -> Result<()> {
    let [plugins, ..] = laid_workspaces();
    build_some(toolchain, &[plugins])
}

fn build_some(toolchain: &Toolchain, workspaces: &[(PathBuf, PathBuf)]) -> Result<()> {
    for (workspace, laid) in workspaces {
        if workspace.join("Cargo.toml").exists() {
            build_workspace(toolchain, workspace, laid)?;
        }
    }
    Ok(())
}

fn build_workspace(toolchain: &Toolchain, workspace: &Path, laid: &Path) -> Result<()> {
    let components = components(workspace)?;
    if components.is_empty() {
        return Err(Failure::new(format!("{} has no component", workspace.display())).remedy(
            "give a package crate-type = [\"cdylib\"], or `component = true` under [package.metadata.jobhost]",
        ));
    }
    let mut cargo = Command::new("cargo");
    cargo.current_dir(workspace).env("CARGO_TARGET_DIR", target());
    cargo.args(["build", "--quiet", "--release", "--target", TARGET]);
    for component in &components {
        cargo.args(["--package", &component.package]);
    }
    toolchain.apply(&mut cargo);
    process::run(&mut cargo)?;
    fs::create_dir_all(laid).doing(|| format!("cannot make {}", laid.display()))?;
    let mut names = BTreeSet::new();
    for component in &components {
        let name = format!("{}.wasm", component.package);
        lay(&target().join(TARGET).join("release").join(&component.file), &laid.join(&name))?;
        names.insert(name);
    }
    sweep(laid, &names)
}

/// Returns the components of a workspace, as cargo reports them.
fn components(workspace: &Path) -> Result<Vec<Component>> {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(workspace).args(["metadata", "--no-deps", "--format-version", "1"]);
    let metadata: Value = serde_json::from_str(&process::capture(&mut cargo)?)
        .doing(|| format!("cargo metadata of {} is no JSON", workspace.display()))?;
    let packages = metadata.get("packages").and_then(Value::as_array).cloned().unwrap_or_default();
    Ok(packages.iter().filter_map(component).collect())
}

/// A package is a component if its metadata says so, or if its metadata says nothing and it builds a cdylib.
fn component(package: &Value) -> Option<Component> {
    let says = package.pointer("/metadata/jobhost/component").and_then(Value::as_bool);
    let has = |target: &Value, kind: &str| {
        target.get("crate_types").and_then(Value::as_array).is_some_and(|types| types.iter().any(|t| t == kind))
    };
    let targets = package.get("targets")?.as_array()?;
    let target = match (says, targets.iter().find(|target| has(target, "cdylib"))) {
        (Some(false), _) | (None, None) => return None,
        (_, Some(library)) => library,
        // A component may also be a program.
        (Some(true), None) => targets.iter().find(|target| {
            has(target, "bin") && target.get("kind").is_some_and(|kind| kind == &serde_json::json!(["bin"]))
        })?,
    };
    let package = package.get("name")?.as_str()?.to_owned();
    let name = target.get("name")?.as_str()?;
    let stem = if has(target, "cdylib") { name.replace('-', "_") } else { name.to_owned() };
    Some(Component { package, file: format!("{stem}.wasm") })
}

/// Installs a component by renaming a copy, if it differs from the installed one.
fn lay(built: &Path, laid: &Path) -> Result<()> {
    let bytes = fs::read(built).doing(|| format!("cannot read the component {}", built.display()))?;
    if fs::read(laid).is_ok_and(|present| present == bytes) {
        return Ok(());
    }
    let part = laid.with_extension("part");
    fs::write(&part, &bytes)
        .and_then(|()| fs::rename(&part, laid))
        .doing(|| format!("cannot write {}", laid.display()))?;
    println!("built {} ({} KiB)", laid.strip_prefix(repository::root()).unwrap_or(laid).display(), bytes.len() / 1024);
    Ok(())
}

/// Removes components whose package no longer exists, because the host would still serve them.
fn sweep(laid: &Path, names: &BTreeSet<String>) -> Result<()> {
    for entry in laid.read_dir().doing(|| format!("cannot read {}", laid.display()))?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.ends_with(".wasm") && !names.contains(&name) {
            fs::remove_file(entry.path()).doing(|| format!("cannot remove {}", entry.path().display()))?;
            println!("removed {}: no package makes it any more", entry.path().display());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_cdylib_is_a_component_unless_its_metadata_says_no() {
        let mut package =
            json!({"name": "csv-load", "targets": [{"name": "csv_load", "crate_types": ["cdylib", "rlib"]}]});
        assert_eq!(component(&package).unwrap().file, "csv_load.wasm");
        package["metadata"] = json!({"jobhost": {"component": false}});
        assert!(component(&package).is_none());
    }

    #[test]
    fn a_program_is_a_component_if_its_metadata_says_so() {
        let mut package =
            json!({"name": "loop", "targets": [{"name": "loop", "kind": ["bin"], "crate_types": ["bin"]}]});
        assert!(component(&package).is_none());
        package["metadata"] = json!({"jobhost": {"component": true}});
        assert_eq!(component(&package).unwrap().file, "loop.wasm");
    }

    #[test]
    fn an_unchanged_component_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (built, laid) = (folder.path().join("a"), folder.path().join("a.wasm"));
        fs::write(&built, b"one").unwrap();
        lay(&built, &laid).unwrap();
        let before = fs::metadata(&laid).unwrap().modified().unwrap();
        lay(&built, &laid).unwrap();
        assert_eq!(fs::metadata(&laid).unwrap().modified().unwrap(), before);
        sweep(folder.path(), &BTreeSet::new()).unwrap();
        assert!(!laid.exists());
    }
}
