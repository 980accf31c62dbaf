//! The jobs that wait for a worker, in order of arrival. A job of a plugin that already has as many attempts running as its
//! grant allows steps aside until one of them ends; no worker waits for it.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

use crate::plugins::PluginOperation;

/// A job that waits for a worker.
pub(super) struct QueuedJob {
    pub id: Uuid,
    /// The operation as it was in service when the job came here; `None` if no plugin brought it then.
    pub operation: Option<Arc<PluginOperation>>,
    /// `None` for a job of an earlier process, which had its place then.
    pub place: Option<Place>,
}

/// A place in the queue. It is free again when this is dropped.
pub(super) struct Place(#[allow(dead_code, reason = "held for what its drop does")] OwnedSemaphorePermit);

/// The queue of one host.
pub(super) struct Queue {
    places: Arc<Semaphore>,
    waiting: Mutex<Waiting>,
    changed: Notify,
}

#[derive(Default)]
struct Waiting {
    jobs: VecDeque<QueuedJob>,
    /// By plugin, those whose grant bounds them.
    bounded: HashMap<String, Bounded>,
}

#[derive(Default)]
struct Bounded {
    running: usize,
    aside: VecDeque<QueuedJob>,
}

/// One of the attempts that a plugin may have running; to be held for as long as it runs.
pub(super) struct Turn {
    queue: Arc<Queue>,
    /// `None` for a plugin without a bound.
    plugin: Option<String>,
}

impl Queue {
    /// `recovered` come first, and besides `max_queued`.
    pub fn new(recovered: Vec<QueuedJob>, max_queued: usize) -> Arc<Self> {
        let waiting = Waiting { jobs: recovered.into(), ..Waiting::default() };
        Arc::new(Queue {
            places: Arc::new(Semaphore::new(max_queued.clamp(1, Semaphore::MAX_PERMITS))),
            waiting: Mutex::new(waiting),
            changed: Notify::new(),
        })
    }

    /// A place, unless the queue is full.
    pub fn place(&self) -> Option<Place> {
        Arc::clone(&self.places).try_acquire_owned().ok().map(Place)
    }

    pub fn push(&self, job: QueuedJob) {
        self.lock().jobs.push_back(job);
        self.changed.notify_one();
    }

    /// Takes out a job that was cancelled while it waited, so that its place is free.
    pub fn remove(&self, id: Uuid) -> bool {
        self.lock().remove(id)
    }

    /// The next job that may run.
    pub async fn next(self: &Arc<Self>) -> (QueuedJob, Turn) {
        loop {
            let (taken, more) = {
                let mut waiting = self.lock();
                (waiting.take(), !waiting.jobs.is_empty())
            };
            if let Some((job, plugin)) = taken {
                // Of several jobs that came between two looks, the first wakes one worker only.
                if more {
                    self.changed.notify_one();
                }
                return (job, Turn { queue: Arc::clone(self), plugin });
            }
            self.changed.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn take(&mut self) -> Option<(QueuedJob, Option<String>)> {
        while let Some(job) = self.jobs.pop_front() {
            let bound = job
                .operation
                .as_ref()
                .and_then(|found| Some((found.plugin.description.name.clone(), found.plugin.grants.concurrency()?)));
            let Some((plugin, most)) = bound else { return Some((job, None)) };
            let bounded = self.bounded.entry(plugin.clone()).or_default();
            if bounded.running < most {
                bounded.running += 1;
                return Some((job, Some(plugin)));
            }
            bounded.aside.push_back(job);
        }
        None
    }

    fn remove(&mut self, id: Uuid) -> bool {
        let aside = self.bounded.values_mut().map(|bounded| &mut bounded.aside);
        std::iter::once(&mut self.jobs).chain(aside).any(|jobs| match jobs.iter().position(|job| job.id == id) {
            Some(at) => jobs.remove(at).is_some(),
            None => false,
        })
    }

    /// The job that stepped aside first comes before all others.
    fn give_back(&mut self, plugin: &str) {
        let Some(bounded) = self.bounded.get_mut(plugin) else { return };
        bounded.running = bounded.running.saturating_sub(1);
        if let Some(job) = bounded.aside.pop_front() {
            self.jobs.push_front(job);
        } else if bounded.running == 0 {
            self.bounded.remove(plugin);
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(plugin) = &self.plugin {
            self.queue.lock().give_back(plugin);
            self.queue.changed.notify_one();
        }
    }
}
