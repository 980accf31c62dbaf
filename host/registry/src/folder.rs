//! The plugin folder: detects changes and puts changed plugins into service. One reload runs at a time and loads its
//! files concurrently; a plugin in service stays until its replacement has been verified.

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

/// Files looked at in the folder.
const MAX_FILES: usize = 1_000;
/// How often the folder is looked at. Notifications of the kernel do not come from every file system.
const POLL: Duration = Duration::from_millis(500);
/// Files that are loaded beside each other, so that one that takes its time keeps only itself waiting.
const CONCURRENT_LOADS: usize = 4;
/// How long a request waits for the first load.
const PATIENCE: Duration = Duration::from_secs(10);
/// After a failure that may pass, and at most after many of them.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

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
    registry: Arc<Registry>,
    loaded: Mutex<BTreeMap<String, Loaded>>,
    first_load: FirstLoad,
}

/// A file as it was last loaded. Whether it is in service depends on the others too.
struct Loaded {
    stamp: Stamp,
    candidate: PluginFile,
    /// Its failure may pass.
    retry: Option<Retry>,
}

#[derive(Debug, Clone, Copy)]
struct Retry {
    at: Instant,
    pause: Duration,
}

/// Which failures that may pass are tried again.
#[derive(Debug, Clone, Copy)]
enum Retries {
    All,
    /// Those whose time has come.
    Due,
}

impl PluginFolder {
    pub fn new(folder: PathBuf, loader: Loader, registry: Arc<Registry>) -> Self {
        let first_load = FirstLoad::new(loader.stop.clone());
        PluginFolder { folder, loader, registry, loaded: Mutex::default(), first_load }
    }

    /// What is in the folder, as of the last reload.
    pub fn files(&self) -> Vec<PluginFile> {
        self.registry.files()
    }

    pub fn path(&self) -> &Path {
        &self.folder
    }

    pub fn loader(&self) -> &Loader {
        &self.loader
    }

    /// Waits until a plugin provides this operation, or the first load has shown that none does. False if that takes longer
    /// than a request should wait.
    pub async fn knows(&self, operation: &str) -> bool {
        let brought = || self.registry.operation(operation).is_some();
        self.first_load.wait(PATIENCE, |stage| stage == Stage::Over || brought()).await
    }

    /// Waits until all of the folder has been looked at once. False if that takes longer than a request should wait.
    pub async fn is_loaded(&self) -> bool {
        self.first_load.wait(PATIENCE, |stage| stage == Stage::Over).await
    }

    /// Waits so long for the plugins that come with the host and those that the configuration knows.
    pub async fn standing_loaded(&self, patience: Duration) -> bool {
        self.first_load.wait(patience, |stage| stage >= Stage::StandingLoaded).await
    }

    /// Brings the registry up to date with the folder, and gives what is in it then.
    pub async fn reload(self: &Arc<Self>) -> Vec<PluginFile> {
        self.update(Retries::All).await
    }

    /// Looks at the folder until the host stops, and reloads when something has changed and then stood still for a look, so
    /// that a file that is still being copied is not taken for a bad one. Failures that may pass are tried again.
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

    /// In a task of its own: a client that leaves must not leave half of it undone.
    async fn update(self: &Arc<Self>, retries: Retries) -> Vec<PluginFile> {
        let folder = Arc::clone(self);
        let updated = tokio::spawn(async move { folder.bring_up_to_date(retries).await }).await;
        self.first_load.published(Some(Stage::Over));
        updated.unwrap_or_else(|error| {
            error!(%error, "the plugin folder could not be loaded");
            self.registry.files()
        })
    }

    /// Those that come with the host first, then those that the configuration knows, and only then the others: however
    /// quickly one of these loads, it cannot have an operation of those, nor keep them waiting.
    async fn bring_up_to_date(&self, retries: Retries) -> Vec<PluginFile> {
        let mut loaded = self.loaded.lock().await;
        let listing = match self.listing().await {
            Ok(listing) => listing,
            Err(reason) => {
                // An unreadable folder says nothing about the plugins that are in service.
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

    /// A plugin is named like its file, so this is known before it is loaded.
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
    fn failures_that_may_pass_are_tried_again_less_and_less_often() {
        let mut pause = None;
        let mut pauses = Vec::new();
        for _ in 0..8 {
            pause = Some(pause_after(pause));
            pauses.push(pause.unwrap().as_secs());
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
    }
}
