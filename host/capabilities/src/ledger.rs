//! The ledger of one attempt: its capabilities write it while the guest runs, and the job reads it afterwards.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

use super::error::of_store;
use super::limits::LimitsMet;
use super::progress::Progress;
use super::rejects::Rejects;
use super::store_failure::StoreFailure;
use super::warnings::Warnings;
use jobhost_access::Denial;
use jobhost_budget::Held;
use jobhost_contract::{CapabilityError, CapabilityErrorKind};
use jobhost_sandbox::UsageMeter;
use jobhost_store::{Applied, StoreError, WriteGroup};

/// The ledger of one attempt.
pub struct Ledger {
    pub usage: Arc<UsageMeter>,
    pub limits_met: LimitsMet,
    pub progress: Progress,
    pub rejects: Rejects,
    pub warnings: Warnings,
    /// Whether the store failed during a capability call.
    pub store_failure: StoreFailure,
    /// Commit groups passed to the store, which continue after the guest is dropped.
    handed_over: TaskTracker,
    denial: Mutex<Option<Denial>>,
    last_group: Mutex<Option<LastGroup>>,
    /// Whether the job has stored records that are not visible yet.
    has_unpublished: AtomicBool,
    /// A commit group whose result was not reported to the guest.
    unheard: Mutex<Option<InStore>>,
}

/// A commit group that the store is processing.
pub(crate) type InStore = JoinHandle<Result<Applied, StoreError>>;

/// Records to be stored together with their job's end, and the memory charged for them.
pub struct LastGroup {
    pub group: WriteGroup,
    pub(crate) _memory: Option<Held>,
}

impl Ledger {
    /// `rejects` is the number of rejected records that are kept with their text.
    pub fn new(rejects: usize) -> Self {
        Ledger {
            usage: Arc::default(),
            limits_met: LimitsMet::default(),
            progress: Progress::default(),
            rejects: Rejects::new(rejects),
            warnings: Warnings::default(),
            store_failure: StoreFailure::default(),
            handed_over: TaskTracker::new(),
            denial: Mutex::default(),
            last_group: Mutex::default(),
            has_unpublished: AtomicBool::new(false),
            unheard: Mutex::default(),
        }
    }

    /// Waits until the store has committed or refused every commit group. Call this after the guest is gone. Fails if
    /// the store refused a group and the guest cannot know, because the guest's report is then wrong.
    pub async fn settled(&self) -> Result<(), CapabilityError> {
        self.handed_over.close();
        self.handed_over.wait().await;
        let unheard = lock(&self.unheard).take();
        match unheard {
            Some(group) => stored(group).await.map(drop),
            None => self.store_failure.noted().map_or(Ok(()), Err),
        }
    }

    /// The last permission denial; its structured form becomes the job's message.
    pub fn take_denial(&self) -> Option<Denial> {
        lock(&self.denial).take()
    }

    /// The last commit group, which has not been passed to the store. It is stored only if the guest reports success.
    pub fn take_last_group(&self) -> Option<LastGroup> {
        lock(&self.last_group).take()
    }

    /// Whether records of the job become visible only when it ends, although they are stored.
    pub fn has_unpublished(&self) -> bool {
        self.has_unpublished.load(Ordering::Relaxed)
    }

    pub(crate) fn note_unpublished(&self) {
        self.has_unpublished.store(true, Ordering::Relaxed);
    }

    pub(crate) fn handed_over(&self) -> &TaskTracker {
        &self.handed_over
    }

    pub(crate) fn deny(&self, denial: Denial) {
        *lock(&self.denial) = Some(denial);
    }

    pub(crate) fn leave_unheard(&self, group: InStore) {
        *lock(&self.unheard) = Some(group);
    }

    pub(crate) fn leave(&self, group: LastGroup) {
        *lock(&self.last_group) = Some(group);
    }
}

/// Waits for the result of a commit group.
pub(crate) async fn stored(group: InStore) -> Result<Applied, CapabilityError> {
    let applied = group.await.map_err(|error| {
        CapabilityError::new(CapabilityErrorKind::Unavailable, format!("the store's task ended: {error}"))
    })?;
    applied.map_err(of_store)
}

fn lock<T>(entry: &Mutex<T>) -> MutexGuard<'_, T> {
    entry.lock().unwrap_or_else(PoisonError::into_inner)
}
