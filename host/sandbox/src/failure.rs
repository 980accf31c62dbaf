//! Why a guest ended without a result: one readable sentence, and details for the plugin's author.

use std::time::Duration;

use serde::Serialize;
use wasmtime::component::ResourceTableError;

use super::limits::{Bound, SandboxLimits};
use jobhost_budget::Exhausted;
use jobhost_model::jobs::LimitReached;
use jobhost_model::plain_text;

/// What ended the guest, for a program to match on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CrashKind {
    /// The guest trapped: a panic, an out-of-bounds access.
    Trap,
    /// The guest reached a limit.
    Limit,
    /// The component does not implement the world, or could not be instantiated.
    Contract,
}

#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct Crash {
    pub kind: CrashKind,
    pub message: String,
    /// The guest's frames, innermost first.
    pub backtrace: Option<String>,
    /// The limit that was reached.
    pub limit: Option<LimitReached>,
    /// The host lacked the resources: a retry may succeed.
    pub exhausted: Option<Box<Exhausted>>,
}

/// Raised when a guest reaches a limit. It passes through the engine and is recovered from the engine's error.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LimitHit {
    #[error("The plugin asked for {asked} bytes of memory; the limit is {} ({})", bound.value, bound.key)]
    Memory { asked: usize, bound: Bound<usize> },
    #[error("The plugin asked for tables of {asked} elements; the limit is {limit} (sandbox.table_elements)")]
    TableElements { asked: usize, limit: usize },
    #[error("The plugin used {used:.1?} of processor time; its limit is {:?} ({})", bound.value, bound.key)]
    Cpu { used: Duration, bound: Bound<Duration> },
    #[error("The plugin ran for {:?}, which is its limit ({})", bound.value, bound.key)]
    Wall { bound: Bound<Duration> },
    #[error("The plugin did not answer within {limit:?} (sandbox.plan_milliseconds)")]
    Plan { limit: Duration },
    #[error("The plugin's call of {call} took longer than {limit:?} (sandbox.host_call_seconds)")]
    HostCall { call: &'static str, limit: Duration },
    /// Not the plugin's fault: others hold what it would have needed.
    #[error(transparent)]
    Exhausted(Exhausted),
}

impl LimitHit {
    fn reached(&self) -> LimitReached {
        let seconds = |time: &Duration| time.as_secs();
        let limit =
            |key: &str, limit: u64, reached: u64| LimitReached { key: key.into(), limit, reached: Some(reached) };
        match self {
            LimitHit::Memory { asked, bound } => limit(&bound.key, bound.value as u64, *asked as u64),
            LimitHit::TableElements { asked, limit: most } => {
                limit("sandbox.table_elements", *most as u64, *asked as u64)
            }
            LimitHit::Cpu { used, bound } => limit(&bound.key, seconds(&bound.value), used.as_secs_f64().ceil() as u64),
            LimitHit::Wall { bound } => limit(&bound.key, seconds(&bound.value), seconds(&bound.value)),
            LimitHit::Plan { limit: most } => {
                let milliseconds = u64::try_from(most.as_millis()).unwrap_or(u64::MAX);
                limit("sandbox.plan_milliseconds", milliseconds, milliseconds)
            }
            LimitHit::HostCall { limit: most, .. } => limit("sandbox.host_call_seconds", seconds(most), seconds(most)),
            LimitHit::Exhausted(exhausted) => LimitReached { key: exhausted.key.into(), limit: 0, reached: None },
        }
    }
}

impl From<LimitHit> for Crash {
    fn from(hit: LimitHit) -> Self {
        let exhausted = match &hit {
            LimitHit::Exhausted(exhausted) => Some(Box::new(exhausted.clone())),
            _ => None,
        };
        Crash { exhausted, ..Crash::limit(hit.reached(), hit.to_string()) }
    }
}

impl Crash {
    pub fn contract(message: String) -> Self {
        // The message may contain names of imports, which the component's author can choose freely.
        let message = plain_text::one_line(&message).into_owned();
        Crash { kind: CrashKind::Contract, message, backtrace: None, limit: None, exhausted: None }
    }

