//! Runs an operation whose client waits for the outcome. There is no row, no queue and no write: when the client leaves or
//! the host stops, nothing is left to do.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};
use tracing::debug;
use uuid::Uuid;

use super::ending::ending;
use super::error::SubmitError;
use super::guest_run::{Charges, GuestRun};
use super::lifecycle::Ending;
use super::payload::{Inline, Payload};
use super::planning::Planned;
use super::request::JobRequest;
use super::resolve::Purpose;
use super::spool::Spool;
use super::staging::Staging;
use super::{Jobs, urls};
use jobhost_access::User;
use jobhost_capabilities::Ledger;
use jobhost_contract::{Failure, FailureKind, OperationReply};
use jobhost_model::Limit;
use jobhost_model::jobs::{Lease, Tally};
use jobhost_model::plain_text::truncated;
use jobhost_registry::PluginOperation;
use jobhost_sandbox::{CrashKind, JobLog, RunEnd, RunRequest, SandboxLimits};

/// A download ends after this much, decoded: what a client waits for is in the first part.
const MAX_DOWNLOAD_BYTES: u64 = 8 << 20;

impl Jobs {
    /// Whether a client of this operation waits for its outcome.
    pub fn answers(&self, operation: &str) -> bool {
        let found = self.parts.plugins.operation(operation);
        found.is_some_and(|found| found.operation.reply == OperationReply::Outcome)
    }

    /// Runs the operation and returns its result.
    pub async fn answer(&self, user: &User, operation: &str, request: JobRequest) -> Result<Value, SubmitError> {
        let found = self.permitted(user, operation)?;
        let account = request.account.clone();
        let held = request.held.clone();
        // As for searches: users take turns.
        let slot = account.budgets.searches.take(&account.owner).await?;
        let Planned { mut request, mut plan, inline, mut secrets } =
            self.planned(user, &found, operation, request).await?;
        urls::hide(&mut plan, &mut request, &mut secrets);
        let run = Uuid::new_v4();
        self.spool.charge(run, &account.owner, 0)?;
        let spooled = Spooled { spool: self.spool.clone(), run: Some(run) };
        let sealed = match secrets.is_empty() {
            true => None,
            false => {
                Some(self.parts.sealer.seal(&secrets).map_err(|error| SubmitError::Unavailable(error.to_string()))?)
            }
        };
        let inline = inline.map(text).transpose()?;
        let payload = Payload { request: request.to_string(), plan, inline, sealed };
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
        let staging = Staging { parts, spool: &self.spool, job: run, role: &user.role, payload: &payload };
        let staged = staging.stage_first(Purpose::Run(&found.plugin), MAX_DOWNLOAD_BYTES).await?;
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
            RunEnd::Returned(Ok(_)) => match ending(end, None, &log, &parts.guest_limits.result_bytes) {
                Ending::Complete { result, .. } => Ok(result.unwrap_or_else(|| json!({}))),
                Ending::Failed { message, .. } => Err(fault(found, message.as_str().unwrap_or_default())),
                Ending::Cancelled => Err(fault(found, "it was cancelled")),
            },
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

/// Removes the files of a run, also if its client leaves.
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

/// `quoted` is a JSON string.
fn text(quoted: Bytes) -> Result<Inline, SubmitError> {
    serde_json::from_slice(&quoted)
        .map(Inline::Text)
        .map_err(|error| SubmitError::Refused(format!("The request's data cannot be read: {error}")))
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
