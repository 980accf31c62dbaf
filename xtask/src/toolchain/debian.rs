//! Builds a compiler for the wasm target from Debian packages, for machines on which rustup cannot download. Everything
//! is stored in the cache folder, including the package lists, so it needs no root and does not change the state of
//! apt. The compiler is renamed to its final folder only when it is complete.

use super::TARGET;
use jobhost_testkit::failure::{Doing, Failure, Result};
use jobhost_testkit::{process, repository};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

const PREFIX: &str = "wasm-toolchain-";
const UNFINISHED: &str = ".wasm-toolchain-";
/// An unfinished folder of this age belongs to a run that was killed; no run takes this long.
const ABANDONED: Duration = Duration::from_secs(24 * 60 * 60);
/// The linkers come from the rustup toolchain, because Debian's compiler has none for this target.
const LINKERS: [&str; 2] = ["rust-lld", "wasm-component-ld"];
/// The compiler, the native standard library (for build scripts and macros), and the sources of the standard library.
const COMPILER: &str = "rustc-web";
const LIBRARY: &str = "libstd-rust-web-dev";
const SOURCES: &str = "rust-web-src";
const WASI_LIBC: &str = "wasi-libc";

/// Returns the compiler that an earlier run built, if it exists and works.
pub fn cached() -> Result<Option<PathBuf>> {
    let Ok(entries) = repository::cache()?.read_dir() else {
        return Ok(None);
    };
    let mut found: Vec<PathBuf> = entries
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX))
        .map(|entry| entry.path())
        .collect();
    found.sort();
    for folder in found.into_iter().rev() {
        let rustc = folder.join("bin").join("rustc");
        // rustup may have moved its toolchain since then.
        if rustc.exists() && link_linkers(&rustc).is_ok() && super::has_target(&rustc) {
            return Ok(Some(rustc));
        }
    }
    Ok(None)
}

/// Returns the compiler, and builds it if necessary.
pub fn ensure() -> Result<PathBuf> {
    if let Some(rustc) = cached()? {
        return Ok(rustc);
    }
    for program in ["apt-get", "apt-cache", "dpkg-deb"] {
        let started = Command::new(program).arg("--version").output();
        started.doing(|| format!("there is no {program} here, as Debian 12 and its relatives have it"))?;
    }
    linker_folder().and_then(|folder| linkers_in(&folder))?;
    let cache = repository::cache()?;
    fs::create_dir_all(&cache).doing(|| format!("cannot make {}", cache.display()))?;
    remove_abandoned(&cache)?;
    // Removed automatically unless it is renamed at the end.
    let work = tempfile::Builder::new().prefix(UNFINISHED).tempdir_in(&cache);
    let work = work.doing(|| format!("cannot make a folder in {}", cache.display()))?;
    let started = Instant::now();
    let version = download(work.path())?;
    let rustc = unpack(work.path())?;
    build_library(work.path(), &rustc)?;
    for leftover in ["apt", "debs", "target", "root/usr/src", "root/usr/share"] {
        remove(&work.path().join(leftover))?;
    }
    let folder = cache.join(format!("{PREFIX}{version}"));
    remove(&folder)?;
    let built = work.keep();
    fs::rename(&built, &folder).doing(|| format!("cannot rename {} to {}", built.display(), folder.display()))?;
    println!("{TARGET}: made {} in {} s", folder.display(), started.elapsed().as_secs());
    cached()?.ok_or_else(|| Failure::new(format!("the compiler in {} does not work", folder.display())))
}

fn remove_abandoned(cache: &Path) -> Result<()> {
    for entry in cache.read_dir().doing(|| format!("cannot read {}", cache.display()))?.flatten() {
        let age = entry.metadata().and_then(|metadata| metadata.modified()).map(|time| time.elapsed());
        let old = matches!(age, Ok(Ok(age)) if age > ABANDONED);
        if old && entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            remove(&entry.path())?;
        }
    }
    Ok(())
}

