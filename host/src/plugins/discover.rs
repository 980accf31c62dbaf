//! Finding plugins in the folder and bringing each through compile, describe and verify.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};
use tracing::{info, warn};
use wasmtime::Engine;

use super::catalogue::{Catalogue, Plugin, PluginFailure};
use super::verify::verify;
use crate::sandbox::{GuestComponent, SandboxLimits};

/// A component larger than this is not read.
const MAX_COMPONENT_BYTES: u64 = 64 * 1024 * 1024;
/// Files looked at in the folder.
const MAX_FILES: usize = 1_000;

/// Loads every `.wasm` file of the folder, in order of name, and publishes what is fit.
pub async fn load_folder(
    folder: &Path,
    engine: &Engine,
    limits: Arc<SandboxLimits>,
    builtin: fn(&str) -> bool,
    catalogue: &Catalogue,
) {
    let mut plugins = Vec::new();
    let mut failures = Vec::new();
    for file in component_files(folder, &mut failures) {
        match load(&file, engine.clone(), Arc::clone(&limits), builtin).await {
            Ok(plugin) => {
                info!(plugin = %plugin.label(), digest = %plugin.digest, file = %file.display(), "plugin in service");
                plugins.push((file, plugin));
            }
            Err(reason) => failures.push(PluginFailure { file, reason }),
        }
    }
    catalogue.publish(plugins, failures);
    for failure in catalogue.failures() {
        warn!(file = %failure.file.display(), reason = %failure.reason, "plugin not loaded");
    }
}

fn component_files(folder: &Path, failures: &mut Vec<PluginFailure>) -> Vec<PathBuf> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => {
            let reason = format!("plugins.dir cannot be read: {error}");
            failures.push(PluginFailure { file: folder.to_owned(), reason });
            return Vec::new();
        }
    };
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "wasm"))
        .take(MAX_FILES)
        .collect();
    files.sort();
    files
}

async fn load(
    file: &Path,
    engine: Engine,
    limits: Arc<SandboxLimits>,
    builtin: fn(&str) -> bool,
) -> Result<Plugin, String> {
    let path = file.to_owned();
    let compiled = tokio::task::spawn_blocking(move || {
        let size = std::fs::metadata(&path).map_err(|error| format!("it cannot be read: {error}"))?.len();
        if size > MAX_COMPONENT_BYTES {
            return Err(format!("it has {size} bytes; a component may have {MAX_COMPONENT_BYTES}"));
        }
        let bytes = std::fs::read(&path).map_err(|error| format!("it cannot be read: {error}"))?;
        let digest = hex::encode(Sha256::digest(&bytes));
        let component = GuestComponent::compile(&engine, &bytes, limits)
            .map_err(|crash| format!("it is not a component of world jobhost:plugin/job-type@0.1.0: {crash}"))?;
        Ok((digest, component))
    });
    let (digest, component) =
        compiled.await.unwrap_or_else(|error| Err(format!("compiling it was stopped: {error}")))?;
    let description = component.describe().await.map_err(|crash| format!("describe failed: {crash}"))?;
    verify(&description, builtin).map_err(|unfit| unfit.to_string())?;
    Ok(Plugin { description, digest, component })
}
