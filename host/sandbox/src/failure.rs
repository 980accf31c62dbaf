//! Why a guest ended without a result: one readable sentence, and details for the plugin's author.

use std::time::Duration;

use serde::Serialize;
use wasmtime::component::ResourceTableError;

use super::limits::SandboxLimits;
use jobhost_budget::Exhausted;
use jobhost_model::jobs::LimitReached;
use jobhost_model::{Limit, plain_text};

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
    #[error("The plugin asked for {asked} bytes of memory; the limit is {} ({})", limit.value(), limit.key())]
    Memory { asked: usize, limit: Limit },
    #[error("The plugin asked for tables of {asked} elements; the limit is {} ({})", limit.value(), limit.key())]
    TableElements { asked: usize, limit: Limit },
    #[error("The plugin used {used:.1?} of processor time; its limit is {:?} ({})", limit.time(), limit.key())]
    Cpu { used: Duration, limit: Limit },
    #[error("The plugin ran for {:?}, which is its limit ({})", limit.time(), limit.key())]
    Wall { limit: Limit },
    #[error("The plugin did not answer within {:?} ({})", limit.time(), limit.key())]
    Plan { limit: Limit },
    #[error("The plugin's call of {call} took longer than {:?} ({})", limit.time(), limit.key())]
    HostCall { call: &'static str, limit: Limit },
    /// Not the plugin's fault: others hold the resources it needs.
    #[error(transparent)]
    Exhausted(Exhausted),
}

impl LimitHit {
    fn reached(&self) -> LimitReached {
        match self {
            LimitHit::Memory { asked, limit } | LimitHit::TableElements { asked, limit } => {
                limit.reached(*asked as u64)
            }
            LimitHit::Cpu { used, limit } => limit.reached(used.as_secs_f64().ceil() as u64),
            LimitHit::Wall { limit } | LimitHit::Plan { limit } | LimitHit::HostCall { limit, .. } => {
                limit.reached(limit.value())
            }
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
                let (most, key) = (limits.stack_bytes.value(), limits.stack_bytes.key());
                let message = format!("The plugin's recursion went deeper than its stack of {most} bytes ({key})");
                Crash::limit(limits.stack_bytes.reached(None), message)
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
        let (most, key) = (limits.handles.value(), limits.handles.key());
        let message = format!("The plugin asked for more than {most} handles ({key}); drop some first");
        return Some(Crash::limit(limits.handles.reached(most.saturating_add(1)), message));
    }
    let cause = error.root_cause().to_string();
    if cause.contains("fuel allocated for hostcalls") {
        let (most, key) = (limits.call_bytes.value(), limits.call_bytes.key());
        let message = format!("The plugin passed more than {most} bytes in one call ({key})");
        return Some(Crash::limit(limits.call_bytes.reached(None), message));
    }
    let (what, count) = cause.strip_prefix("resource limit exceeded: ")?.split_once(" count too high at ")?;
    let (limit, things) = match what {
        "instance" => (&limits.instances, "core instances"),
        "memory" => (&limits.memories, "memories"),
        "table" => (&limits.tables, "tables"),
        _ => return None,
    };
    let message = format!("The plugin has {count} or more {things}; the limit is {} ({})", limit.value(), limit.key());
    Some(Crash::limit(limit.reached(count.parse::<u64>().ok()), message))
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
