//! An in-memory store, for tests and for the conformance kit. It behaves like every store, but loses its data when the
//! process ends.
//!
//! One lock protects the whole state. Each call computes its change before it modifies the state, so it changes
//! everything or nothing. Readers hold the tables they read; a writer copies a table only while a reader holds it.
//! Ended jobs are not pruned: a full store rejects writes.

mod catalog;
mod documents;
mod jobs;
mod publishing;
mod reading;
mod records;
mod state;
mod table;
mod unpublished;
mod writing;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use self::state::State;
use crate::key_source::KeySource;
use jobhost_model::Clock;

/// An in-memory store. Clones share their data.
#[derive(Clone)]
pub struct MemoryStore(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    clock: Arc<dyn Clock>,
    keys: KeySource,
    max_bytes: u64,
}

impl MemoryStore {
    /// Creates an empty store that holds at most `max_bytes` bytes of records, documents and jobs.
    pub fn new(clock: Arc<dyn Clock>, max_bytes: u64) -> Self {
        let keys = KeySource::new(Arc::clone(&clock));
        MemoryStore(Arc::new(Shared { state: Mutex::default(), clock, keys, max_bytes }))
    }

    /// No call leaves the state half changed, so a poisoned lock can be ignored.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
