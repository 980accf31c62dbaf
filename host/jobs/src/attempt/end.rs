//! Determines how an attempt ends from how its guest ended.

use std::sync::Arc;
use std::time::Duration;

use super::run::GuestEnd;
use super::{Again, Attempt, AttemptEnd, EndedAttempt};
use crate::ending::{cut_message, ending, note_overflows};
use crate::lifecycle::Ending;
use crate::rejects::AllRejects;
use jobhost_capabilities::{LastGroup, Ledger};
use jobhost_model::jobs::{JobRow, Usage};
use jobhost_registry::PluginOperation;
use jobhost_sandbox::{CrashKind, RunEnd, UsageMeter};
use jobhost_store::Visibility;

impl Attempt<'_> {
    /// Writes the attempt's usage, counts and messages into the row, however the attempt ended.
    pub(super) fn record(&self, row: &mut JobRow, ledger: &Ledger, rejects: &AllRejects) {
        row.rejected = rejects.count();
        // Until now those of the attempts that this one goes on from.
        row.warnings = ledger.warnings.after(&row.warnings);
        row.progress = ledger.progress.latest();
        row.usage = added(row.usage, &ledger.usage);
        note_overflows(&ledger.limits_met, row, &self.running.log, &self.parts.guest_limits);
    }

    pub(super) fn conclusion(
        &self,
        mut row: JobRow,
        operation: &PluginOperation,
        end: GuestEnd,
        ledger: &Ledger,
        rejects: Option<Arc<AllRejects>>,
    ) -> AttemptEnd {
        let limits = &self.parts.guest_limits;
        let GuestEnd { returned, cancelled } = end;
        let returned = returned.map(|end| cut_message(end, &limits.message_bytes, &ledger.limits_met));
        row.limits_met = ledger.limits_met.all();
        let ended = |row, ending, last_group: Option<LastGroup>| {
            let is_complete = matches!(ending, Ending::Complete { .. });
            let keeps = |last: &LastGroup| is_complete || last.group.visibility == Visibility::Immediate;
            let may_try_again = self.may_fail && operation.operation.resumable && !cancelled;
            AttemptEnd::Ended(Box::new(EndedAttempt {
                row,
                ending,
                rejects: rejects.clone(),
                last_group: last_group.filter(keeps),
                publishes: is_complete && ledger.has_unpublished(),
                may_try_again,
            }))
        };
        let end = match returned {
            Some(end) => end,
            None if cancelled => return ended(row, Ending::Cancelled, None),
            None => return AttemptEnd::Interrupted(Box::new(row), rejects),
        };
        if let Some(again) = self.again(&end, operation, ledger).filter(|_| !cancelled) {
            return AttemptEnd::Again(Box::new(row), again, rejects);
        }
        // The last commit group counts only if the guest reports success.
        let did_its_work = matches!(&end, RunEnd::Returned(Ok(_)));
        let last_group = ledger.take_last_group().filter(|_| did_its_work);
        match ending(end, ledger.take_denial(), &self.running.log, &limits.result_bytes) {
            // The guest may have finished its work before it noticed the cancel request. Then the row says so.
            Ending::Failed { .. } if cancelled => ended(row, Ending::Cancelled, None),
            ending => ended(row, ending, last_group),
        }
    }

    /// Returns a reason to run the job again if the failure was not its own.
    fn again(&self, end: &RunEnd, operation: &PluginOperation, ledger: &Ledger) -> Option<Again> {
        if let RunEnd::Crashed(crash) = end
            && let Some(exhausted) = &crash.exhausted
        {
            // Other jobs currently hold the resources it needs.
            return Some(Again { why: exhausted.to_string(), lasting: false });
        }
        let failure = ledger.store_failure.noted()?;
        let again = self.may_fail && gave_up(end) && operation.operation.resumable;
        again.then_some(Again { why: failure.message, lasting: false })
    }
}

/// Returns whether a failing store may have caused this end. A limit reached is the guest's own failure.
fn gave_up(end: &RunEnd) -> bool {
    match end {
        RunEnd::Returned(returned) => returned.is_err(),
        RunEnd::Crashed(crash) => crash.kind == CrashKind::Trap,
    }
}

fn added(so_far: Usage, run: &UsageMeter) -> Usage {
    let microseconds = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    Usage {
        cpu_microseconds: so_far.cpu_microseconds.saturating_add(microseconds(run.cpu.used())),
        checking_microseconds: so_far.checking_microseconds.saturating_add(microseconds(run.checking.used())),
        memory_peak_bytes: so_far.memory_peak_bytes.max(run.memory_peak()),
        bytes_in: so_far.bytes_in.saturating_add(run.bytes_in()),
        bytes_out: so_far.bytes_out.saturating_add(run.bytes_out()),
        host_calls: so_far.host_calls.saturating_add(run.host_calls()),
    }
}
