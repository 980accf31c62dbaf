//! The one writer: a thread that takes everything that waits, applies it in one transaction, syncs once, and then answers
//! all. That is what makes thousands of small durable commits a second possible.
//!
//! A request that is refused before it changed anything fails alone. If something fails after that, the transaction is
//! given up and the requests of the group are done again one by one, so that none fails for another's fault.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use super::Shared;
use super::reclaim;
use super::reclaim_work::Reclaim;
use super::transaction::Transaction;
use jobhost_model::Timestamp;
use jobhost_store::{StoreError, StoreErrorKind};

/// Something to do in a transaction. It may be asked to run again if the transaction was given up.
pub(super) trait Task: Send {
    /// An error means that it failed after it had changed something.
    fn run(&mut self, tx: &mut Transaction<'_>) -> Result<(), StoreError>;

    fn bytes(&self) -> usize;

    /// The transaction was committed, or was not and will not be.
    fn answer(self: Box<Self>, committed: Result<(), StoreError>);
}

/// A task made of a closure.
pub(super) struct Call<T, F> {
    pub work: F,
    pub bytes: usize,
    pub outcome: Option<Result<T, StoreError>>,
    pub reply: oneshot::Sender<Result<T, StoreError>>,
    /// Room in the queue, given back with the answer.
    pub _room: OwnedSemaphorePermit,
}

impl<T, F> Task for Call<T, F>
where
    T: Send,
    F: FnMut(&mut Transaction<'_>) -> Result<T, StoreError> + Send,
{
    fn run(&mut self, tx: &mut Transaction<'_>) -> Result<(), StoreError> {
        tx.begin_request();
        match (self.work)(tx) {
            Err(error) if tx.is_changed() => Err(error),
            outcome => {
                self.outcome = Some(outcome);
                Ok(())
            }
        }
    }

    fn bytes(&self) -> usize {
        self.bytes
    }

    fn answer(self: Box<Self>, committed: Result<(), StoreError>) {
        let outcome = match (committed, self.outcome) {
            (Ok(()), Some(outcome)) => outcome,
            // Refused on its own account, whatever became of the others.
            (Err(_), Some(Err(refused))) => Err(refused),
            (Err(failed), _) => Err(failed),
            (Ok(()), None) => Err(StoreError::new(StoreErrorKind::Unavailable, "the request was not run")),
        };
        // Whoever asked may have gone; what was committed stays.
        let _gone = self.reply.send(outcome);
    }
}

pub(super) enum Message {
    Task(Box<dyn Task>),
    /// Tell when this background work is done, or why it is not.
    Await(u64, oneshot::Sender<Result<(), StoreError>>),
}

pub(super) struct Writer {
    pub shared: Arc<Shared>,
    pub messages: mpsc::Receiver<Message>,
    pub reclaims: VecDeque<Reclaim>,
    /// Work whose last step failed: tried again behind the next commit that succeeds, and when the store is opened.
    pub stalled: Vec<Reclaim>,
    pub waiting: HashMap<u64, Vec<oneshot::Sender<Result<(), StoreError>>>>,
}

impl Writer {
    /// Until the last sender is gone and everything that was sent is done. Background work that is left then is stored.
    pub fn run(mut self) {
        loop {
            let first = if self.reclaims.is_empty() {
                match self.messages.blocking_recv() {
                    Some(message) => Some(message),
                    None => return,
                }
            } else {
                match self.messages.try_recv() {
                    Ok(message) => Some(message),
                    Err(TryRecvError::Empty) => None,
                    Err(TryRecvError::Disconnected) => return,
                }
            };
            if let Some(first) = first {
                let group = self.collect(first);
                self.commit(group);
            }
            self.reclaim();
        }
    }

    /// Everything that waits, as far as one group takes it.
    fn collect(&mut self, first: Message) -> Vec<Box<dyn Task>> {
        let options = self.shared.options;
        let mut group: Vec<Box<dyn Task>> = Vec::new();
        let mut bytes = 0;
        let mut next = Some(first);
        while let Some(message) = next {
            match message {
                Message::Task(task) => {
                    bytes += task.bytes();
                    group.push(task);
                }
                Message::Await(id, done) => {
                    if self.reclaims.iter().any(|work| work.id() == id) {
                        self.waiting.entry(id).or_default().push(done);
                    } else {
                        let stalled = self.stalled.iter().any(|work| work.id() == id);
                        let _gone = done.send(if stalled { Err(unfinished()) } else { Ok(()) });
                    }
                }
            }
            if bytes >= options.group_bytes || group.len() >= options.group_requests {
                break;
            }
            next = self.messages.try_recv().ok();
        }
        group
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

    /// One step of background work, in a transaction of its own.
    fn reclaim(&mut self) {
        let Some(work) = self.reclaims.pop_front() else { return };
        let shared = Arc::clone(&self.shared);
        let step = || {
            let mut tx = Transaction::begin(&shared.environment, shared.catalog(), self.now())?;
            let left = reclaim::step(&mut tx, &work)?;
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
            // The last one gets the cause with it: there is one to give.
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
