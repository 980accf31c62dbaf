//! Waits for a guest.

use std::sync::Arc;
use std::time::Duration;

use super::Attempt;
use crate::progress::ProgressWriter;
use crate::rejects::AllRejects;
use jobhost_capabilities::Ledger;
use jobhost_contract::{CapabilityError, Failure, FailureKind};
use jobhost_model::jobs::JobRow;
use jobhost_sandbox::RunEnd;

/// How the wait ended.
enum Wake {
    Finished(RunEnd),
    Shutdown,
    Cancelled,
}

/// How the guest ended.
pub(super) struct GuestEnd {
    /// `None` if the guest was dropped.
    pub returned: Option<RunEnd>,
    /// A client requested the job's cancellation.
    pub cancelled: bool,
}

impl GuestEnd {
    /// Turns a success into a failure if some of the guest's writes were lost.
    pub(super) fn unless_lost(self, settled: Result<(), CapabilityError>) -> Self {
        match (self.returned, settled) {
            (Some(RunEnd::Returned(Ok(_))), Err(error)) => {
                let failure = Failure { kind: FailureKind::Unavailable, message: error.message, retryable: true };
                GuestEnd { returned: Some(RunEnd::Returned(Err(failure))), ..self }
            }
            (returned, _) => GuestEnd { returned, ..self },
        }
    }
}

impl Attempt<'_> {
    /// Runs the guest until it returns, or drops it. Stores its progress in the meantime.
    pub(super) async fn guest_end(
        &self,
        run: impl Future<Output = RunEnd>,
        row: &JobRow,
        ledger: &Arc<Ledger>,
        rejects: &Arc<AllRejects>,
    ) -> GuestEnd {
        let mut run = std::pin::pin!(run);
        let mut writer =
            ProgressWriter::new(Arc::clone(&self.parts.store), Arc::clone(ledger), Arc::clone(rejects), row);
        let interval: Duration = self.rules.progress_interval;
        let mut store_progress = tokio::time::interval_at(tokio::time::Instant::now() + interval, interval);
        store_progress.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let wake = loop {
            tokio::select! {
                biased;
                () = self.rules.retry.stop.cancelled() => break Wake::Shutdown,
                () = self.running.cancel.cancelled() => break Wake::Cancelled,
                finished = &mut run => break Wake::Finished(finished),
                _ = store_progress.tick() => writer.tick(row),
            }
        };
        drop(writer);
        match wake {
            Wake::Finished(end) => GuestEnd { returned: Some(end), cancelled: false },
            Wake::Shutdown => {
                ledger.progress.cancel();
                GuestEnd { returned: None, cancelled: false }
            }
            Wake::Cancelled => {
                ledger.progress.cancel();
                // A guest that checks for cancellation returns and cleans up; any other is dropped after the grace
                // period.
                let returned = tokio::time::timeout(self.rules.cancel_grace, &mut run).await.ok();
                GuestEnd { returned, cancelled: true }
            }
        }
    }
}
