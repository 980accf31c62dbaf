//! The plugin folder: detects changes and puts changed plugins into service. One reload runs at a time and loads its
//! files concurrently; a plugin stays in service until its replacement has been verified.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use tokio::sync::Mutex;
use tokio::time::Instant;
use tracing::{error, warn};

use super::first_load::{FirstLoad, Stage};
use super::grants::Standing;
use super::load::{LoadFailure, Loader};
use super::registry::{Plugin, PluginFile, Registry};
use super::service::{announce, outcome, settle};
use super::trust::signature_path;

/// Maximum files in the folder.
const MAX_FILES: usize = 1_000;
/// How often the folder is polled, because not every file system supports the kernel's notifications.
const POLL: Duration = Duration::from_millis(500);
/// Maximum concurrent loads, so that a slow file does not delay the others.
const CONCURRENT_LOADS: usize = 4;
/// How long a request waits for the first load.
const PATIENCE: Duration = Duration::from_secs(10);
/// Pauses before retries after transient failures: the first, and the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Changes when a file or its signature is written or replaced.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Stamp {
    file: (u64, u64, i64, i64),
    signature: (u64, u64, i64, i64),
}

type Listing = BTreeMap<String, Stamp>;

/// The folder and the state of its files.
pub struct PluginFolder {
    folder: PathBuf,
    loader: Loader,
    registry: Arc<Registry>,
    loaded: Mutex<BTreeMap<String, Loaded>>,
    first_load: FirstLoad,
}

/// A file as last loaded. Whether it is in service also depends on the other files.
struct Loaded {
    stamp: Stamp,
    candidate: PluginFile,
    /// Set if the failure is transient.
    retry: Option<Retry>,
}

#[derive(Debug, Clone, Copy)]
struct Retry {
    at: Instant,
    pause: Duration,
}

/// Which transient failures are retried.
#[derive(Debug, Clone, Copy)]
enum Retries {
    All,
    /// Those whose pause is over.
    Due,
}

impl PluginFolder {
    pub fn new(folder: PathBuf, loader: Loader, registry: Arc<Registry>) -> Self {
        let first_load = FirstLoad::new(loader.stop.clone());
        PluginFolder { folder, loader, registry, loaded: Mutex::default(), first_load }
    }

    /// The files of the folder as of the last reload.
    pub fn files(&self) -> Vec<PluginFile> {
        self.registry.files()
    }

    pub fn path(&self) -> &Path {
        &self.folder
    }

    pub fn loader(&self) -> &Loader {
        &self.loader
    }

    /// Waits until a plugin provides this operation, or the first load has shown that none does. Returns false on
    /// timeout.
    pub async fn knows(&self, operation: &str) -> bool {
        let brought = || self.registry.operation(operation).is_some();
        self.first_load.wait(PATIENCE, |stage| stage == Stage::Over || brought()).await
    }

    /// Waits until all files of the folder have been loaded once. Returns false on timeout.
    pub async fn is_loaded(&self) -> bool {
        self.first_load.wait(PATIENCE, |stage| stage == Stage::Over).await
    }

    /// Waits for the shipped plugins and those that the configuration names. Returns false after `patience`.
    pub async fn standing_loaded(&self, patience: Duration) -> bool {
        self.first_load.wait(patience, |stage| stage >= Stage::StandingLoaded).await
    }

    /// Updates the registry from the folder, and returns the folder's files.
    pub async fn reload(self: &Arc<Self>) -> Vec<PluginFile> {
        self.update(Retries::All).await
    }

    /// Polls the folder until the host stops. Reloads when something has changed and then stayed unchanged for one
    /// poll, so that a file that is still being copied is not reported as invalid. Retries transient failures.
    pub async fn watch(self: &Arc<Self>) {
        let mut before = self.listing().await.unwrap_or_default();
        loop {
            tokio::select! {
                () = self.loader.stop.cancelled() => return,
                () = tokio::time::sleep(POLL) => {}
            }
            let Ok(now) = self.listing().await else { continue };
            if now == before && !self.is_up_to_date(&now).await {
                self.update(Retries::Due).await;
            }
            before = now;
        }
    }

    async fn is_up_to_date(&self, listing: &Listing) -> bool {
        let loaded = self.loaded.lock().await;
        loaded.len() == listing.len()
            && listing.iter().all(|(name, stamp)| !is_stale(loaded.get(name), *stamp, Retries::Due))
    }