    fn limit(reached: LimitReached, message: String) -> Self {
        Crash { kind: CrashKind::Limit, message, backtrace: None, limit: Some(reached), exhausted: None }
    }

    /// Converts an error of the engine about a guest with these limits.
    pub fn of(error: &wasmtime::Error, limits: &SandboxLimits) -> Self {
        // The component's author can also choose the names of functions freely.
        let backtrace = error.downcast_ref::<wasmtime::WasmBacktrace>();
        let backtrace = backtrace.map(|frames| plain_text::lines(&frames.to_string()).into_owned());
        let crash = match (error.downcast_ref::<LimitHit>(), error.downcast_ref::<wasmtime::Trap>()) {
            (Some(hit), _) => hit.clone().into(),
            (None, Some(wasmtime::Trap::StackOverflow)) => {
                let most = limits.stack_bytes;
                let message =
                    format!("The plugin's recursion went deeper than its stack of {most} bytes (sandbox.stack_bytes)");
                Crash::limit(LimitReached::new("sandbox.stack_bytes", most, None), message)
            }
            (None, Some(trap)) => Crash {
                kind: CrashKind::Trap,
                message: trap_sentence(*trap),
                backtrace: None,
                limit: None,
                exhausted: None,
            },
            (None, None) => by_words(error, limits).unwrap_or_else(|| untyped(error, backtrace.is_some())),
        };
        Crash { backtrace, ..crash }
    }
}

/// Recognizes limits for which the engine has no public error type.
fn by_words(error: &wasmtime::Error, limits: &SandboxLimits) -> Option<Crash> {
    if matches!(error.downcast_ref::<ResourceTableError>(), Some(ResourceTableError::Full)) {
        let most = limits.handles;
        let reached = LimitReached::new("sandbox.handles", most, most as u64 + 1);
        let message = format!("The plugin asked for more than {most} handles (sandbox.handles); drop some first");
        return Some(Crash::limit(reached, message));
    }
    let cause = error.root_cause().to_string();
    if cause.contains("fuel allocated for hostcalls") {
        let most = limits.call_bytes;
        let message = format!("The plugin passed more than {most} bytes in one call (sandbox.call_bytes)");
        return Some(Crash::limit(LimitReached::new("sandbox.call_bytes", most, None), message));
    }
    let (what, count) = cause.strip_prefix("resource limit exceeded: ")?.split_once(" count too high at ")?;
    let (key, most, things) = match what {
        "instance" => ("sandbox.instances", limits.instances, "core instances"),
        "memory" => ("sandbox.memories", limits.memories, "memories"),
        "table" => ("sandbox.tables", limits.tables, "tables"),
        _ => return None,
    };
    let message = format!("The plugin has {count} or more {things}; the limit is {most} ({key})");
    Some(Crash::limit(LimitReached::new(key, most, count.parse::<u64>().ok()), message))
}

/// `was_running` is true if the engine or WASI refused a call of the guest, and false if the guest could not be
/// instantiated.
fn untyped(error: &wasmtime::Error, was_running: bool) -> Crash {
    let cause = error.root_cause().to_string();
    let cause = plain_text::one_line(cause.lines().next().unwrap_or_default());
    if was_running {
        let message = format!("The plugin made an invalid call: {cause}");
        return Crash { kind: CrashKind::Trap, message, backtrace: None, limit: None, exhausted: None };
    }
    Crash::contract(format!("The plugin could not be run: {cause}"))
}

fn trap_sentence(trap: wasmtime::Trap) -> String {
    match trap {
        wasmtime::Trap::UnreachableCodeReached => {
            "The plugin aborted (a panic or an abort); see its stderr and the backtrace".to_owned()
        }
        wasmtime::Trap::MemoryOutOfBounds => "The plugin read or wrote outside its memory".to_owned(),
        other => format!("The plugin trapped: {other}"),
    }
}
