//! A compiled and pre-linked component, and its three calls: `describe`, `plan` and `run`. Each call gets a fresh
//! store that is dropped afterwards.

use std::sync::Arc;

use wasmtime::component::{Component, Linker};
use wasmtime::{Engine, Store};

use super::capabilities::Capabilities;
use super::cpu::CpuMeter;
use super::failure::{Crash, LimitHit};
use super::guest::{self, Guest};
use super::job_log::JobLog;
use super::limits::SandboxLimits;
use super::metered::Metered;
use super::usage::UsageMeter;
use super::versions::{ContractVersion, LinkedGuest};
use jobhost_budget::Charge;
use jobhost_contract::{Description, Failure, Outcome, Plan};

/// Maximum wall time of `describe`, as a multiple of its processor time.
const DESCRIBE_PATIENCE: u32 = 10;

/// A component that implements the world.
#[derive(Clone)]
pub struct GuestComponent {
    guest: LinkedGuest,
    limits: Arc<SandboxLimits>,
}

/// The arguments of `run`.
pub struct RunRequest {
    pub operation: String,
    pub request: String,
    pub resume: Option<Vec<u8>>,
    pub capabilities: Box<dyn Capabilities>,
    /// Collects the guest's log lines, from its `log` capability and from stdout and stderr.
    pub log: Arc<JobLog>,
    /// The guest's resource usage, updated while it runs.
    pub usage: Arc<UsageMeter>,
    /// Charged with the guest's memory as it grows.
    pub memory: Charge,
}

/// How a run ended.
pub enum RunEnd {
    Returned(Result<Outcome, Failure>),
    Crashed(Crash),
}

impl GuestComponent {
    /// Links a component that the engine has compiled. `trusted` must come from this host, because the engine runs it
    /// as machine code.
    pub fn precompiled(
        engine: &Engine,
        version: ContractVersion,
        trusted: &[u8],
        limits: Arc<SandboxLimits>,
    ) -> Result<Self, Crash> {
        #[allow(
            unsafe_code,
            reason = "the engine cannot check machine code. It comes from the compile cache, which gives nothing that does \
                      not carry the code of this host's own key, or from this program's own compiler process; the engine \
                      compares its version, settings and the processor itself"
        )]
        let component = unsafe { Component::deserialize(engine, trusted) };
        let linked = component.and_then(|component| {
            let mut linker = Linker::new(engine);
            wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
            version.link(&mut linker, &component)
        });
        match linked {
            Ok(guest) => Ok(GuestComponent { guest, limits }),
            Err(error) => Err(Crash::contract(format!("{error:#}"))),
        }
    }

    pub fn limits(&self) -> &SandboxLimits {
        &self.limits
    }

    /// Returns the same component with other limits.
    pub fn with_limits(self, limits: SandboxLimits) -> Self {
        GuestComponent { limits: Arc::new(limits), ..self }
    }

    pub async fn describe(&self) -> Result<Description, Crash> {
        let mut store = self.short_lived(None);
        // No client waits for `describe`, and a machine that is busy during startup should not lose its plugins.
        self.quick(self.guest.describe(&mut store), DESCRIBE_PATIENCE).await
    }

    /// Returns the plan for a request, or the message of its refusal.
    pub async fn plan(&self, operation: &str, request: &str, memory: Charge) -> Result<Result<Plan, String>, Crash> {
        let mut store = self.short_lived(Some(memory));
        self.quick(self.guest.plan(&mut store, operation, request), 1).await
    }

    /// Runs the job. Dropping the future ends the guest; its usage has been recorded by then. The capabilities are
    /// dropped when this returns, and are responsible for what the guest wrote but did not flush.
    pub async fn run(&self, run: RunRequest) -> RunEnd {
        let cpu = Arc::clone(&run.usage.cpu);
        let (capabilities, memory) = (Some(run.capabilities), Some(run.memory));
        let mut store = guest::store(self.guest.engine(), &self.limits, run.log, run.usage, capabilities, memory);
        let call = self.guest.run(&mut store, &run.operation, &run.request, run.resume.as_deref());
        let metered = Metered::new(call, cpu, self.limits.cpu.time());
        match tokio::time::timeout(self.limits.wall.time(), metered).await {
            Ok(Ok(Ok(answer))) => RunEnd::Returned(answer),
            Ok(Ok(Err(error))) => RunEnd::Crashed(Crash::of(&error, &self.limits)),
            Ok(Err(used)) => RunEnd::Crashed(LimitHit::Cpu { used, limit: self.limits.cpu.clone() }.into()),
            Err(_) => RunEnd::Crashed(LimitHit::Wall { limit: self.limits.wall.clone() }.into()),
        }
    }

    /// Creates a store for a call without capabilities.
    fn short_lived(&self, memory: Option<Charge>) -> Store<Guest> {
        guest::store(self.guest.engine(), &self.limits, Arc::default(), Arc::default(), None, memory)
    }

    /// Runs `describe` or `plan` within its limit of processor time, and within `patience` times as much wall time.
    async fn quick<T>(&self, call: impl Future<Output = wasmtime::Result<T>>, patience: u32) -> Result<T, Crash> {
        let limit = self.limits.plan.time();
        let metered = Metered::new(call, Arc::<CpuMeter>::default(), limit);
        match tokio::time::timeout(limit.saturating_mul(patience), metered).await {
            Ok(Ok(answer)) => answer.map_err(|error| Crash::of(&error, &self.limits)),
            Ok(Err(_)) | Err(_) => Err(LimitHit::Plan { limit: self.limits.plan.clone() }.into()),
        }
    }
}
