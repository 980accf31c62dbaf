//! Converts how a guest ended into how its job ends: the message, error and counts of the row, each within its limit.

use serde_json::{Value, json};

use super::lifecycle::Ending;
use jobhost_access::Denial;
use jobhost_capabilities::{CapabilityLimits, LimitsMet};
use jobhost_contract::{Failure, FailureKind, Message, Outcome};
use jobhost_model::Limit;
use jobhost_model::jobs::JobRow;
use jobhost_model::plain_text::truncated;
use jobhost_sandbox::{JobLog, RunEnd};

/// How much of the job's log is kept in an error's detail.
const ERROR_LOG_BYTES: usize = 8 * 1024;

/// Notes in the row which outputs were truncated.
pub(super) fn note_overflows(limits_met: &LimitsMet, row: &JobRow, log: &JobLog, limits: &CapabilityLimits) {
    if let Some((bytes, lines)) = log.overflow() {
        limits_met.note(limits.log_bytes.reached(bytes), lines);
    }
    let surplus = row.rejected.saturating_sub(limits.rejects.value());
    if surplus > 0 {
        limits_met.note(limits.rejects.reached(row.rejected), surplus);
    }
}

/// Truncates the message so that it fits into a row.
pub(super) fn cut_message(end: RunEnd, limit: &Limit, limits_met: &LimitsMet) -> RunEnd {
    let cut = |message: String| {
        if message.len() <= limit.size() {
            return message;
        }
        limits_met.note(limit.reached(message.len() as u64), 1);
        truncated(&message, limit.size()).to_owned()
    };
    let cut_outcome = |message| match message {
        Message::Text(sentence) => Message::Text(cut(sentence)),
        Message::Loaded => Message::Loaded,
    };
    match end {
        RunEnd::Returned(Ok(outcome)) => {
            RunEnd::Returned(Ok(Outcome { message: outcome.message.map(cut_outcome), ..outcome }))
        }
        RunEnd::Returned(Err(failure)) => RunEnd::Returned(Err(Failure { message: cut(failure.message), ..failure })),
        RunEnd::Crashed(crash) => RunEnd::Crashed(crash),
    }
}

pub(super) fn ending(end: RunEnd, denial: Option<Denial>, log: &JobLog, result_bytes: &Limit) -> Ending {
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

/// A denied job reports the error in the format that Harper's clients know, not in the guest's words.
fn denial_message(failure: &Failure, denial: Option<Denial>) -> Option<Value> {
    match (failure.kind, denial) {
        (FailureKind::Denied, Some(denial)) => serde_json::to_value(denial).ok(),
        _ => None,
    }
}

fn completed(outcome: Outcome, limit: &Limit) -> Ending {
    match result_of(outcome.result, limit) {
        Ok(result) => Ending::Complete { message: outcome.message, result },
        Err(UnfitResult { message, error }) => Ending::Failed { message: Value::String(message), error },
    }
}

/// A result that a plugin must not return: it is too large, or not JSON.
pub(super) struct UnfitResult {
    pub message: String,
    /// For the job's row.
    error: Value,
}

/// Parses the result that a plugin returned.
pub(super) fn result_of(result: Option<String>, limit: &Limit) -> Result<Option<Value>, UnfitResult> {
    let Some(text) = result else { return Ok(None) };
    if text.len() > limit.size() {
        let (bytes, most, key) = (text.len(), limit.value(), limit.key());
        let message =
            format!("The plugin finished, but returned a result of {bytes} bytes; the limit is {most} ({key})");
        return Err(UnfitResult { message, error: json!({"kind": "limit", "limit": limit.reached(bytes as u64)}) });
    }
    jobhost_model::json::value(&text).map(Some).map_err(|error| UnfitResult {
        message: format!("The plugin finished, but its result cannot be stored: {error}"),
        error: json!({"kind": "contract"}),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_that_is_not_json_fails_the_job() {
        let outcome = Outcome { message: None, result: Some("{".to_owned()) };
        let limit = |bytes| Limit::new("sandbox.result_bytes", bytes);
        assert!(matches!(completed(outcome, &limit(10)), Ending::Failed { .. }));
        let outcome = Outcome { message: None, result: Some("{\"a\":1}".to_owned()) };
        assert_eq!(
            completed(outcome.clone(), &limit(7)),
            Ending::Complete { message: None, result: Some(json!({"a": 1})) }
        );
        let Ending::Failed { message, error } = completed(outcome, &limit(6)) else {
            panic!("a result that is too large")
        };
        assert!(message.to_string().contains("7 bytes; the limit is 6 (sandbox.result_bytes)"), "{message}");
        assert_eq!(error["limit"]["reached"], 7);
    }

    #[test]
    fn a_denial_has_harpers_format_only_if_the_failure_is_denied() {
        let failure = |kind| Failure { kind, message: "no".to_owned(), retryable: false };
        let denial = Denial::super_user_only("x");
        assert!(denial_message(&failure(FailureKind::Denied), Some(denial)).unwrap().is_object());
        assert!(denial_message(&failure(FailureKind::Internal), Some(Denial::super_user_only("x"))).is_none());
    }
}
