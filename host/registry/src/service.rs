//! Decides which loaded files are in service: one plugin per operation, and a plugin stays in service until its
//! replacement has been verified.

use std::collections::BTreeMap;
use std::sync::Arc;

use tracing::{info, warn};

use super::grants::Grants;
use super::load::LoadFailure;
use super::registry::{Plugin, PluginFile};

/// Returns the file's state after loading. If the new content is invalid, the previous plugin stays in service.
pub(super) fn outcome(name: String, made: Result<Plugin, LoadFailure>, before: Option<Arc<Plugin>>) -> PluginFile {
    match made {
        Ok(plugin) => {
            let digest = Some(plugin.digest.clone());
            PluginFile { file: name, digest, plugin: Some(Arc::new(plugin)), failure: None }
        }
        Err(failure) => {
            PluginFile { file: name, digest: failure.digest, plugin: before, failure: Some(failure.reason) }
        }
    }
}

/// If two files provide the same operation, the one already in service keeps it. Otherwise shipped plugins come first,
/// then those that the configuration names, then the first by name.
pub(super) fn settle(mut files: Vec<PluginFile>, before: &[PluginFile], grants: &Grants) -> Vec<PluginFile> {
    let mut holders: BTreeMap<String, String> = BTreeMap::new();
    for old in before {
        let still = files.iter().find(|file| file.file == old.file).and_then(|file| file.plugin.as_ref());
        let (Some(old_plugin), Some(still)) = (&old.plugin, still) else { continue };
        let kept = old_plugin.operation_names().filter(|name| still.operation_names().any(|now| now == *name));
        holders.extend(kept.map(|name| (name.to_owned(), old.file.clone())));
    }
    let standing = |file: &PluginFile| file.plugin.as_ref().map(|plugin| grants.standing(&plugin.description.name));
    let mut order: Vec<usize> = (0..files.len()).collect();
    order.sort_by_key(|&index| (files.get(index).and_then(standing), index));
    for index in order {
        let Some(file) = files.get_mut(index) else { continue };
        let Some(plugin) = file.plugin.clone() else { continue };
        let taken = |name: &str| holders.get(name).filter(|holder| **holder != file.file);
        if let Some((name, holder)) = plugin.operation_names().find_map(|name| Some((name, taken(name)?))) {
            file.failure = Some(format!("its operation '{name}' is already provided by {holder}"));
            file.plugin = None;
            continue;
        }
        holders.extend(plugin.operation_names().map(|name| (name.to_owned(), file.file.clone())));
    }
    files
}

/// Logs the changes.
pub(super) fn announce(files: &[PluginFile], before: &[PluginFile]) {
    for file in files {
        let old = before.iter().find(|old| old.file == file.file);
        if let Some(reason) = &file.failure {
            if old.is_none_or(|old| old.failure.as_ref() != Some(reason) || old.digest != file.digest) {
                warn!(file = file.file, %reason, "plugin not loaded");
            }
        } else if let Some(plugin) = &file.plugin {
            let known = old.and_then(|old| old.plugin.as_ref()).is_some_and(|old| old.digest == plugin.digest);
            if !known {
                info!(plugin = %plugin.label(), digest = %plugin.digest, file = file.file, "plugin in service");
            }
        }
    }
    for gone in before.iter().filter(|old| files.iter().all(|file| file.file != old.file)) {
        info!(file = gone.file, "plugin removed; running jobs will finish");
    }
}
