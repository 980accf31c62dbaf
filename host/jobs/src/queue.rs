//! The jobs that wait for a worker. Users take turns, so that many jobs of one hold up nobody else's; within a user the
//! order is that of arrival. One user's attempts never take all workers, and those of one plugin no more than its grant
//! allows; no worker waits for either.

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
    /// Whose turn it takes.
    pub user: Arc<str>,
    /// The operation as it was in service when the job came here; `None` if no plugin brought it then.
    pub operation: Option<Arc<PluginOperation>>,
    /// `None` for a job of an earlier process, which had its place then, and for one that has begun.
    pub place: Option<Place>,
    pub past: Past,
}

/// What this process has seen of a job before.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Past {
    /// Where it stands among the jobs of its user, once it has been in the queue.
    pub order: Option<u64>,
    /// How often in a row its guest gave up because the store failed.
    pub failures: u32,
    /// Its last attempt was cut short by the store, and its row does not say so.
    pub row_is_behind: bool,
}

/// A place in the queue. It is free again when this is dropped.
pub(super) struct Place {
    queue: Arc<Queue>,
    user: Arc<str>,
}

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoPlace {
    Full,
    /// The last places are for users who hold fewer.
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

/// What a running attempt takes: a worker, a share of its user's, and one of the attempts that its plugin may have.
pub(super) struct Turn {
    queue: Arc<Queue>,
    user: Arc<str>,
    /// `None` for a plugin without a bound.
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

    /// A place, unless the queue is full, or so full that what is left is kept for other users.
    pub fn place(self: &Arc<Self>, user: &str) -> Result<Place, NoPlace> {
        let user = self.places().take(user)?;
        Ok(Place { queue: Arc::clone(self), user })
    }

    /// The job waits behind all others of its user, or where it stood when it was here before.
    pub fn push(&self, job: QueuedJob) {
        self.lock().push(job);
        self.changed.notify_one();
    }

    /// A job of an earlier process: before those of this one, in the order of the calls.
    pub fn push_recovered(&self, job: QueuedJob) {
        self.lock().push_recovered(job);
        self.changed.notify_one();
    }

    /// The job may be taken from this moment on.
    pub fn push_later(&self, job: QueuedJob, when: Instant) {
        self.lock().push_later(job, when);
        // Whoever waits for an earlier moment, or for none, has to look again.
        self.changed.notify_one();
    }

    /// Takes out a job that was cancelled while it waited, so that its place is free.
    pub fn remove(&self, user: &str, id: Uuid) -> bool {
        // Dropped when the lock is no longer held.
        let removed = self.lock().remove(user, id);
        removed.is_some()
    }

    /// The next job that may run.
    pub async fn next(self: &Arc<Self>) -> (QueuedJob, Turn) {
        loop {
            let (taken, more, due) = {
                let mut waiting = self.lock();
                (waiting.take(Instant::now()), !waiting.is_empty(), waiting.next_due())
            };
            if let Some((job, plugin)) = taken {
                // Of several jobs that came between two looks, the first wakes one worker only.
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

    /// Jobs that wait, places that are held, attempts that run.
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
