//! What happened in one attempt: written by its capabilities while the guest runs, read by the job when it is over.

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
    /// Whether the store failed under a capability.
    pub store_failure: StoreFailure,
    /// Groups in the store's hands, which go on when the guest is dropped.
    handed_over: TaskTracker,
    denial: Mutex<Option<Denial>>,
    last_group: Mutex<Option<LastGroup>>,
    /// The group in the store's hands of which the guest did not hear.
    unheard: Mutex<Option<InStore>>,
}

/// A group in the store's hands.
pub(crate) type InStore = JoinHandle<Result<Applied, StoreError>>;

/// Records that wait for the end of their job, with what they are charged to.
pub struct LastGroup {
    pub group: WriteGroup,
    pub(crate) _memory: Option<Held>,
}

impl Ledger {
    /// `rejects` of the rejected records are kept with their text.
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
            unheard: Mutex::default(),
        }
    }

    /// Waits until the store has taken or refused every group that was handed over. To be called when the guest is gone.
    /// Fails if one was refused of which the guest cannot know: then what it says of its work is not so.
    pub async fn settled(&self) -> Result<(), CapabilityError> {
        self.handed_over.close();
        self.handed_over.wait().await;
        let unheard = lock(&self.unheard).take();
        match unheard {
            Some(group) => stored(group).await.map(drop),
            None => self.store_failure.noted().map_or(Ok(()), Err),
        }
    }

    /// The last permission denial: its structured form becomes the job's message.
    pub fn take_denial(&self) -> Option<Denial> {
        lock(&self.denial).take()
    }

    /// The records that the guest handed over last and that are not in the store's hands. They belong to the job if the guest
    /// did its work, and to nobody otherwise.
    pub fn take_last_group(&self) -> Option<LastGroup> {
        lock(&self.last_group).take()
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

/// What became of a group in the store's hands.
pub(crate) async fn stored(group: InStore) -> Result<Applied, CapabilityError> {
    let applied = group.await.map_err(|error| {
        CapabilityError::new(CapabilityErrorKind::Unavailable, format!("the store's task ended: {error}"))
    })?;
    applied.map_err(of_store)
}

fn lock<T>(entry: &Mutex<T>) -> MutexGuard<'_, T> {
    entry.lock().unwrap_or_else(PoisonError::into_inner)
}
