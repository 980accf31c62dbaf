//! Retries calls of the store while their failure is transient.

use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use jobhost_store::StoreError;

/// How long the host waits for a failing store.
#[derive(Debug, Clone, Copy)]
pub struct Backoff {
    /// The wait before the first retry.
    pub first: Duration,
    /// Each wait is twice the previous one, up to this maximum.
    pub most: Duration,
    /// A call that fails for this long is given up, and its job waits in the queue.
    pub patience: Duration,
    /// How long a worker waits for a final row to be stored before it takes another job.
    pub hold: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Backoff {
            first: Duration::from_millis(50),
            most: Duration::from_secs(5),
            patience: Duration::from_secs(30),
            hold: Duration::from_secs(2),
        }
    }
}

impl Backoff {
    /// The wait after this many consecutive failures.
    pub fn after(&self, failures: u32) -> Duration {
        self.first.saturating_mul(1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX)).min(self.most)
    }
}

/// Retries calls of the store on behalf of jobs.
#[derive(Debug, Clone)]
pub(super) struct Retry {
    pub backoff: Backoff,
    /// Ends all waits when the host stops. Each call is then tried once more.
    pub stop: CancellationToken,
}

impl Retry {
    /// Returns the last failure if it is permanent, outlasts the host's patience, or the host stops.
    pub async fn within_patience<T, F>(&self, what: &'static str, call: impl FnMut() -> F) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        self.until(Some(Instant::now() + self.backoff.patience), what, call).await
    }

    /// Like [`Retry::within_patience`], but retries for as long as the host runs.
    pub async fn while_running<T, F>(&self, what: &'static str, call: impl FnMut() -> F) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        self.until(None, what, call).await
    }

    async fn until<T, F>(
        &self,
        deadline: Option<Instant>,
        what: &'static str,
        mut call: impl FnMut() -> F,
    ) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let mut failures = 0_u32;
        loop {
            let stopping = self.stop.is_cancelled();
            let error = match call().await {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            failures = failures.saturating_add(1);
            let late = deadline.is_some_and(|deadline| Instant::now() >= deadline);
            if !error.kind.may_pass() || stopping || late {
                return Err(error);
            }
            // Logs the 1st, 2nd, 4th, 8th … of consecutive failures.
            if failures.is_power_of_two() {
                warn!(what, failures, %error, "the store failed; retrying the call");
            }
            tokio::select! {
                biased;
                () = self.stop.cancelled() => {}
                () = tokio::time::sleep(self.backoff.after(failures)) => {}
            }
        }
    }
}
