//! A request to the writer.

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::transaction::Transaction;
use jobhost_store::{StoreError, StoreErrorKind};

/// A request to run in a transaction. It may run again if the transaction is aborted.
pub(super) trait Task: Send {
    /// Returns an error only if it failed after it had changed something.
    fn run(&mut self, tx: &mut Transaction<'_>) -> Result<(), StoreError>;

    fn bytes(&self) -> usize;

    /// Reports the final outcome of the transaction.
    fn answer(self: Box<Self>, committed: Result<(), StoreError>);
}

/// A task that runs a closure.
pub(super) struct Call<T, F> {
    pub work: F,
    pub bytes: usize,
    pub outcome: Option<Result<T, StoreError>>,
    pub reply: oneshot::Sender<Result<T, StoreError>>,
    /// Space in the queue, released with the answer.
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
            // The request itself was rejected, whatever happened to the transaction.
            (Err(_), Some(Err(refused))) => Err(refused),
            (Err(failed), _) => Err(failed),
            (Ok(()), None) => Err(StoreError::new(StoreErrorKind::Unavailable, "the request was not run")),
        };
        // The caller may be gone; committed changes are kept.
        let _gone = self.reply.send(outcome);
    }
}
