//! What the engine keeps for one guest: WASI without any access, the limiter, and the capabilities, if any.

use std::sync::Arc;

use wasmtime::component::ResourceTable;
use wasmtime::{Engine, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

use super::capabilities::Capabilities;
use super::failure::LimitHit;
use super::job_log::{JobLog, LogLevel};
use super::limiter::Limiter;
use super::limits::SandboxLimits;
use super::stdio::LogStream;
use super::usage::UsageMeter;
use jobhost_budget::Charge;
use jobhost_contract::{CapabilityError, CapabilityErrorKind};
use jobhost_model::Limit;

/// Maximum random bytes per call.
const MAX_RANDOM_BYTES: u64 = 64 * 1024;

pub struct Guest {
    wasi: WasiCtx,
    pub table: ResourceTable,
    limiter: Limiter,
    limits: Arc<SandboxLimits>,
    pub log: Arc<JobLog>,
    pub usage: Arc<UsageMeter>,
    /// `None` during `describe` and `plan`.
    pub capabilities: Option<Box<dyn Capabilities>>,
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

/// Ends the guest if one of its calls takes too long.
pub async fn within<T>(limit: Limit, call: &'static str, work: impl Future<Output = T>) -> wasmtime::Result<T> {
    match tokio::time::timeout(limit.time(), work).await {
        Ok(done) => Ok(done),
        Err(_) => Err(LimitHit::HostCall { call, limit }.into()),
    }
}

impl Guest {
    /// Maximum duration of a capability call.
    pub fn host_call(&self) -> Limit {
        self.limits.host_call.clone()
    }

    /// Returns the capabilities. `describe` and `plan` run without any, and calling one there is an error of the
    /// plugin.
    pub fn may_act(&mut self) -> Result<&mut dyn Capabilities, CapabilityError> {
        acting(&mut self.capabilities, &self.usage)
    }
}

/// Like [`Guest::may_act`], while a handle is borrowed. Each use counts as one call of the guest.
pub fn acting<'c>(
    capabilities: &'c mut Option<Box<dyn Capabilities>>,
    usage: &UsageMeter,
) -> Result<&'c mut dyn Capabilities, CapabilityError> {
    let Some(may) = capabilities.as_deref_mut() else {
        let message = "only `log` is available in describe and plan";
        return Err(CapabilityError::new(CapabilityErrorKind::Denied, message));
    };
    usage.host_call();
    Ok(may)
}

/// Creates a store for one call.
pub fn store(
    engine: &Engine,
    limits: &Arc<SandboxLimits>,
    log: Arc<JobLog>,
    usage: Arc<UsageMeter>,
    capabilities: Option<Box<dyn Capabilities>>,
    memory: Option<Charge>,
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
    table.set_max_capacity(limits.handles.size());
    let limiter = Limiter::new(Arc::clone(limits), Arc::clone(&usage), memory);
    let guest = Guest { wasi: wasi.build(), table, limiter, limits: Arc::clone(limits), log, usage, capabilities };
    let mut store = Store::new(engine, guest);
    store.limiter(|guest| &mut guest.limiter);
    store.set_hostcall_fuel(limits.call_bytes.size());
    store.set_epoch_deadline(1);
    store.epoch_deadline_async_yield_and_update(1);
    store
}
