//! Slots: a budget for resources that are held briefly and worth a short wait, such as snapshots of the store.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::pool::{Charge, Exhausted, Owner, Pool, Terms};

/// A limited number of slots, shared between users as in [`Pool`].
#[derive(Debug, Clone)]
pub struct Slots {
    pool: Pool,
    patience: Duration,
}

/// A slot that is in use. Dropping it frees the slot.
pub type Slot = Charge;

impl Slots {
    /// Creates slots. If none is free, a request waits for up to `patience` before it fails.
    pub fn new(terms: Terms, patience: Duration) -> Self {
        Slots { pool: Pool::new(terms), patience }
    }

    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    pub async fn take(&self, owner: &Owner) -> Result<Slot, Exhausted> {
        let deadline = Instant::now() + self.patience;
        loop {
            // Created before the check, so that a release in between is not missed.
            let given_back = self.pool.given_back();
            match self.pool.take(owner, 1) {
                Ok(slot) => return Ok(slot),
                Err(exhausted) => {
                    if timeout_at(deadline, given_back).await.is_err() {
                        return Err(exhausted);
                    }
                }
            }
        }
    }
}
