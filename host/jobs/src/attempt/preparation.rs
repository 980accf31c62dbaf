//! Prepares an attempt before its guest runs: the payload, the user's current role, what the plan names, and memory.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Again, Attempt, AttemptEnd, EndedAttempt};
use crate::granted::Refused;
use crate::guest_run::{Charges, GuestRun};
use crate::lifecycle::Ending;
use crate::payload::Payload;
use crate::rejects::{self, AllRejects};
use crate::resolve::Purpose;
use crate::staging::{Staging, sweep};
use jobhost_capabilities::Ledger;
use jobhost_model::jobs::{JobRow, Lease};
use jobhost_objects::Target;
use jobhost_registry::PluginOperation;
use jobhost_sandbox::RunRequest;
use jobhost_store::StoreError;

/// An attempt that is ready to run.
pub(super) struct Prepared {
    pub row: JobRow,
    pub operation: Arc<PluginOperation>,
    pub request: RunRequest,
    pub targets: Vec<Target>,
    pub ledger: Arc<Ledger>,
    pub rejects: Arc<AllRejects>,
}

impl Attempt<'_> {
    /// Returns the attempt, ready to run, or how it ends without running a guest.
    pub(super) async fn prepare(
        &self,
        mut row: JobRow,
        operation: Option<Arc<PluginOperation>>,
    ) -> Result<Prepared, AttemptEnd> {
        let Some(operation) = operation else {
            let message = format!("No plugin in service provides the operation '{}' any more", row.operation);
            return Err(failed(row, message, "plugin_missing"));
        };
        let Some(user) = self.parts.access.user(&row.user).filter(|user| user.active) else {
            let message =
                format!("The user '{}' who started this job does not exist any more or is inactive", row.user);
            return Err(failed(row, message, "user_missing"));
        };
        let (payload, checkpoint) = match self.payload(&row).await {
            Ok(found) => found,
            Err(missing) => return Err(missing.ending(row)),
        };
        let earlier = match self.earlier_rejects(&row, checkpoint.is_some()).await {
            Ok(earlier) => earlier,
            Err(failure) => return Err(unbegun(row, failure)),
        };
        row.rejects = Vec::new();
        if checkpoint.is_none() {
            row.warnings = Vec::new();
        }
        row.plugin = operation.plugin.label();
        row.plugin_digest = operation.plugin.digest.clone();

        let staging = Staging {
            parts: self.parts,
            spool: self.spool,
            job: row.id,
            role: &user.role,
            payload: &payload,
            first_bytes: None,
        };
        let staged = match staging.stage(Purpose::Run(&operation.plugin)).await {
            Ok(staged) => staged,
            Err(refused @ (Refused::NotAsked(_) | Refused::NotGranted(_))) => {
                return Err(failed(row, refused.to_string(), "not_granted"));
            }
            Err(refused) => return Err(failed(row, refused.to_string(), "source")),
        };
        // An attempt that was killed may have left unfinished sinks.
        sweep(&staged.targets).await;
        if self.running.cancel.is_cancelled() {
            return Err(ended(row, Ending::Cancelled));
        }
        let charges = match Charges::new(self.parts, &row.user) {
            Ok(charges) => charges,
            Err(exhausted) => {
                let again = Again { why: exhausted.to_string(), lasting: false };
                return Err(AttemptEnd::Again(Box::new(row), again, None));
            }
        };
        let ledger = Arc::new(Ledger::new(self.parts.guest_limits.rejects.size()));
        let rejects = Arc::new(AllRejects::new(earlier, Arc::clone(&ledger), self.parts.guest_limits.rejects.size()));
        let targets = staged.targets.clone();
        let run = GuestRun {
            parts: self.parts,
            user: &user,
            operation: &row.operation,
            lease: Lease { job: row.id, attempt: row.attempt },
            tally: row.tally,
            log: &self.running.log,
            ledger: &ledger,
        };
        let request = run.request(payload, staged, checkpoint, charges);
        Ok(Prepared { row, operation, request, targets, ledger, rejects })
    }

    async fn payload(&self, row: &JobRow) -> Result<(Payload, Option<Vec<u8>>), Missing> {
        let store = self.parts.store.as_ref();
        let stored = self.rules.retry.within_patience("read payload", || store.job_payload(row.id)).await;
        let (payload, checkpoint) = stored.map_err(Missing::Store)?.ok_or(Missing::Gone)?;
        let payload = serde_json::from_slice(&payload).map_err(Missing::Unreadable)?;
        Ok((payload, checkpoint))
    }

    /// An attempt that resumes from a checkpoint does not read the earlier input again, so earlier rejected records
    /// are kept.
    async fn earlier_rejects(&self, row: &JobRow, resumes: bool) -> Result<(u64, Vec<Value>), StoreError> {
        if !resumes || row.rejected == 0 {
            return Ok((0, Vec::new()));
        }
        let store = self.parts.store.as_ref();
        let stored = self.rules.retry.within_patience("read rejects", || rejects::stored(store, row)).await?;
        Ok((row.rejected, stored))
    }
}

/// Why the payload is missing.
enum Missing {
    Store(StoreError),
    Gone,
    Unreadable(serde_json::Error),
}

impl Missing {
    fn ending(self, row: JobRow) -> AttemptEnd {
        match self {
            Missing::Store(failure) => unbegun(row, failure),
            Missing::Gone => failed(row, "The job's payload is missing".to_owned(), "payload_missing"),
            Missing::Unreadable(error) => {
                failed(row, format!("The job's payload cannot be read: {error}"), "payload_missing")
            }
        }
    }
}

fn ended(row: JobRow, ending: Ending) -> AttemptEnd {
    let ended = EndedAttempt { row, ending, rejects: None, last_group: None, publishes: false, may_try_again: false };
    AttemptEnd::Ended(Box::new(ended))
}

fn failed(row: JobRow, message: String, kind: &str) -> AttemptEnd {
    ended(row, Ending::Failed { message: Value::String(message), error: json!({"kind": kind}) })
}

/// The store failed before the guest ran.
fn unbegun(row: JobRow, failure: StoreError) -> AttemptEnd {
    AttemptEnd::Again(Box::new(row), Again { why: failure.message, lasting: true }, None)
}
