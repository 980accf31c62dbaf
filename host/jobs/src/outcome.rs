//! Runs an operation whose client waits for the outcome. It has no row, waits in no queue and writes nothing: when
//! the client disconnects or the host stops, nothing is left to do.

use std::sync::Arc;

use serde_json::{Value, json};
use tracing::debug;
use uuid::Uuid;

use super::Jobs;
use super::ending::result_of;
use super::error::SubmitError;
use super::guest_run::{Charges, GuestRun};
use super::payload::Payload;
use super::request::JobRequest;
use super::resolve::Purpose;
use super::spool::Spool;
use super::staging::Staging;
use jobhost_access::User;
use jobhost_capabilities::Ledger;
use jobhost_contract::{Failure, FailureKind};
use jobhost_model::Limit;
use jobhost_model::jobs::{Lease, Tally};
use jobhost_model::plain_text::truncated;
use jobhost_registry::PluginOperation;
use jobhost_sandbox::{CrashKind, JobLog, RunEnd, RunRequest, SandboxLimits};

/// A download ends after this much, decoded: what a client waits for is in the first part.
const MAX_DOWNLOAD_BYTES: u64 = 8 << 20;

impl Jobs {
    /// Runs the operation and returns its result.
    pub async fn answer(&self, user: &User, operation: &str, request: JobRequest) -> Result<Value, SubmitError> {
        let found = self.permitted(user, operation)?;
        let account = request.account.clone();
        let held = request.held.clone();
        // As for searches: users take turns.
        let slot = account.budgets.searches.take(&account.owner).await?;
        let planned = self.planned(user, &found, operation, request).await?;
        let run = Uuid::new_v4();
        let spooled = Spooled { spool: self.spool.clone(), run: Some(run) };
        let payload = self.payload(run, planned, &account.owner).await?;
        let outcome = self.outcome(user, &found, operation, run, payload).await;
        spooled.remove().await;
        drop((slot, held));
        outcome
    }

    async fn outcome(
        &self,
        user: &User,
        found: &Arc<PluginOperation>,
        operation: &str,
        run: Uuid,
        payload: Payload,
    ) -> Result<Value, SubmitError> {
        let parts = &self.parts;
        let staging = Staging {
            parts,
            spool: &self.spool,
            job: run,
            role: &user.role,
            payload: &payload,
            first_bytes: Some(MAX_DOWNLOAD_BYTES),
        };
        let staged = staging.stage(Purpose::Run(&found.plugin)).await?;
        let (log, ledger) = (Arc::new(JobLog::default()), Arc::new(Ledger::new(parts.guest_limits.rejects.size())));
        let charges = Charges::new(parts, &user.username)?;
        let guest = GuestRun {
            parts,
            user,
            operation,
            lease: Lease { job: run, attempt: 0 },
            tally: Tally::default(),
            log: &log,
            ledger: &ledger,
        };
        let request = guest.request(payload, staged, None, charges);
        let end = self.run(found, request).await?;
        debug!(operation, plugin = %found.plugin.label(), log = %log.tail(1024).0, "answered");
        match end {
            RunEnd::Returned(Ok(outcome)) => result_of(outcome.result, &parts.guest_limits.result_bytes)
                .map(|result| result.unwrap_or_else(|| json!({})))
                .map_err(|unfit| SubmitError::plugin(found.plugin.label(), unfit.message)),
            RunEnd::Returned(Err(failure)) => Err(match ledger.take_denial() {
                Some(denial) if failure.kind == FailureKind::Denied => SubmitError::Denied(denial),
                _ => of_failure(found, failure, &parts.guest_limits.message_bytes),
            }),
            RunEnd::Crashed(crash) => Err(match (crash.exhausted, crash.kind) {
                (Some(exhausted), _) => SubmitError::Exhausted(*exhausted),
                (None, CrashKind::Limit) => SubmitError::Refused(crash.message),
                (None, _) => fault(found, &crash.message),
            }),
        }
    }

    /// Guests run on other threads than those that answer requests.
    async fn run(&self, found: &Arc<PluginOperation>, request: RunRequest) -> Result<RunEnd, SubmitError> {
        let limits = found.plugin.component.limits();
        let outcome = &self.parts.guest_limits.outcome;
        let shorter = |limit: &Limit| if limit.time() < outcome.time() { limit.clone() } else { outcome.clone() };
        let limits = SandboxLimits { wall: shorter(&limits.wall), cpu: shorter(&limits.cpu), ..limits.clone() };
        let component = found.plugin.component.clone().with_limits(limits);
        let running =
            tokio_util::task::AbortOnDropHandle::new(self.runtime.spawn(async move { component.run(request).await }));
        tokio::select! {
            end = running => end.map_err(|error| SubmitError::Unavailable(error.to_string())),
            () = self.stop.cancelled() => Err(SubmitError::Unavailable("The host is stopping.".to_owned())),
        }
    }
}

/// Removes the files of a run, also if its client disconnects.
struct Spooled {
    spool: Spool,
    /// `None` once they are removed.
    run: Option<Uuid>,
}

impl Spooled {
    async fn remove(mut self) {
        if let Some(run) = self.run {
            self.spool.forget(run).await;
            self.run = None;
        }
    }
}

impl Drop for Spooled {
    fn drop(&mut self) {
        if let Some(run) = self.run {
            let spool = self.spool.clone();
            tokio::spawn(async move { spool.forget(run).await });
        }
    }
}

fn of_failure(found: &PluginOperation, failure: Failure, most: &Limit) -> SubmitError {
    let message = truncated(&failure.message, most.size()).to_owned();
    match failure.kind {
        FailureKind::InvalidInput | FailureKind::Denied => SubmitError::Refused(message),
        FailureKind::Unavailable | FailureKind::Interrupted => SubmitError::Unavailable(message),
        FailureKind::Internal => fault(found, &message),
    }
}

fn fault(found: &PluginOperation, why: &str) -> SubmitError {
    let label = found.plugin.label();
    let message = format!("The plugin {label} failed: {why}");
    SubmitError::plugin(label, message)
}
