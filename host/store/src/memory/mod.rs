//! A store in memory, for tests and for the conformance kit: the same behaviour as every store, and nothing is kept when
//! the process ends.
//!
//! Everything lies in one state behind one lock, and a change is worked out before it touches the state: so a call changes
//! everything or nothing. A reader holds the tables that it reads; a writer copies a table only while a reader holds it. Ended
//! jobs are not pruned: a store that is full says so.

mod catalog;
mod documents;
mod jobs;
mod reading;
mod records;
mod state;
mod table;
mod writing;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use self::state::State;
use crate::key_source::KeySource;
use jobhost_model::Clock;

/// A store in memory. Clones share what it holds.
#[derive(Clone)]
pub struct MemoryStore(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    clock: Arc<dyn Clock>,
    keys: KeySource,
    max_bytes: u64,
}

impl MemoryStore {
    /// An empty store that holds at most so many bytes of records, documents and jobs.
    pub fn new(clock: Arc<dyn Clock>, max_bytes: u64) -> Self {
        let keys = KeySource::new(Arc::clone(&clock));
        MemoryStore(Arc::new(Shared { state: Mutex::default(), clock, keys, max_bytes }))
    }

    /// No call leaves the state half changed, so a poisoned lock says nothing about it.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
