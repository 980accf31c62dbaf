//! Progress of a job. The guest reports as often as it likes; the host keeps the latest report and stores it
//! periodically.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use jobhost_model::jobs;

#[derive(Debug, Default)]
pub struct Progress {
    latest: Mutex<Option<jobs::Progress>>,
    cancelled: AtomicBool,
}

impl Progress {
    pub fn report(&self, done: u64, total: Option<u64>, unit: &'static str) {
        *self.latest.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(jobs::Progress { done, total, unit: unit.to_owned() });
    }

    pub fn latest(&self) -> Option<jobs::Progress> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks the guest to return soon.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }
}
