//! The single writer thread. It takes queued requests (`queue` says which), applies them in one transaction, syncs once,
//! and then answers them all. This allows thousands of small durable commits per second.
//!
//! A request that is rejected before it changed anything fails alone. If a request fails later, the transaction is
//! aborted and the requests of the group are retried one by one, so that none fails because of another.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::{mpsc, oneshot};

use super::Shared;
use super::queue::Queue;
use super::reclaim;
use super::reclaim_work::Reclaim;
use super::task::Task;
use super::transaction::Transaction;
use jobhost_model::Timestamp;
use jobhost_store::{StoreError, StoreErrorKind};

pub(super) enum Message {
    Task(Box<dyn Task>),
    /// Reports when this background work has finished or failed.
    Await(u64, oneshot::Sender<Result<(), StoreError>>),
}

pub(super) struct Writer {
    pub shared: Arc<Shared>,
    pub messages: mpsc::Receiver<Message>,
    pub queue: Queue,
    pub reclaims: VecDeque<Reclaim>,
    /// Work whose last step failed. It is retried after the next successful commit, and when the store is opened.
    pub stalled: Vec<Reclaim>,
    pub waiting: HashMap<u64, Vec<oneshot::Sender<Result<(), StoreError>>>>,
}

impl Writer {
    /// Runs until all senders are dropped and all sent requests are done. Unfinished background work stays stored.
    pub fn run(mut self) {
        loop {
            if self.reclaims.is_empty() && self.queue.is_empty() {
                match self.messages.blocking_recv() {
                    Some(message) => self.receive(message),
                    None => return,
                }
            }
            // What does not fit stays in the channel, so that callers wait.
            while self.queue.len() < self.shared.options.group_requests {
                match self.messages.try_recv() {
                    Ok(message) => self.receive(message),
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) if self.queue.is_empty() => return,
                    Err(TryRecvError::Disconnected) => break,
                }
            }
            let group = self.queue.next_group(&self.shared.options, &self.shared.contention);
            let (started, large_bytes) = (Instant::now(), group.large_bytes);
            self.commit(group.tasks);
            self.shared.contention.committed(large_bytes, started.elapsed());
            self.reclaim();
        }
    }

    fn receive(&mut self, message: Message) {
        match message {
            Message::Task(task) => self.queue.push(task, &self.shared.contention),
            Message::Await(id, done) => {
                if self.reclaims.iter().any(|work| work.id() == id) {
                    self.waiting.entry(id).or_default().push(done);
                } else {
                    let stalled = self.stalled.iter().any(|work| work.id() == id);
                    let _gone = done.send(if stalled { Err(unfinished()) } else { Ok(()) });
                }
            }
        }
    }

    fn commit(&mut self, mut group: Vec<Box<dyn Task>>) {
        if group.is_empty() {
            return;
        }
        let outcome = self.attempt(&mut group);
        let alone = group.len() == 1;
        match outcome {
            Err(error) if !alone => {
                tracing::warn!(error = %error, requests = group.len(), "a commit group failed; retrying its requests one by one");
                for task in group {
                    let mut single = vec![task];
                    let outcome = self.attempt(&mut single);
                    answer(single, outcome);
                }
            }
            outcome => answer(group, outcome),
        }
    }

    fn now(&self) -> Timestamp {
        self.shared.clock.now()
    }

    fn attempt(&mut self, group: &mut [Box<dyn Task>]) -> Result<(), StoreError> {
        self.transact(group).map_err(|error| self.shared.environment.explain(error))
    }

    fn transact(&mut self, group: &mut [Box<dyn Task>]) -> Result<(), StoreError> {
        let shared = Arc::clone(&self.shared);
        let mut tx = Transaction::begin(&shared.environment, shared.catalog(), self.now())?;
        let mut bytes = 0;
        for task in group {
            bytes += task.bytes();
            task.run(&mut tx)?;
        }
        let (catalog, reclaims) = tx.commit()?;
        shared.publish(catalog);
        self.reclaims.extend(reclaims);
        self.reclaims.extend(self.stalled.pop());
        shared.environment.touched(bytes);
        Ok(())
    }

    /// Runs one step of background work in its own transaction.
    fn reclaim(&mut self) {
        let Some(work) = self.reclaims.pop_front() else { return };
        let shared = Arc::clone(&self.shared);
        let step = || {
            let mut tx = Transaction::begin(&shared.environment, shared.catalog(), self.now())?;
            let left = reclaim::step(&mut tx, &work, shared.contention.is_present())?;
            tx.commit()?;
            Ok::<_, StoreError>(left)
        };
        match step() {
            Ok(Some(left)) => self.reclaims.push_back(left),
            Ok(None) => self.finish(work.id(), || Ok(())),
            Err(error) => {
                tracing::error!(error = %error, cause = ?error.source, "background work of the store failed");
                self.finish(work.id(), || Err(unfinished()));
                self.stalled.push(work);
            }
        }
        shared.environment.touched(4 << 20);
    }

    fn finish(&mut self, id: u64, outcome: impl Fn() -> Result<(), StoreError>) {
        for done in self.waiting.remove(&id).unwrap_or_default() {
            let _gone = done.send(outcome());
        }
    }
}

fn unfinished() -> StoreError {
    let message = "the change was made, but not yet to all records; the store continues it later";
    StoreError::new(StoreErrorKind::Unavailable, message)
}

fn answer(mut group: Vec<Box<dyn Task>>, outcome: Result<(), StoreError>) {
    match outcome {
        Ok(()) => group.into_iter().for_each(|task| task.answer(Ok(()))),
        Err(error) => {
            if error.kind == StoreErrorKind::Unavailable {
                tracing::error!(error = %error, cause = ?error.source, "a commit failed");
            }
            // Only one request can carry the cause, because errors are not cloneable: the last one gets it.
            let last = group.pop();
            for task in group {
                task.answer(Err(StoreError::new(error.kind, error.message.clone())));
            }
            if let Some(task) = last {
                task.answer(Err(error));
            }
        }
    }
}
