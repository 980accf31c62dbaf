//! Why a guest stopped without an answer: one readable sentence, and the detail that a plugin's author needs.

use std::time::Duration;

use serde::Serialize;

/// What ended the guest, for a program to match on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CrashKind {
    /// The guest trapped: a panic, an out-of-bounds access, a stack overflow.
    Trap,
    MemoryLimit,
    TableLimit,
    CpuLimit,
    WallLimit,
    /// A call passed more data than one call may.
    CallLimit,
    /// The component does not fit the world, or could not be instantiated.
    Contract,
}

#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct Crash {
    pub kind: CrashKind,
    pub message: String,
    /// Frames of the guest, innermost first.
    pub backtrace: Option<String>,
}

/// Raised inside the engine when a limit is met; found again in the engine's error.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LimitHit {
    #[error("The plugin asked for {asked} bytes of memory; its limit is {limit} bytes (sandbox.memory_bytes)")]
    Memory { asked: usize, limit: usize },
    #[error("The plugin asked for a table of {asked} elements; its limit is {limit}")]
    Table { asked: usize, limit: usize },
    #[error("The plugin used {used:?} of processor time; its limit is {limit:?} ({key})")]
    Cpu { used: Duration, limit: Duration, key: &'static str },
    #[error("The plugin ran for {limit:?}, which is its limit ({key})")]
    Wall { limit: Duration, key: &'static str },
}

impl LimitHit {
    fn kind(&self) -> CrashKind {
        match self {
            LimitHit::Memory { .. } => CrashKind::MemoryLimit,
            LimitHit::Table { .. } => CrashKind::TableLimit,
            LimitHit::Cpu { .. } => CrashKind::CpuLimit,
            LimitHit::Wall { .. } => CrashKind::WallLimit,
        }
    }
}

impl From<LimitHit> for Crash {
    fn from(hit: LimitHit) -> Self {
        Crash { kind: hit.kind(), message: hit.to_string(), backtrace: None }
    }
}

impl From<wasmtime::Error> for Crash {
    fn from(error: wasmtime::Error) -> Self {
        let backtrace = error.downcast_ref::<wasmtime::WasmBacktrace>().map(ToString::to_string);
        if let Some(hit) = error.downcast_ref::<LimitHit>() {
            return Crash { backtrace, ..Crash::from(hit.clone()) };
        }
        if let Some(trap) = error.downcast_ref::<wasmtime::Trap>() {
            return Crash { kind: CrashKind::Trap, message: trap_sentence(*trap), backtrace };
        }
        let cause = error.root_cause().to_string();
        if cause.contains("too much data") || cause.contains("fuel") {
            let message = format!("The plugin passed more data in one call than a call may carry: {cause}");
            return Crash { kind: CrashKind::CallLimit, message, backtrace };
        }
        Crash { kind: CrashKind::Contract, message: format!("The plugin could not be run: {error:#}"), backtrace }
    }
}

fn trap_sentence(trap: wasmtime::Trap) -> String {
    match trap {
        wasmtime::Trap::UnreachableCodeReached => {
            "The plugin stopped itself (a panic or an abort); its stderr and the backtrace say where".to_owned()
        }
        wasmtime::Trap::StackOverflow => "The plugin's recursion went deeper than its stack".to_owned(),
        wasmtime::Trap::MemoryOutOfBounds => "The plugin read or wrote outside its memory".to_owned(),
        other => format!("The plugin trapped: {other}"),
    }
}