/// Downloads the packages and returns the compiler's version.
fn download(work: &Path) -> Result<String> {
    let debs = work.join("debs");
    for folder in [&debs, &work.join("apt/lists/partial"), &work.join("apt/cache/archives/partial")] {
        fs::create_dir_all(folder).doing(|| format!("cannot make {}", folder.display()))?;
    }
    println!("{TARGET}: reading Debian's package lists");
    // An unreachable source does not matter as long as the compiler is found.
    let update = process::capture(apt("apt-get", work).args(["--quiet", "update"]));
    let version = candidate(work, COMPILER)?;
    let (needed, offered) = (env!("CARGO_PKG_RUST_VERSION"), version.as_deref().unwrap_or_default());
    if minor(offered) < minor(needed) {
        let said = update.map_or_else(|failure| failure.to_string(), |_| format!("the newest is {offered:?}"));
        return Err(Failure::new(format!("apt has no {COMPILER} of version {needed} or newer")).detail(said).remedy(
            "check that /etc/apt/sources.list(.d) names bookworm and bookworm-security and that `apt-get update` works",
        ));
    }
    let mut packages: Vec<String> = [COMPILER, LIBRARY, SOURCES, WASI_LIBC].map(str::to_owned).to_vec();
    // The library and the LLVM that this compiler was linked with have their version in their name.
    let mut from = 0;
    while let Some(package) = packages.get(from).cloned() {
        for dependency in dependencies(work, &package)? {
            let wanted = dependency.starts_with("libstd-rust-web-") || dependency.starts_with("libllvm");
            if wanted && !packages.contains(&dependency) {
                packages.push(dependency);
            }
        }
        from += 1;
    }
    println!("{TARGET}: downloading {} (about 140 MB)", packages.join(", "));
    process::capture(apt("apt-get", work).current_dir(&debs).args(["--quiet", "download"]).args(&packages))?;
    let version = offered.split(['+', '-']).next().unwrap_or(offered);
    Ok(version.to_owned())
}

/// Unpacks the required files and returns the compiler.
fn unpack(work: &Path) -> Result<PathBuf> {
    let (root, debs) = (work.join("root"), work.join("debs"));
    fs::create_dir_all(&root).doing(|| format!("cannot make {}", root.display()))?;
    for deb in debs.read_dir().doing(|| format!("cannot read {}", debs.display()))?.flatten() {
        process::capture(Command::new("dpkg-deb").arg("-x").arg(deb.path()).arg(&root))?;
        remove(&deb.path())?;
    }
    let rustc = work.join("bin").join("rustc");
    // The script finds its own location at each start, so that the folder can be renamed.
    let script = "#!/bin/sh\nhere=$(dirname -- \"$(dirname -- \"$(readlink -f -- \"$0\")\")\")\n\
        LD_LIBRARY_PATH=$(echo \"$here\"/root/usr/lib/*-linux-gnu) exec \"$here/root/usr/bin/rustc\" \"$@\"\n";
    fs::create_dir_all(work.join("bin"))
        .and_then(|()| fs::write(&rustc, script))
        .and_then(|()| fs::set_permissions(&rustc, fs::Permissions::from_mode(0o755)))
        .doing(|| format!("cannot write {}", rustc.display()))?;
    link_linkers(&rustc)?;
    Ok(rustc)
}

/// Builds the target's standard library from the sources of the same compiler, with their own lock file.
fn build_library(work: &Path, rustc: &Path) -> Result<()> {
    let library = sysroot(rustc)?.join("lib/rustlib").join(TARGET).join("lib");
    let libc = work.join("root/usr/lib/wasm32-wasi");
    let contained = library.join("self-contained");
    fs::create_dir_all(&contained).doing(|| format!("cannot make {}", contained.display()))?;
    for file in ["crt1-command.o", "crt1-reactor.o", "libc.a"] {
        fs::copy(libc.join(file), contained.join(file)).doing(|| format!("cannot copy {file} of {WASI_LIBC}"))?;
    }
    let sources = work.join("root/usr/src");
    let version = sources.read_dir().doing(|| format!("cannot read {}", sources.display()))?.flatten().next();
    let sources = version.map(|folder| folder.path().join("library"));
    let sources = sources.ok_or_else(|| Failure::new(format!("{SOURCES} holds no sources")))?;
    println!("{TARGET}: building the standard library (a minute or two)");
    let target = work.join("target");
    let mut cargo = Command::new("cargo");
    for variable in ["CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER"] {
        cargo.env_remove(variable);
    }
    cargo
        .current_dir(&sources)
        .env("RUSTC", rustc)
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTFLAGS", "-Cembed-bitcode=yes -Cforce-unwind-tables=no -Zforce-unstable-if-unmarked")
        .env("__CARGO_DEFAULT_LIB_METADATA", "jobhost")
        .args(["build", "--quiet", "--release", "--target", TARGET, "--features", "compiler-builtins-mem"])
        .args(["--manifest-path", "sysroot/Cargo.toml", "--target-dir"])
        .arg(&target);
    process::capture(&mut cargo)?;
    let built = target.join(TARGET).join("release/deps");
    for entry in built.read_dir().doing(|| format!("cannot read {}", built.display()))?.flatten() {
        if entry.path().extension().is_some_and(|extension| extension == "rlib") {
            let to = library.join(entry.file_name());
            fs::rename(entry.path(), &to).doing(|| format!("cannot move a library to {}", to.display()))?;
        }
    }
    Ok(())
}

