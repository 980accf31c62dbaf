//! The one engine of the process, and the thread that makes its epochs go by.

use std::time::Duration;

use wasmtime::{Config, Engine};

/// A guest that computes gives way to others after so long.
pub const EPOCH_TICK: Duration = Duration::from_millis(10);
/// Stack of guest code. Recursion past it is a trap.
const WASM_STACK_BYTES: usize = 1024 * 1024;
/// Stack of one attempt: the guest's and the host calls' on top of it.
const ASYNC_STACK_BYTES: usize = 2 * 1024 * 1024;
/// Frames kept of a trap.
const BACKTRACE_FRAMES: std::num::NonZeroUsize = std::num::NonZeroUsize::MIN.saturating_add(31);

/// Builds the engine and starts its ticker, which ends with the last clone of the engine.
pub fn start() -> wasmtime::Result<Engine> {
    let engine = Engine::new(&config())?;
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

fn config() -> Config {
    let mut config = Config::new();
    config.epoch_interruption(true);
    config.max_wasm_stack(WASM_STACK_BYTES);
    config.async_stack_size(ASYNC_STACK_BYTES);
    config.wasm_backtrace_max_frames(Some(BACKTRACE_FRAMES));
    // Most advisories of the engine's last year lived in the asynchronous component ABI. The contract has no use for it
    // (its shapes are synchronous, and the host's side is asynchronous underneath), so it is not even compiled in: the
    // engine's feature `component-model-async` is off.
    config.concurrency_support(false);
    // Not used by any toolchain that makes components for us, so not offered to whoever looks for a hole.
    config.wasm_memory64(false);
    config.wasm_multi_memory(false);
    config
}
