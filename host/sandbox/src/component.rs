//! A compiled and pre-linked component, and the three things it can be asked: what it is, what a request would touch,
//! and to do the work. Each call gets a fresh store that dies with it.

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

/// Wall time of `describe` as a multiple of its processor time.
const DESCRIBE_PATIENCE: u32 = 10;

/// A component that fits the world.
#[derive(Clone)]
pub struct GuestComponent {
    guest: LinkedGuest,
    limits: Arc<SandboxLimits>,
}

/// What `run` needs.
pub struct RunRequest {
    pub operation: String,
    pub request: String,
    pub resume: Option<Vec<u8>>,
    pub capabilities: Box<dyn Capabilities>,
    /// What the guest says, by its capability or by stdout and stderr.
    pub log: Arc<JobLog>,
    /// What it takes, counted while it runs.
    pub usage: Arc<UsageMeter>,
    /// To which the guest's memory is charged, as it grows.
    pub memory: Charge,
}

/// How a run ended.
pub enum RunEnd {
    Returned(Result<Outcome, Failure>),
    Crashed(Crash),
}

impl GuestComponent {
    /// Links what the engine has compiled. `trusted` must come from this host: the engine runs it as machine code.
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

    /// The same component with other limits.
    pub fn with_limits(self, limits: SandboxLimits) -> Self {
        GuestComponent { limits: Arc::new(limits), ..self }
    }

    pub async fn describe(&self) -> Result<Description, Crash> {
        let mut store = self.short_lived(None);
        // Nobody waits for it, and a machine that is busy while it starts should not lose its plugins.
        self.quick(self.guest.describe(&mut store), DESCRIBE_PATIENCE).await
    }

    /// What a request would touch, or the sentence that refuses it.
    pub async fn plan(&self, operation: &str, request: &str, memory: Charge) -> Result<Result<Plan, String>, Crash> {
        let mut store = self.short_lived(Some(memory));
        self.quick(self.guest.plan(&mut store, operation, request), 1).await
    }

    /// Does the work. Dropping the future ends the guest; what it took is in its usage. What the guest handed over and did not
    /// flush is its capabilities' to keep: they are dropped when this returns.
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

    /// For a call without capabilities.
    fn short_lived(&self, memory: Option<Charge>) -> Store<Guest> {
        guest::store(self.guest.engine(), &self.limits, Arc::default(), Arc::default(), None, memory)
    }

    /// Runs `describe` or `plan` within its processor time, and within so many times that of the clock.
    async fn quick<T>(&self, call: impl Future<Output = wasmtime::Result<T>>, patience: u32) -> Result<T, Crash> {
        let limit = self.limits.plan.time();
        let metered = Metered::new(call, Arc::<CpuMeter>::default(), limit);
        match tokio::time::timeout(limit.saturating_mul(patience), metered).await {
            Ok(Ok(answer)) => answer.map_err(|error| Crash::of(&error, &self.limits)),
            Ok(Err(_)) | Err(_) => Err(LimitHit::Plan { limit: self.limits.plan.clone() }.into()),
        }
    }
}
