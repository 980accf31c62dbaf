//! The spool: a directory for each job that needs one, for its payload and downloads, removed when the job ends. Files
//! in it are charged to the job's user before they are written.

use std::collections::{HashMap, HashSet};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tracing::warn;
use uuid::Uuid;

use jobhost_budget::{DiskHeld, DiskPool, Exhausted, Owner};
use jobhost_model::json::{UnescapeError, unescape};
use jobhost_store::{StoreError, StoreErrorKind};

const INLINE_FILE: &str = "inline";
const DIRECTORY_MODE: u32 = 0o700;
/// Only the host may read the files of a job.
const FILE_MODE: u32 = 0o600;

fn private_directory(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(path)
}

#[derive(Debug, Clone)]
pub struct Spool {
    root: PathBuf,
    budget: DiskPool,
    /// What each unfinished job holds here and in the store's payloads.
    jobs: Arc<Mutex<HashMap<Uuid, Spooled>>>,
}

/// What the spool knows of an unfinished job.
#[derive(Debug)]
struct Spooled {
    held: DiskHeld,
    has_directory: bool,
}

impl Spool {
    pub fn open(root: PathBuf, budget: DiskPool) -> Result<Self, StoreError> {
        private_directory(&root)
            // An earlier version may have created the directory with other permissions.
            .and_then(|()| fs::set_permissions(&root, fs::Permissions::from_mode(DIRECTORY_MODE)))
            .map_err(|error| {
                let message = format!("the spool directory {} cannot be created: {error}", root.display());
                StoreError::caused_by(StoreErrorKind::Unavailable, message, error)
            })?;
        Ok(Spool { root, budget, jobs: Arc::default() })
    }

    /// Charges what a new job keeps until it ends.
    pub fn charge(&self, job: Uuid, owner: &Owner, bytes: u64) -> Result<(), Exhausted> {
        let held = DiskHeld::new(self.budget.take(owner, bytes)?);
        self.lock().insert(job, Spooled { held, has_directory: false });
        Ok(())
    }

    /// The job's charge, to which its downloads are added.
    pub fn charged(&self, job: Uuid) -> DiskHeld {
        self.lock().entry(job).or_insert_with(|| self.unknown()).held.clone()
    }

    /// For a job without an entry: it may have a directory.
    fn unknown(&self) -> Spooled {
        Spooled { held: DiskHeld::new(self.budget.adopt(&Owner::Host, 0)), has_directory: true }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Uuid, Spooled>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn directory(&self, job: Uuid) -> PathBuf {
        self.root.join(job.to_string())
    }

    pub fn inline_path(&self, job: Uuid) -> PathBuf {
        self.directory(job).join(INLINE_FILE)
    }

    /// Returns the job's directory and creates it if necessary. Blocks.
    pub fn make_directory(&self, job: Uuid) -> io::Result<PathBuf> {
        let directory = self.directory(job);
        self.lock().entry(job).or_insert_with(|| self.unknown()).has_directory = true;
        private_directory(&directory)?;
        Ok(directory)
    }

    /// Durably stores the inline source, a JSON string with its quotes, in decoded form. Blocks.
    pub fn write_inline(&self, job: Uuid, quoted: &Bytes) -> Result<(), UnescapeError> {
        let directory = self.make_directory(job)?;
        let file = OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(directory.join(INLINE_FILE))?;
        let mut file = BufWriter::with_capacity(64 * 1024, file);
        unescape(std::str::from_utf8(quoted).unwrap_or_default(), &mut file)?;
        file.flush()?;
        file.get_ref().sync_all()?;
        File::open(&directory)?.sync_all()?;
        Ok(File::open(&self.root)?.sync_all()?)
    }

    /// Removes the job's directory, if any, and releases its charge. Blocks.
    pub fn remove(&self, job: Uuid) -> io::Result<()> {
        match fs::remove_dir_all(self.directory(job)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => {
                self.lock().remove(&job);
                Ok(())
            }
        }
    }

    /// Like [`Spool::remove`], for asynchronous callers. A failure is logged, and the next start sweeps the directory.
    pub async fn forget(&self, job: Uuid) {
        // Most jobs are small and have no directory.
        if self.lock().get(&job).is_some_and(|spooled| !spooled.has_directory) {
            self.lock().remove(&job);
            return;
        }
        let spool = self.clone();
        let removed = tokio::task::spawn_blocking(move || spool.remove(job)).await;
        if let Err(error) = removed.unwrap_or_else(|error| Err(io::Error::other(error))) {
            warn!(%job, %error, "the job's spool could not be removed");
        }
    }

    /// Removes directories that belong to no unfinished job, left by a process that died. Charges the rest. Blocks.
    pub fn sweep(&self, unfinished: &HashSet<Uuid>) -> io::Result<()> {
        for entry in fs::read_dir(&self.root)? {
            let entry = entry?;
            let Some(job) = entry.file_name().to_str().and_then(|name| Uuid::parse_str(name).ok()) else { continue };
            if unfinished.contains(&job) {
                let held = DiskHeld::new(self.budget.adopt(&Owner::Host, bytes_in(&entry.path())));
                self.lock().insert(job, Spooled { held, has_directory: true });
            } else {
                fs::remove_dir_all(entry.path())?;
            }
        }
        Ok(())
    }
}

/// The total size of a directory's files.
fn bytes_in(directory: &Path) -> u64 {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.filter_map(|entry| Some(entry.metadata().ok()?.len())).sum()
}
