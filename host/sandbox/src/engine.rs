//! The process's only engine, and the thread that advances its epoch.

use std::time::Duration;

use wasmtime::{Config, Engine};

/// How long a computing guest runs before it yields.
pub const EPOCH_TICK: Duration = Duration::from_millis(2);
/// Stack for the host calls of one attempt, in addition to the guest's stack.
const HOST_STACK_BYTES: usize = 1024 * 1024;
/// Maximum frames kept of a trap.
const BACKTRACE_FRAMES: std::num::NonZeroUsize = std::num::NonZeroUsize::MIN.saturating_add(31);

/// Builds the engine and starts its ticker, which ends with the last clone of the engine. A guest that recurses past
/// its stack traps.
pub fn start(stack_bytes: usize) -> wasmtime::Result<Engine> {
    let engine = build(stack_bytes)?;
    let weak = engine.weak();
    std::thread::Builder::new().name("epoch-ticker".to_owned()).spawn(move || {
        loop {
            std::thread::sleep(EPOCH_TICK);
            let Some(engine) = weak.upgrade() else { return };
            engine.increment_epoch();
        }
    })?;
    Ok(engine)
}

/// Builds an engine without a ticker, for compiling only.
pub fn build(stack_bytes: usize) -> wasmtime::Result<Engine> {
    let mut config = Config::new();
    config.epoch_interruption(true);
    config.max_wasm_stack(stack_bytes);
    config.async_stack_size(stack_bytes.saturating_add(HOST_STACK_BYTES));
    config.wasm_backtrace_max_frames(Some(BACKTRACE_FRAMES));
    // Most advisories of the engine's last year were in the asynchronous component ABI. The contract does not use it
    // (its functions are synchronous, and the host runs them asynchronously underneath), so the engine is built
    // without its feature `component-model-async`.
    config.concurrency_support(false);
    // Disabled to reduce the attack surface: no toolchain that builds plugins uses these features.
    config.wasm_memory64(false);
    config.wasm_multi_memory(false);
    Engine::new(&config)
}
