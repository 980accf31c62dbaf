//! What the engine keeps for one guest: WASI with empty hands, the limiter, and the capabilities, if it has any.

use std::sync::Arc;

use wasmtime::component::ResourceTable;
use wasmtime::{Engine, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

use super::limits::Limiter;
use super::stdio::LogStream;
use crate::capabilities::{Capabilities, JobLog, LogLevel, UsageMeter};

/// Handles (readers, streams, pollables) a guest may hold.
const MAX_HANDLES: usize = 256;
/// Bytes that one call of a guest may make the host copy: a batch and its checkpoint, with room.
const MAX_CALL_BYTES: usize = 4 * 1024 * 1024;
/// Random bytes one call may ask for.
const MAX_RANDOM_BYTES: u64 = 64 * 1024;

pub struct Guest {
    wasi: WasiCtx,
    pub table: ResourceTable,
    pub limiter: Limiter,
    pub log: Arc<JobLog>,
    /// `None` while it may only describe and plan.
    pub capabilities: Option<Capabilities>,
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

/// A fresh store for one call.
pub fn store(
    engine: &Engine,
    memory_bytes: usize,
    log: Arc<JobLog>,
    usage: Arc<UsageMeter>,
    capabilities: Option<Capabilities>,
) -> Store<Guest> {
    let mut wasi = WasiCtxBuilder::new();
    wasi.stdout(LogStream::new(Arc::clone(&log), LogLevel::Info))
        .stderr(LogStream::new(Arc::clone(&log), LogLevel::Error))
        .max_random_size(MAX_RANDOM_BYTES)
        .allow_blocking_current_thread(false)
        .allow_tcp(false)
        .allow_udp(false)
        .allow_ip_name_lookup(false);
    let mut table = ResourceTable::new();
    table.set_max_capacity(MAX_HANDLES);
    let guest = Guest { wasi: wasi.build(), table, limiter: Limiter::new(memory_bytes, usage), log, capabilities };
    let mut store = Store::new(engine, guest);
    store.limiter(|guest| &mut guest.limiter);
    store.set_hostcall_fuel(MAX_CALL_BYTES);
    store.set_epoch_deadline(1);
    store.epoch_deadline_async_yield_and_update(1);
    store
}
