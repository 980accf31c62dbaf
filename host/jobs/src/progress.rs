//! Stores a running job's progress. Neither the guest, nor a cancel, nor the host's shutdown waits for it. At most one
//! write is in flight; the next write makes up for a failed one.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tracing::warn;

use super::rejects::{self, AllRejects};
use jobhost_capabilities::Ledger;
use jobhost_model::jobs::{self, JobRow};
use jobhost_store::{Store, StoreError};

/// Limits the warnings while the store fails for hours.
const WARN_INTERVAL: Duration = Duration::from_secs(30);

/// Stores the progress of one attempt.
pub(super) struct ProgressWriter {
    store: Arc<dyn Store>,
    ledger: Arc<Ledger>,
    rejects: Arc<AllRejects>,
    /// What the row in the store says, as far as known.
    shown: Shown,
    under_way: Option<(Shown, JoinHandle<Result<(), StoreError>>)>,
    warned: Option<Instant>,
}

#[derive(Debug, Clone, PartialEq)]
struct Shown {
    progress: Option<jobs::Progress>,
    rejected: u64,
}

impl ProgressWriter {
    pub fn new(store: Arc<dyn Store>, ledger: Arc<Ledger>, rejects: Arc<AllRejects>, row: &JobRow) -> Self {
        let shown = Shown { progress: row.progress.clone(), rejected: row.rejected };
        ProgressWriter { store, ledger, rejects, shown, under_way: None, warned: None }
    }

    /// Starts a write if there is new progress and no write is in flight.
    pub fn tick(&mut self, row: &JobRow) {
        self.look(row);
        let latest = self.ledger.progress.latest();
        if self.under_way.is_some() || latest == self.shown.progress {
            return;
        }
        let latest = Shown { progress: latest, rejected: self.rejects.count() };
        let rejects = (latest.rejected != self.shown.rejected).then(|| Arc::clone(&self.rejects));
        let warnings = self.ledger.warnings.after(&row.warnings);
        let row = JobRow { progress: latest.progress.clone(), rejected: latest.rejected, warnings, ..row.clone() };
        let store = Arc::clone(&self.store);
        let write = tokio::spawn(async move {
            if let Some(rejects) = rejects {
                rejects::store(store.as_ref(), row.id, rejects.document()).await?;
            }
            let attempt = row.attempt;
            store.update_job(row, attempt).await.map(drop)
        });
        self.under_way = Some((latest, write));
    }

    /// Takes the result of the write in flight, if it has finished.
    fn look(&mut self, row: &JobRow) {
        let Some((shown, write)) = &mut self.under_way else { return };
        let Some(outcome) = write.now_or_never() else { return };
        match outcome {
            Ok(Ok(())) => self.shown = shown.clone(),
            failed => {
                let failure = match failed {
                    Ok(Err(error)) => error.to_string(),
                    Err(error) => error.to_string(),
                    Ok(Ok(())) => String::new(),
                };
                if self.warned.is_none_or(|warned| warned.elapsed() >= WARN_INTERVAL) {
                    self.warned = Some(Instant::now());
                    warn!(job = %row.id, failure, "the job's progress could not be stored");
                }
            }
        }
        self.under_way = None;
    }
}

impl Drop for ProgressWriter {
    /// A write that the store has accepted completes. Any other is too late and is aborted.
    fn drop(&mut self) {
        if let Some((_, write)) = self.under_way.take() {
            write.abort();
        }
    }
}
