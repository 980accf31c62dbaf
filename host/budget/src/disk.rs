//! A budget of disk space for the temporary files of jobs and queries. In addition to its total, it keeps the last part
//! of the disk free for the store.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::pool::{Charge, Exhausted, Holder, Owner, Pool, Terms};

/// A budget of disk space in bytes. Clones share the budget.
#[derive(Debug, Clone)]
pub struct DiskPool {
    pool: Pool,
    directory: PathBuf,
    /// Minimum free disk space in bytes.
    keep_free: u64,
}

impl DiskPool {
    /// Creates a budget. `directory` must exist.
    pub fn new(terms: Terms, directory: PathBuf, keep_free: u64) -> Self {
        DiskPool { pool: Pool::new(terms), directory, keep_free }
    }

    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    pub fn take(&self, owner: &Owner, bytes: u64) -> Result<DiskCharge, Exhausted> {
        self.look(bytes)?;
        Ok(DiskCharge { charge: self.pool.take(owner, bytes)?, disk: self.clone() })
    }

    /// Charges bytes that are on the disk already. Cannot fail.
    pub fn adopt(&self, owner: &Owner, bytes: u64) -> DiskCharge {
        DiskCharge { charge: self.pool.adopt(owner, bytes), disk: self.clone() }
    }

    fn look(&self, bytes: u64) -> Result<(), Exhausted> {
        // If the system does not report the free space, only the total applies.
        if bytes == 0 || free_bytes(&self.directory).is_none_or(|free| free >= self.keep_free.saturating_add(bytes)) {
            return Ok(());
        }
        Err(Exhausted { what: "disk", key: "data.reserve_bytes", holder: Holder::Everybody })
    }
}

/// Disk space charged to an owner, in bytes. Dropping it releases the space.
#[derive(Debug)]
pub struct DiskCharge {
    charge: Charge,
    disk: DiskPool,
}

impl DiskCharge {
    pub fn amount(&self) -> u64 {
        self.charge.amount()
    }

    /// Grows the charge to at least `bytes`. If that fails, the charge is unchanged.
    pub fn grow_to(&mut self, bytes: u64) -> Result<(), Exhausted> {
        self.disk.look(bytes.saturating_sub(self.charge.amount()))?;
        self.charge.grow_to(bytes)
    }

    pub fn shrink_to(&mut self, bytes: u64) {
        self.charge.shrink_to(bytes);
    }
}

/// A shared charge, released when its last clone is dropped.
#[derive(Debug, Clone)]
pub struct DiskHeld(Arc<Mutex<DiskCharge>>);

impl DiskHeld {
    pub fn new(charge: DiskCharge) -> Self {
        DiskHeld(Arc::new(Mutex::new(charge)))
    }

    pub fn grow(&self, more: u64) -> Result<(), Exhausted> {
        let mut charge = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = charge.amount().saturating_add(more);
        charge.grow_to(wanted)
    }
}

/// Bytes that are free on the disk of a path; `None` if the system does not say.
pub fn free_bytes(path: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(path).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_part_of_the_disk_is_never_given() {
        let directory = tempfile::tempdir().unwrap();
        let terms = Terms { what: "spool", key: "spool.max_bytes", total: u64::MAX / 4, reserve: 0, threshold: 1 };
        let free = free_bytes(directory.path()).unwrap();
        let disk = DiskPool::new(terms, directory.path().to_owned(), free.saturating_mul(2));
        assert_eq!(disk.take(&Owner::user("one"), 1).unwrap_err().key, "data.reserve_bytes");
        assert!(disk.take(&Owner::user("one"), 0).is_ok());
        let disk = DiskPool::new(terms, directory.path().to_owned(), 0);
        let mut charge = disk.take(&Owner::user("one"), 1).unwrap();
        charge.grow_to(100).unwrap();
        assert_eq!(disk.pool().used(), 100);
    }
}
