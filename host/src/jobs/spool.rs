//! The spool: a directory for each job that needs one, for its payload and its downloads, gone when the job ends.

use std::collections::HashSet;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tracing::warn;
use uuid::Uuid;

use crate::records::{StoreError, StoreErrorKind};

const INLINE_FILE: &str = "inline";
const DIRECTORY_MODE: u32 = 0o700;
/// Of what a job has here: it is nobody's but the host's.
const FILE_MODE: u32 = 0o600;

fn private_directory(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(path)
}

#[derive(Debug, Clone)]
pub struct Spool {
    root: PathBuf,
}

impl Spool {
    pub fn open(root: PathBuf) -> Result<Self, StoreError> {
        private_directory(&root)
            // One of an earlier version.
            .and_then(|()| fs::set_permissions(&root, fs::Permissions::from_mode(DIRECTORY_MODE)))
            .map_err(|error| {
                let message = format!("the spool directory {} cannot be made: {error}", root.display());
                StoreError::caused_by(StoreErrorKind::Unavailable, message, error)
            })?;
        Ok(Spool { root })
    }

    fn directory(&self, job: Uuid) -> PathBuf {
        self.root.join(job.to_string())
    }

    pub fn inline_path(&self, job: Uuid) -> PathBuf {
        self.directory(job).join(INLINE_FILE)
    }

    /// The job's directory, made if it is not there. Blocks.
    pub fn make_directory(&self, job: Uuid) -> io::Result<PathBuf> {
        let directory = self.directory(job);
        private_directory(&directory)?;
        Ok(directory)
    }

    /// Stores the inline source durably. Blocks.
    pub fn write_inline(&self, job: Uuid, text: &str) -> io::Result<()> {
        let directory = self.make_directory(job)?;
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(FILE_MODE);
        let mut file = options.open(directory.join(INLINE_FILE))?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        File::open(&directory)?.sync_all()?;
        File::open(&self.root)?.sync_all()
    }

    /// Removes all the job has here, if it has anything. Blocks.
    pub fn remove(&self, job: Uuid) -> io::Result<()> {
        match fs::remove_dir_all(self.directory(job)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// As [`Spool::remove`], from an asynchronous task. What cannot be removed is told to the log and swept at the next start.
    pub async fn forget(&self, job: Uuid) {
        let spool = self.clone();
        let removed = tokio::task::spawn_blocking(move || spool.remove(job)).await;
        if let Err(error) = removed.unwrap_or_else(|error| Err(io::Error::other(error))) {
            warn!(%job, %error, "the job's spool could not be removed");
        }
    }

    /// Removes what belongs to no unfinished job: a process that died may have left it. Blocks.
    pub fn sweep(&self, unfinished: &HashSet<Uuid>) -> io::Result<()> {
        for entry in fs::read_dir(&self.root)? {
            let entry = entry?;
            let owner = entry.file_name().to_str().and_then(|name| Uuid::parse_str(name).ok());
            if owner.is_some_and(|job| !unfinished.contains(&job)) {
                fs::remove_dir_all(entry.path())?;
            }
        }
        Ok(())
    }
}
