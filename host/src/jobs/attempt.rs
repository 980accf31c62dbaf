//! One attempt: capabilities are made from the payload, the guest runs, and what ends it first wins: its own end, a
//! limit, or the host's stop.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::JobParts;
use super::cancel::RunningEntry;
use super::granted::{Granted, Refused};
use super::lifecycle::Ending;
use super::payload::Payload;
use super::spool::Spool;
use super::staging::{stage, sweep};
use crate::access::Denial;
use crate::capabilities::job_log::truncated;
use crate::capabilities::{
    Capabilities, CapabilityLimits, JobLog, LimitsMet, ObjectLimits, Objects, Progress, Queries, RecordLimits, Records,
    Rejects, UsageMeter,
};
use crate::plugins::PluginOperation;
use crate::records::StoreError;
use crate::records::jobs::{JobRow, Lease, LimitReached, Usage};
use crate::sandbox::{Failure, FailureKind, Outcome, RunEnd, RunRequest};

/// How often a running job's progress is stored.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);
/// What is kept of the job's log in an error's detail.
const ERROR_LOG_BYTES: usize = 8 * 1024;

pub enum AttemptEnd {
    Ended(Box<JobRow>, Ending),
    /// The host is stopping.
    Interrupted(Box<JobRow>),
}

pub async fn run_attempt(
    parts: &JobParts,
    spool: &Spool,
    row: JobRow,
    operation: Option<Arc<PluginOperation>>,
    running: &RunningEntry,
    stop: &CancellationToken,
    cancel_grace: Duration,
) -> Result<AttemptEnd, StoreError> {
    let mut row = row;
    let Some(operation) = operation else {
        let message = format!("No plugin in service brings the operation '{}' any more", row.operation);
        return Ok(failed(row, message, "plugin_missing"));
    };
    let Some(user) = parts.access.user(&row.user).filter(|user| user.active) else {
        let message = format!("The user '{}' who started this job does not exist any more or is inactive", row.user);
        return Ok(failed(row, message, "user_missing"));
    };
    let Some((payload, checkpoint)) = parts.store.job_payload(row.id).await? else {
        return Ok(failed(row, "The job's payload is gone".to_owned(), "payload_missing"));
    };
    let payload: Payload = match serde_json::from_slice(&payload) {
        Ok(payload) => payload,
        Err(error) => {
            return Ok(failed(row, format!("The job's payload cannot be read: {error}"), "payload_missing"));
        }
    };
    row.plugin = operation.plugin.label();
    row.plugin_digest = operation.plugin.digest.clone();

    let lease = Lease { job: row.id, attempt: row.attempt };
    let granted = Granted::new(parts, &operation.plugin);
    let staged = match stage(parts, spool, row.id, &user.role, &payload, Some(granted)).await {
        Ok(staged) => staged,
        Err(Refused::Object(error)) => return Ok(failed(row, error.message, "source")),
        Err(error @ (Refused::NotAsked(_) | Refused::NotGranted(_))) => {
            return Ok(failed(row, error.to_string(), "not_granted"));
        }
    };
    // What an attempt that was killed has left of its sinks.
    sweep(&staged.targets).await;
    let (usage, limits_met) = (Arc::<UsageMeter>::default(), Arc::<LimitsMet>::default());
    let limits = &parts.guest_limits;
    let records = Records::new(
        Arc::clone(&parts.store),
        lease,
        Arc::new(payload.plan),
        Arc::clone(&user.role),
        RecordLimits { batch: limits.batch, checkpoint_bytes: limits.checkpoint_bytes, met: Arc::clone(&limits_met) },
        row.tally,
        Arc::clone(&usage.checking),
    );
    let (denial, handed_over) = (records.denial(), records.handed_over());
    let (progress, rejects) = (Arc::<Progress>::default(), Arc::new(Rejects::new(limits.rejects)));
    let log = Arc::clone(&running.log);
    let capabilities = Capabilities {
        records,
        queries: Queries::new(
            Arc::clone(&parts.store),
            Arc::clone(&user.role),
            staged.searches,
            parts.search_limits.clone(),
            limits.cursors,
            Arc::clone(&limits_met),
        ),
        objects: Objects::new(
            staged.sources,
            staged.targets.clone(),
            ObjectLimits { readers: limits.readers, writers: limits.writers },
            Arc::clone(&limits_met),
        ),
        progress: Arc::clone(&progress),
        rejects: Arc::clone(&rejects),
        log: Arc::clone(&log),
        usage: Arc::clone(&usage),
    };
    let request =
        RunRequest { operation: row.operation.clone(), request: payload.request, resume: checkpoint, capabilities };

    // A run that goes on from a checkpoint does not look again at what earlier attempts have read.
    let earlier = if request.resume.is_some() { (row.rejected, row.rejects.clone()) } else { (0, Vec::new()) };
    let run = operation.plugin.component.run(request);
    let mut run = Box::pin(run);
    let mut store_progress =
        tokio::time::interval_at(tokio::time::Instant::now() + PROGRESS_INTERVAL, PROGRESS_INTERVAL);
    store_progress.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let cut = loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => break Cut::Stop,
            () = running.cancel.cancelled() => break Cut::Cancel,
            finished = &mut run => break Cut::Not(finished),
            _ = store_progress.tick() => {
                let latest = progress.latest();
                if latest != row.progress {
                    row.progress = latest;
                    add_rejects(&mut row, &earlier, &rejects, limits.rejects);
                    row = parts.store.update_job(row, lease.attempt).await?;
                }
            }
        }
    };
    let (finished, cancelled) = match cut {
        Cut::Not(finished) => (Some(finished), false),
        Cut::Stop => {
            progress.cancel();
            (None, false)
        }
        Cut::Cancel => {
            progress.cancel();
            // A guest that looks returns by itself and leaves things tidy; one that does not is dropped.
            (tokio::time::timeout(cancel_grace, &mut run).await.ok(), true)
        }
    };
    drop(run);
    handed_over.close();
    handed_over.wait().await;
    // A sink that was finished has nothing to sweep; any other must not outlive the attempt.
    sweep(&staged.targets).await;
    add_rejects(&mut row, &earlier, &rejects, limits.rejects);
    row.progress = progress.latest();
    row.usage = added(row.usage, &usage);
    note_overflows(&limits_met, &row, &log, limits);
    let finished = finished.map(|end| cut_message(end, limits.message_bytes, &limits_met));
    row.limits_met = limits_met.all();
    let Some(end) = finished else {
        return Ok(match cancelled {
            true => AttemptEnd::Ended(Box::new(row), Ending::Cancelled),
            false => AttemptEnd::Interrupted(Box::new(row)),
        });
    };
    let denial = denial.lock().unwrap_or_else(PoisonError::into_inner).take();
    let ending = match ending(end, denial, &log, limits.result_bytes) {
        // The work may have been done before the guest looked: then that is what the row says.
        Ending::Failed { .. } if cancelled => Ending::Cancelled,
        ending => ending,
    };
    Ok(AttemptEnd::Ended(Box::new(row), ending))
}