    /// Runs in a task of its own, so that a client that disconnects does not interrupt the reload.
    async fn update(self: &Arc<Self>, retries: Retries) -> Vec<PluginFile> {
        let folder = Arc::clone(self);
        let updated = tokio::spawn(async move { folder.bring_up_to_date(retries).await }).await;
        self.first_load.published(Some(Stage::Over));
        updated.unwrap_or_else(|error| {
            error!(%error, "the plugin folder could not be loaded");
            self.registry.files()
        })
    }

    /// Loads the shipped plugins first, then those that the configuration names, then the others. However quickly one
    /// of the latter loads, it cannot take an operation from an earlier plugin or delay it.
    async fn bring_up_to_date(&self, retries: Retries) -> Vec<PluginFile> {
        let mut loaded = self.loaded.lock().await;
        let listing = match self.listing().await {
            Ok(listing) => listing,
            Err(reason) => {
                // An unreadable folder does not affect the plugins in service.
                warn!(folder = %self.folder.display(), %reason, "the plugin folder cannot be read");
                return self.registry.files();
            }
        };
        loaded.retain(|name, _| listing.contains_key(name));
        self.publish(&loaded, None);
        for standing in [Standing::Shipped, Standing::Known, Standing::Unknown] {
            let of_these = |name: &str| self.standing(name) == standing;
            let stale: Vec<_> = listing
                .iter()
                .filter(|(name, stamp)| of_these(name) && is_stale(loaded.get(*name), **stamp, retries))
                .map(|(name, stamp)| self.load(name.clone(), *stamp))
                .collect();
            let mut loads = futures::stream::iter(stale).buffer_unordered(CONCURRENT_LOADS);
            while let Some((name, stamp, made)) = loads.next().await {
                if self.loader.stop.is_cancelled() {
                    return self.registry.files();
                }
                let before = loaded.remove(&name).filter(|before| before.stamp == stamp);
                let entry = self.entry(&name, stamp, made, before.and_then(|before| before.retry));
                loaded.insert(name, entry);
                if standing == Standing::Unknown {
                    self.publish(&loaded, None);
                }
            }
            self.publish(&loaded, (standing != Standing::Shipped).then_some(Stage::StandingLoaded));
        }
        self.registry.files()
    }

    async fn load(&self, name: String, stamp: Stamp) -> (String, Stamp, Result<Plugin, LoadFailure>) {
        let made = self.loader.load(&self.folder.join(&name)).await;
        (name, stamp, made)
    }

    /// A plugin has the name of its file, so its standing is known before it is loaded.
    fn standing(&self, file: &str) -> Standing {
        self.loader.grants.standing(file.strip_suffix(".wasm").unwrap_or(file))
    }

    fn entry(&self, name: &str, stamp: Stamp, made: Result<Plugin, LoadFailure>, retried: Option<Retry>) -> Loaded {
        let files = self.registry.files();
        let in_service = files.into_iter().find(|file| file.file == name).and_then(|file| file.plugin);
        let may_pass = made.as_ref().is_err_and(|failure| failure.transient);
        let retry = may_pass.then(|| {
            let pause = pause_after(retried.map(|retry| retry.pause));
            Retry { at: Instant::now() + pause, pause }
        });
        Loaded { stamp, candidate: outcome(name.to_owned(), made, in_service), retry }
    }

    fn publish(&self, loaded: &BTreeMap<String, Loaded>, reached: Option<Stage>) {
        let before = self.registry.files();
        let candidates = loaded.values().map(|entry| entry.candidate.clone()).collect();
        let files = settle(candidates, &before, &self.loader.grants);
        announce(&files, &before);
        self.registry.publish(files);
        self.first_load.published(reached);
    }

    async fn listing(&self) -> Result<Listing, String> {
        let folder = self.folder.clone();
        tokio::task::spawn_blocking(move || list(&folder).map_err(|error| error.to_string()))
            .await
            .unwrap_or_else(|error| Err(error.to_string()))
    }
}

fn is_stale(known: Option<&Loaded>, stamp: Stamp, retries: Retries) -> bool {
    known.is_none_or(|known| {
        known.stamp != stamp
            || known.retry.is_some_and(|retry| match retries {
                Retries::All => true,
                Retries::Due => retry.at <= Instant::now(),
            })
    })
}

fn pause_after(before: Option<Duration>) -> Duration {
    before.map_or(FIRST_PAUSE, |before| before.saturating_mul(2).min(LONGEST_PAUSE))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transient_failures_are_retried_with_backoff() {
        let mut pause = None;
        let mut pauses = Vec::new();
        for _ in 0..8 {
            pause = Some(pause_after(pause));
            pauses.push(pause.unwrap().as_secs());
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
    }
}
