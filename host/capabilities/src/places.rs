//! Limits how many handles a guest may hold open at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use jobhost_contract::CapabilityError;
use jobhost_model::Limit;

use super::ledger::Ledger;

/// The places for handles of one kind.
pub(crate) struct Places {
    what: &'static str,
    limit: Limit,
    taken: Arc<AtomicUsize>,
    ledger: Arc<Ledger>,
}

/// The place of one handle, released on drop.
#[derive(Debug)]
pub(crate) struct Place(Arc<AtomicUsize>);

impl Places {
    /// `what` is the plural of the handle's name, for messages.
    pub fn new(what: &'static str, limit: Limit, ledger: Arc<Ledger>) -> Self {
        Places { what, limit, taken: Arc::default(), ledger }
    }

    /// Fails if no place is free, before any work is done for the handle.
    pub fn check(&self) -> Result<(), CapabilityError> {
        let (open, most) = (self.taken.load(Ordering::Relaxed), self.limit.size());
        if open < most {
            return Ok(());
        }
        let sentence = format!("{most} {} are open already, which is the limit; drop one first", self.what);
        Err(self.ledger.limits_met.refuse(self.limit.reached(open as u64 + 1), sentence))
    }

    /// Takes the place of an open handle.
    pub fn take(&self) -> Place {
        self.taken.fetch_add(1, Ordering::Relaxed);
        Place(Arc::clone(&self.taken))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
