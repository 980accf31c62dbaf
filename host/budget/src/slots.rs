//! Slots: a budget of resources that are held briefly and worth a short wait, such as readers of the store.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::pool::{Charge, Exhausted, Owner, Pool, Terms};

/// So many at once, shared as [`Pool`] shares.
#[derive(Debug, Clone)]
pub struct Slots {
    pool: Pool,
    patience: Duration,
}

/// A slot that is held.
pub type Slot = Charge;

impl Slots {
    /// Whoever finds none waits for `patience` before the refusal.
    pub fn new(terms: Terms, patience: Duration) -> Self {
        Slots { pool: Pool::new(terms), patience }
    }

    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    pub async fn take(&self, owner: &Owner) -> Result<Slot, Exhausted> {
        let deadline = Instant::now() + self.patience;
        loop {
            // Made before the look, so that what is given back in between is not missed.
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
