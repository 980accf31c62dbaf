//! Finds or builds a compiler for `wasm32-wasip2`, and prints which one it uses and why. Installs nothing system-wide,
//! except for the target that rustup adds to its own toolchain.

mod debian;
mod rustup;

use jobhost_testkit::failure::{Failure, Result};
use jobhost_testkit::process;
use std::path::{Path, PathBuf};
use std::process::Command;

pub const TARGET: &str = "wasm32-wasip2";

/// Overrides the choice: `rustup`, `debian`, or the path of a rustc with the target.
const OVERRIDE: &str = "JOBHOST_WASM_TOOLCHAIN";

/// A compiler with the target's standard library.
#[derive(Debug)]
pub struct Toolchain {
    /// `None` means cargo's own compiler.
    rustc: Option<PathBuf>,
    why: String,
}

impl Toolchain {
    /// Returns the origin of this compiler in one sentence.
    pub fn why(&self) -> &str {
        &self.why
    }

    /// Makes cargo use this compiler.
    pub fn apply(&self, cargo: &mut Command) {
        if let Some(rustc) = &self.rustc {
            cargo.env("RUSTC", rustc);
        }
    }

    fn current(why: &str) -> Self {
        Self { rustc: None, why: why.to_owned() }
    }

    fn at(rustc: PathBuf, why: &str) -> Self {
        let why = format!("{why} ({})", rustc.display());
        Self { rustc: Some(rustc), why }
    }
}

/// Finds or builds the toolchain. If one way fails, prints the reason and tries the next one.
pub fn ensure() -> Result<Toolchain> {
    let toolchain = match std::env::var(OVERRIDE).unwrap_or_default().as_str() {
        "" | "auto" => automatic(),
        "rustup" => rustup::add().map(|()| Toolchain::current("rustup added the target")),
        "debian" => debian::ensure().map(|rustc| Toolchain::at(rustc, "made of Debian's packages")),
        path => explicit(Path::new(path)),
    }?;
    println!("{TARGET}: {}", toolchain.why());
    Ok(toolchain)
}

fn automatic() -> Result<Toolchain> {
    if has_target(&current_rustc()) {
        return Ok(Toolchain::current("the current rustc has the target"));
    }
    if let Some(rustc) = debian::cached()? {
        return Ok(Toolchain::at(rustc, "the current rustc lacks the target, the toolchain made earlier has it"));
    }
    let mut tried = Vec::new();
    match rustup::add() {
        Ok(()) => return Ok(Toolchain::current("rustup added the target")),
        Err(failure) => {
            println!("{TARGET}: rustup cannot add the target, so Debian's packages are tried next. {failure}");
            tried.push(failure);
        }
    }
    match debian::ensure() {
        Ok(rustc) => return Ok(Toolchain::at(rustc, "made of Debian's packages")),
        Err(failure) => tried.push(failure),
    }
    let reasons: Vec<String> = tried.iter().map(|failure| format!("- {failure}")).collect();
    Err(Failure::new(format!("no compiler here can build for {TARGET}")).detail(reasons.join("\n")).remedy(format!(
        "install Rust with rustup and run `rustup target add {TARGET}` where its server can be reached; \
         or run on Debian 12 with apt; \
         or set {OVERRIDE} to the path of a rustc that has the target, then run this again"
    )))
}

fn explicit(rustc: &Path) -> Result<Toolchain> {
    if has_target(rustc) {
        return Ok(Toolchain::at(rustc.to_path_buf(), &format!("named by {OVERRIDE}")));
    }
    Err(Failure::new(format!("{OVERRIDE} names {}, which has no {TARGET}", rustc.display()))
        .remedy(format!("unset {OVERRIDE}, or set it to rustup, debian or the path of a rustc with that target")))
}

/// Returns the compiler that cargo uses by default.
fn current_rustc() -> PathBuf {
    std::env::var_os("RUSTC").map_or_else(|| PathBuf::from("rustc"), PathBuf::from)
}

/// Whether a compiler has the target's standard library.
fn has_target(rustc: &Path) -> bool {
    let folder = process::capture(Command::new(rustc).args(["--print", "target-libdir", "--target", TARGET]));
    let Ok(folder) = folder else { return false };
    let Ok(entries) = Path::new(folder.trim()).read_dir() else {
        return false;
    };
    entries.flatten().any(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        name.starts_with("libstd-") && name.ends_with(".rlib")
    })
}
