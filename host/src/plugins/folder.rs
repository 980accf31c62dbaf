//! The plugin folder: what lies in it, what changed, and bringing what changed into service. One reload at a time; what is
//! in service stays until its replacement has been found good.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::catalogue::{Catalogue, Plugin, PluginFile};
use super::grants::Grants;
use super::load::{LoadFailure, Loader};
use super::trust::signature_path;

/// Files looked at in the folder.
const MAX_FILES: usize = 1_000;
/// How often the folder is looked at. Notifications of the kernel do not come from every file system.
const POLL: Duration = Duration::from_millis(500);

/// Changes when a file, or the signature beside it, is written or replaced.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Stamp {
    file: (u64, u64, i64, i64),
    signature: (u64, u64, i64, i64),
}

type Listing = BTreeMap<String, Stamp>;

/// The folder and what came of it.
pub struct PluginFolder {
    folder: PathBuf,
    loader: Loader,
    catalogue: Arc<Catalogue>,
    loaded: Mutex<BTreeMap<String, Loaded>>,
}

/// A file as it was last loaded. Whether it is in service depends on the others too.
struct Loaded {
    stamp: Stamp,
    candidate: PluginFile,
    /// Its failure may have passed; it is loaded again at the next reload.
    transient: bool,
}

impl PluginFolder {
    pub fn new(folder: PathBuf, loader: Loader, catalogue: Arc<Catalogue>) -> Self {
        PluginFolder { folder, loader, catalogue, loaded: Mutex::default() }
    }

    /// What is in the folder, as of the last reload.
    pub fn files(&self) -> Vec<PluginFile> {
        self.catalogue.files()
    }

    pub fn path(&self) -> &Path {
        &self.folder
    }

    pub fn loader(&self) -> &Loader {
        &self.loader
    }

    /// Brings the catalogue up to date with the folder, and gives what is in it then.
    pub async fn reload(&self) -> Vec<PluginFile> {
        let mut loaded = self.loaded.lock().await;
        let listing = match self.listing().await {
            Ok(listing) => listing,
            Err(reason) => {
                // An unreadable folder says nothing about the plugins that are in service.
                warn!(folder = %self.folder.display(), %reason, "the plugin folder cannot be read");
                return self.catalogue.files();
            }
        };
        let published = self.catalogue.files();
        let mut next = BTreeMap::new();
        for (name, stamp) in listing {
            let known = loaded.remove(&name);
            let entry = match known {
                Some(known) if known.stamp == stamp && !known.transient => known,
                _ => {
                    let before = published.iter().find(|file| file.file == name).and_then(|file| file.plugin.clone());
                    let made = self.loader.load(&self.folder.join(&name)).await;
                    let transient = made.as_ref().is_err_and(|failure| failure.transient);
                    Loaded { stamp, candidate: outcome(name.clone(), made, before), transient }
                }
            };
            next.insert(name, entry);
        }
        let candidates = next.values().map(|entry| entry.candidate.clone()).collect();
        let files = settle(candidates, &published, &self.loader.grants);
        announce(&files, &published);
        self.catalogue.publish(files.clone());
        *loaded = next;
        files
    }

    /// Looks at the folder until it is told to stop, and reloads when something has changed and then stood still for a
    /// look, so that a file that is still being copied is not taken for a bad one.
    pub async fn watch(&self, stop: CancellationToken) {
        let mut before = self.listing().await.unwrap_or_default();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(POLL) => {}
            }
            let Ok(now) = self.listing().await else { continue };
            let is_loaded = {
                let loaded = self.loaded.lock().await;
                loaded.len() == now.len()
                    && loaded.iter().zip(&now).all(|((a, entry), (b, stamp))| a == b && entry.stamp == *stamp)
            };
            if !is_loaded && now == before {
                self.reload().await;
            }
            before = now;
        }
    }

    async fn listing(&self) -> Result<Listing, String> {
        let folder = self.folder.clone();
        tokio::task::spawn_blocking(move || list(&folder).map_err(|error| error.to_string()))
            .await
            .unwrap_or_else(|error| Err(error.to_string()))
    }
}

fn list(folder: &Path) -> std::io::Result<Listing> {
    let mut listing = Listing::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let is_component = path.extension().is_some_and(|extension| extension == "wasm");
        let Some(name) = path.file_name().and_then(|name| name.to_str()).filter(|_| is_component) else { continue };
        if listing.len() < MAX_FILES {
            listing.insert(name.to_owned(), Stamp { file: stamp(&path), signature: stamp(&signature_path(&path)) });
        }
    }
    Ok(listing)
}

fn stamp(path: &Path) -> (u64, u64, i64, i64) {
    std::fs::metadata(path)
        .map(|metadata| (metadata.ino(), metadata.len(), metadata.mtime(), metadata.mtime_nsec()))
        .unwrap_or_default()
}

/// What a file is after loading. The plugin before stays in service where the new content is not fit.
fn outcome(name: String, made: Result<Plugin, LoadFailure>, before: Option<Arc<Plugin>>) -> PluginFile {
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

/// Where two files bring the same operation, the one that has it in service keeps it; else the plugins that come with the
/// host are first, then those that the configuration knows, then the first by name.
fn settle(mut files: Vec<PluginFile>, before: &[PluginFile], grants: &Grants) -> Vec<PluginFile> {
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
            file.failure = Some(format!("its operation '{name}' is brought by {holder} already"));
            file.plugin = None;
            continue;
        }
        holders.extend(plugin.operation_names().map(|name| (name.to_owned(), file.file.clone())));
    }
    files
}

/// Tells the log what is new.
fn announce(files: &[PluginFile], before: &[PluginFile]) {
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
        info!(file = gone.file, "plugin removed; its running jobs go on");
    }
}