/// How the wait for a guest ended.
enum Cut {
    Not(RunEnd),
    Stop,
    Cancel,
}

/// The rejects of earlier attempts and of this one.
fn add_rejects(row: &mut JobRow, earlier: &(u64, Vec<Value>), rejects: &Rejects, most: usize) {
    let (count, kept) = rejects.summary();
    row.rejected = earlier.0.saturating_add(count);
    row.rejects = earlier.1.iter().cloned().chain(kept).take(most).collect();
}

/// What was kept only in part, because there was too much of it.
fn note_overflows(limits_met: &LimitsMet, row: &JobRow, log: &JobLog, limits: &CapabilityLimits) {
    if let Some((bytes, lines)) = log.overflow() {
        limits_met.note(LimitReached::new("sandbox.log_bytes", limits.log_bytes, bytes), lines);
    }
    let surplus = row.rejected.saturating_sub(limits.rejects as u64);
    if surplus > 0 {
        limits_met.note(LimitReached::new("sandbox.rejects", limits.rejects, row.rejected), surplus);
    }
}

/// The end with a message that fits into a row.
fn cut_message(end: RunEnd, most: usize, limits_met: &LimitsMet) -> RunEnd {
    let cut = |message: String| {
        if message.len() <= most {
            return message;
        }
        limits_met.note(LimitReached::new("sandbox.message_bytes", most, message.len() as u64), 1);
        truncated(&message, most).to_owned()
    };
    match end {
        RunEnd::Returned(Ok(outcome)) => RunEnd::Returned(Ok(Outcome { message: outcome.message.map(cut), ..outcome })),
        RunEnd::Returned(Err(failure)) => RunEnd::Returned(Err(Failure { message: cut(failure.message), ..failure })),
        RunEnd::Crashed(crash) => RunEnd::Crashed(crash),
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

fn ending(end: RunEnd, denial: Option<Denial>, log: &JobLog, result_bytes: usize) -> Ending {
    match end {
        RunEnd::Returned(Ok(outcome)) => completed(outcome, result_bytes),
        RunEnd::Returned(Err(failure)) => Ending::Failed {
            message: denial_message(&failure, denial).unwrap_or(Value::String(failure.message)),
            error: json!({"kind": failure.kind, "retryable": failure.retryable}),
        },
        RunEnd::Crashed(crash) => {
            let (tail, dropped) = log.tail(ERROR_LOG_BYTES);
            let error = json!({
                "kind": crash.kind,
                "limit": crash.limit,
                "backtrace": crash.backtrace,
                "log_tail": tail,
                "log_lines_dropped": dropped,
            });
            Ending::Failed { message: Value::String(crash.message), error }
        }
    }
}

/// A job that was denied says so in the shape that clients know from Harper, not in the guest's words.
fn denial_message(failure: &Failure, denial: Option<Denial>) -> Option<Value> {
    match (failure.kind, denial) {
        (FailureKind::Denied, Some(denial)) => serde_json::to_value(denial).ok(),
        _ => None,
    }
}

fn completed(outcome: Outcome, result_bytes: usize) -> Ending {
    let unfit = |why: String| Ending::Failed {
        message: Value::String(format!("The plugin did its work but returned a result that cannot be stored: {why}")),
        error: json!({"kind": "contract"}),
    };
    let result = match outcome.result {
        None => None,
        Some(text) if text.len() > result_bytes => {
            let key = "sandbox.result_bytes";
            let message = format!(
                "The plugin did its work but returned a result of {} bytes; the limit is {result_bytes} ({key})",
                text.len()
            );
            let limit = LimitReached::new(key, result_bytes, text.len() as u64);
            let error = json!({"kind": "limit", "limit": limit});
            return Ending::Failed { message: Value::String(message), error };
        }
        Some(text) => match crate::json::value(&text) {
            Ok(value) => Some(value),
            Err(error) => return unfit(error.to_string()),
        },
    };
    Ending::Complete { message: outcome.message, result }
}

fn failed(row: JobRow, message: String, kind: &str) -> AttemptEnd {
    AttemptEnd::Ended(Box::new(row), Ending::Failed { message: Value::String(message), error: json!({"kind": kind}) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_that_is_not_json_fails_the_job() {
        let outcome = Outcome { message: None, result: Some("{".to_owned()) };
        assert!(matches!(completed(outcome, 10), Ending::Failed { .. }));
        let outcome = Outcome { message: None, result: Some("{\"a\":1}".to_owned()) };
        assert_eq!(completed(outcome.clone(), 7), Ending::Complete { message: None, result: Some(json!({"a": 1})) });
        let Ending::Failed { message, error } = completed(outcome, 6) else { panic!("a result that is too large") };
        assert!(message.to_string().contains("7 bytes; the limit is 6 (sandbox.result_bytes)"), "{message}");
        assert_eq!(error["limit"]["reached"], 7);
    }

    #[test]
    fn a_denial_is_told_in_the_known_shape_only_for_denied() {
        let failure = |kind| Failure { kind, message: "no".to_owned(), retryable: false };
        let denial = Denial::super_user_only("x");
        assert!(denial_message(&failure(FailureKind::Denied), Some(denial)).unwrap().is_object());
        assert!(denial_message(&failure(FailureKind::Internal), Some(Denial::super_user_only("x"))).is_none());
    }
}