/// Links rustup's linkers into the tools folder of the compiler.
fn link_linkers(rustc: &Path) -> Result<()> {
    let from = linker_folder()?;
    linkers_in(&from)?;
    let host = from.iter().rev().nth(1).map(PathBuf::from).unwrap_or_default();
    let to = sysroot(rustc)?.join("lib/rustlib").join(host).join("bin");
    fs::create_dir_all(&to).doing(|| format!("cannot make {}", to.display()))?;
    for linker in LINKERS {
        let (link, original) = (to.join(linker), from.join(linker));
        if fs::read_link(&link).is_ok_and(|present| present == original) {
            continue;
        }
        remove(&link)?;
        symlink(&original, &link).doing(|| format!("cannot link {}", link.display()))?;
    }
    Ok(())
}

/// Returns `…/lib/rustlib/<host>/bin` of the current toolchain.
fn linker_folder() -> Result<PathBuf> {
    let rustc = PathBuf::from("rustc");
    let version = process::capture(Command::new(&rustc).arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    let host = host.ok_or_else(|| Failure::new("`rustc -vV` does not name its host"))?;
    Ok(sysroot(&rustc)?.join("lib/rustlib").join(host).join("bin"))
}

fn linkers_in(folder: &Path) -> Result<()> {
    match LINKERS.iter().find(|linker| !folder.join(linker).exists()) {
        None => Ok(()),
        Some(linker) => {
            Err(Failure::new(format!("the current Rust toolchain has no {linker} in {}", folder.display()))
                .remedy("use a toolchain that rustup installed; distributions leave this linker out"))
        }
    }
}

fn sysroot(rustc: &Path) -> Result<PathBuf> {
    let printed = process::capture(Command::new(rustc).args(["--print", "sysroot"]))?;
    Ok(PathBuf::from(printed.trim()))
}

/// An apt command with separate lists and cache.
fn apt(program: &str, work: &Path) -> Command {
    let mut command = Command::new(program);
    let option = |name: &str, folder: &str| format!("{name}={}", work.join(folder).display());
    command.env("LC_ALL", "C");
    command.args(["-o", &option("Dir::State::Lists", "apt/lists"), "-o", &option("Dir::Cache", "apt/cache")]);
    command.args(["-o", "APT::Sandbox::User=root", "-o", "Acquire::Retries=3", "-o", "Acquire::http::Timeout=60"]);
    command.args(["-o", "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false", "-o", "Acquire::Languages=none"]);
    command
}

fn candidate(work: &Path, package: &str) -> Result<Option<String>> {
    let policy = process::capture(apt("apt-cache", work).args(["policy", package]))?;
    let candidate = policy.lines().find_map(|line| line.trim().strip_prefix("Candidate: "));
    Ok(candidate.filter(|version| *version != "(none)").map(str::to_owned))
}

fn dependencies(work: &Path, package: &str) -> Result<Vec<String>> {
    let depends = process::capture(apt("apt-cache", work).args(["depends", package]))?;
    Ok(depends.lines().filter_map(|line| line.trim().strip_prefix("Depends: ")).map(str::to_owned).collect())
}

/// Returns 96 for `1.96.0+dfsg1-1~deb12u2`, or 0 if there is no minor version.
fn minor(version: &str) -> u32 {
    version.split(['.', '+', '-']).nth(1).and_then(|minor| minor.parse().ok()).unwrap_or_default()
}

/// Removes a file, link or folder. Succeeds if it does not exist.
fn remove(path: &Path) -> Result<()> {
    let removed = match path.symlink_metadata() {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(_) => Ok(()),
    };
    removed.doing(|| format!("cannot remove {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_minor_version_is_parsed_from_debian_and_cargo_versions() {
        assert_eq!(minor("1.96.0+dfsg1-1~deb12u2"), 96);
        assert_eq!(minor("1.95"), 95);
        assert_eq!(minor(""), 0);
    }
}
