//! The queue of jobs that wait for a worker. Users take turns, so that one user's jobs do not delay another's; each
//! user's jobs run in order of arrival. One user's attempts never take all workers, and a plugin's attempts never
//! exceed the maximum in its grant. A job held back by either limit does not block a worker.

mod shares;
mod waiting;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::Instant;
use uuid::Uuid;

use jobhost_registry::PluginOperation;
use shares::Places;
use waiting::Waiting;

/// A job that waits for a worker.
pub(super) struct QueuedJob {
    pub id: Uuid,
    /// The user whose turn the job takes.
    pub user: Arc<str>,
    /// The operation that was in service when the job was queued; `None` if no plugin provided it then.
    pub operation: Option<Arc<PluginOperation>>,
    /// `None` for a job recovered from an earlier process and for a job that has begun.
    pub place: Option<Place>,
    pub past: Past,
}

/// What this process knows about the job's earlier attempts.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Past {
    /// The job's position among its user's jobs, once it has been queued.
    pub order: Option<u64>,
    /// How often in a row the guest gave up because the store failed.
    pub failures: u32,
    /// The store interrupted the last attempt, and the row does not say so yet.
    pub row_is_behind: bool,
}

/// A place in the queue, released on drop.
pub(super) struct Place {
    queue: Arc<Queue>,
    user: Arc<str>,
}

/// Why no place is available.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoPlace {
    Full,
    /// The last places are reserved for users who hold fewer.
    Share {
        held: usize,
    },
}

/// The queue of one host.
pub(super) struct Queue {
    places: Mutex<Places>,
    waiting: Mutex<Waiting>,
    changed: Notify,
}

/// What a running attempt holds: a worker, part of its user's share, and one of its plugin's attempts.
pub(super) struct Turn {
    queue: Arc<Queue>,
    user: Arc<str>,
    /// `None` for a plugin without a maximum.
    plugin: Option<Arc<str>>,
}

impl Queue {
    pub fn new(max_queued: usize, workers: usize) -> Arc<Self> {
        Arc::new(Queue {
            places: Mutex::new(Places::new(max_queued)),
            waiting: Mutex::new(Waiting::new(workers)),
            changed: Notify::new(),
        })
    }

    /// Reserves a place. Fails if the queue is full or the remaining places are reserved for other users.
    pub fn place(self: &Arc<Self>, user: &str) -> Result<Place, NoPlace> {
        let user = self.places().take(user)?;
        Ok(Place { queue: Arc::clone(self), user })
    }

    /// Queues a job behind the others of its user, or at its previous position if it was queued before.
    pub fn push(&self, job: QueuedJob) {
        self.lock().push(job);
        self.changed.notify_one();
    }

    /// Queues a job of an earlier process before the jobs of this one, in the order of the calls.
    pub fn push_recovered(&self, job: QueuedJob) {
        self.lock().push_recovered(job);
        self.changed.notify_one();
    }

    /// Queues a job that must not start before `when`.
    pub fn push_later(&self, job: QueuedJob, when: Instant) {
        self.lock().push_later(job, when);
        // The waiting worker may have no deadline, or a later one, so it has to check again.
        self.changed.notify_one();
    }

    /// Removes a job that was cancelled while it waited, and so frees its place.
    pub fn remove(&self, user: &str, id: Uuid) -> bool {
        // Drops the job only after the lock is released.
        let removed = self.lock().remove(user, id);
        removed.is_some()
    }

    /// Waits for the next job that may run.
    pub async fn next(self: &Arc<Self>) -> (QueuedJob, Turn) {
        loop {
            let (taken, more, due) = {
                let mut waiting = self.lock();
                (waiting.take(Instant::now()), !waiting.is_empty(), waiting.next_due())
            };
            if let Some((job, plugin)) = taken {
                // If several jobs arrive between two checks, they wake only one worker, so it wakes the next.
                if more {
                    self.changed.notify_one();
                }
                let (queue, user) = (Arc::clone(self), Arc::clone(&job.user));
                return (job, Turn { queue, user, plugin });
            }
            match due {
                Some(due) => {
                    let _looked = tokio::time::timeout_at(due, self.changed.notified()).await;
                }
                None => self.changed.notified().await,
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the number of waiting jobs, reserved places and running attempts.
    #[cfg(test)]
    pub fn in_use(&self) -> (usize, usize, usize) {
        let held = self.places().held();
        let waiting = self.lock();
        (waiting.len(), held, waiting.running())
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.queue.lock().give_back(&self.user, self.plugin.as_deref());
        self.queue.changed.notify_one();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.queue.places().give_back(&self.user);
    }
}

#[cfg(test)]
mod tests;
