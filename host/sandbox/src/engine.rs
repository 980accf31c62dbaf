//! The one engine of the process, and the thread that makes its epochs go by.

use std::time::Duration;

use wasmtime::{Config, Engine};

/// A guest that computes gives way to others after so long.
pub const EPOCH_TICK: Duration = Duration::from_millis(2);
/// What the host calls of one attempt have on top of the guest's stack.
const HOST_STACK_BYTES: usize = 1024 * 1024;
/// Frames kept of a trap.
const BACKTRACE_FRAMES: std::num::NonZeroUsize = std::num::NonZeroUsize::MIN.saturating_add(31);

/// Builds the engine and starts its ticker, which ends with the last clone of the engine. Recursion of a guest past its
/// stack is a trap.
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

/// Without a ticker: for compiling only.
pub fn build(stack_bytes: usize) -> wasmtime::Result<Engine> {
    let mut config = Config::new();
    config.epoch_interruption(true);
    config.max_wasm_stack(stack_bytes);
    config.async_stack_size(stack_bytes.saturating_add(HOST_STACK_BYTES));
    config.wasm_backtrace_max_frames(Some(BACKTRACE_FRAMES));
    // Most advisories of the engine's last year lived in the asynchronous component ABI. The contract has no use for it
    // (its shapes are synchronous, and the host's side is asynchronous underneath), so it is not even compiled in: the
    // engine's feature `component-model-async` is off.
    config.concurrency_support(false);
    // Not used by any toolchain that makes components for us, so not offered to whoever looks for a hole.
    config.wasm_memory64(false);
    config.wasm_multi_memory(false);
    Engine::new(&config)
}
