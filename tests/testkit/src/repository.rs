//! Paths in the repository and in the cache folder outside of it.

use crate::failure::{Failure, Result};
use std::path::{Path, PathBuf};

/// The root of the repository in which this program was compiled.
pub fn root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.ancestors().nth(2).unwrap_or(manifest).to_path_buf()
}

/// The target folder of the host workspace. As for cargo, `CARGO_TARGET_DIR` changes it.
pub fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => root().join(folder),
        None => root().join("target"),
    }
}

/// The program `jobhost` that demo, tests and benchmarks use.
pub fn host_binary() -> PathBuf {
    target().join("release").join("jobhost")
}

/// The folder of the built plugin components.
pub fn built_plugins() -> PathBuf {
    target().join("plugins")
}

/// The folder of the built hostile guests.
pub fn built_guests() -> PathBuf {
    target().join("guests")
}

/// The folder of the built components of `docs/examples`.
pub fn built_examples() -> PathBuf {
    target().join("examples")
}

/// The public-domain data set that demo and tests load.
pub fn data_set() -> PathBuf {
    root().join("docs").join("data")
}

/// The folder for downloaded tools, outside of the repository and kept between runs.
pub fn cache() -> Result<PathBuf> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = match (absolute("XDG_CACHE_HOME"), absolute("HOME")) {
        (Some(cache), _) => cache,
        (None, Some(home)) => home.join(".cache"),
        (None, None) => {
            return Err(Failure::new("there is no place for downloaded tools")
                .remedy("set HOME or XDG_CACHE_HOME to the absolute path of a folder that you may write"));
        }
    };
    Ok(base.join("jobhost"))
}
