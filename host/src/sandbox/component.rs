//! A compiled and pre-linked component, and the three things it can be asked: what it is, what a request would touch,
//! and to do the work. Each call gets a fresh store that dies with it.

use std::sync::Arc;

use wasmtime::component::{Component, Linker};
use wasmtime::{Engine, Store};

use super::contract::{Description, Failure, FailureKind, Outcome};
use super::failure::{Crash, CrashKind, LimitHit};
use super::guest::{self, Guest};
use super::limits::SandboxLimits;
use super::metered::Metered;
use super::v0_1::{self, JobTypePre};
use crate::capabilities::{Capabilities, CpuMeter, Plan};

const CPU_KEY: &str = "sandbox.cpu_seconds";
const WALL_KEY: &str = "sandbox.wall_seconds";
const PLAN_KEY: &str = "sandbox.plan_milliseconds";

/// A component that fits the world.
#[derive(Clone)]
pub struct GuestComponent {
    engine: Engine,
    pre: JobTypePre<Guest>,
    limits: Arc<SandboxLimits>,
}

/// What `run` needs.
pub struct RunRequest {
    pub operation: String,
    pub request: String,
    pub resume: Option<Vec<u8>>,
    pub capabilities: Capabilities,
}

/// How a run ended.
pub enum RunEnd {
    Returned(Result<Outcome, Failure>),
    Crashed(Crash),
}

/// A guest that returns without a last flush is done all the same: what it handed over is made durable for it.
async fn flushed(ended: RunEnd, capabilities: Option<Capabilities>) -> RunEnd {
    let RunEnd::Returned(Ok(outcome)) = ended else {
        return ended;
    };
    let Some(mut capabilities) = capabilities else {
        return RunEnd::Returned(Ok(outcome));
    };
    match capabilities.records.flush().await {
        Ok(_) => RunEnd::Returned(Ok(outcome)),
        Err(error) => {
            let kind = FailureKind::Unavailable;
            RunEnd::Returned(Err(Failure { kind, message: error.message, retryable: true }))
        }
    }
}

fn contract(error: wasmtime::Error) -> Crash {
    Crash { kind: CrashKind::Contract, message: format!("{error:#}"), backtrace: None }
}

impl GuestComponent {
    /// Compiles and links. Takes a second or so of processor time: call it where that is fine.
    pub fn compile(engine: &Engine, bytes: &[u8], limits: Arc<SandboxLimits>) -> Result<Self, Crash> {
        let component = Component::new(engine, bytes).map_err(contract)?;
        Self::link(engine, component, limits)
    }

    /// Links what [`GuestComponent::compiled`] gave. `trusted` must come from this host: the engine runs it as machine code.
    pub fn precompiled(engine: &Engine, trusted: &[u8], limits: Arc<SandboxLimits>) -> Result<Self, Crash> {
        #[allow(
            unsafe_code,
            reason = "the engine cannot check machine code. The only caller takes it from the compile cache, which gives \
                      nothing that does not carry the code of this host's own key; the engine compares its version, \
                      settings and the processor itself"
        )]
        let component = unsafe { Component::deserialize(engine, trusted) }.map_err(contract)?;
        Self::link(engine, component, limits)
    }

    /// The compiled component, for [`GuestComponent::precompiled`].
    pub fn compiled(&self) -> Option<Vec<u8>> {
        self.pre.instance_pre().component().serialize().ok()
    }

    fn link(engine: &Engine, component: Component, limits: Arc<SandboxLimits>) -> Result<Self, Crash> {
        let mut linker = Linker::new(engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).map_err(contract)?;
        v0_1::add_to_linker(&mut linker).map_err(contract)?;
        let pre = linker.instantiate_pre(&component).and_then(JobTypePre::new).map_err(contract)?;
        Ok(GuestComponent { engine: engine.clone(), pre, limits })
    }

    pub async fn describe(&self) -> Result<Description, Crash> {
        let (mut store, meter) = self.short_lived();
        let call = async {
            let guest = self.pre.instantiate_async(&mut store).await?;
            guest.jobhost_plugin_job().call_describe(&mut store).await
        };
        Ok(self.quick(call, meter).await?.into())
    }

    /// What a request would touch, or the sentence that refuses it.
    pub async fn plan(&self, operation: &str, request: String) -> Result<Result<Plan, String>, Crash> {
        let (mut store, meter) = self.short_lived();
        let call = async {
            let guest = self.pre.instantiate_async(&mut store).await?;
            guest.jobhost_plugin_job().call_plan(&mut store, operation, &request).await
        };
        let planned = self.quick(call, meter).await?;
        Ok(planned.map(Into::into).map_err(|refusal| refusal.message))
    }

    /// Do the work. Dropping the future ends the guest; what it took is in the usage of its capabilities.
    pub async fn run(&self, run: RunRequest) -> RunEnd {
        let log = Arc::clone(&run.capabilities.log);
        let usage = Arc::clone(&run.capabilities.usage);
        let cpu = Arc::clone(&usage.cpu);
        let mut store = guest::store(&self.engine, self.limits.memory_bytes, log, usage, Some(run.capabilities));
        let call = async {
            let guest = self.pre.instantiate_async(&mut store).await?;
            let job = guest.jobhost_plugin_job();
            job.call_run(&mut store, &run.operation, &run.request, run.resume.as_deref()).await
        };
        let metered = Metered::new(call, cpu, self.limits.cpu, CPU_KEY);
        let ended = match tokio::time::timeout(self.limits.wall, metered).await {
            Ok(Ok(Ok(answer))) => RunEnd::Returned(answer.map(Into::into).map_err(Into::into)),
            Ok(Ok(Err(error))) => RunEnd::Crashed(error.into()),
            Ok(Err(limit)) => RunEnd::Crashed(limit.into()),
            Err(_) => RunEnd::Crashed(LimitHit::Wall { limit: self.limits.wall, key: WALL_KEY }.into()),
        };
        flushed(ended, store.into_data().capabilities).await
    }

    fn short_lived(&self) -> (Store<Guest>, Arc<CpuMeter>) {
        let (log, usage) = (Arc::default(), Arc::default());
        let store = guest::store(&self.engine, self.limits.memory_bytes, log, usage, None);
        (store, Arc::new(CpuMeter::default()))
    }

    /// Runs `describe` or `plan` within its time.
    async fn quick<T>(
        &self,
        call: impl Future<Output = wasmtime::Result<T>>,
        meter: Arc<CpuMeter>,
    ) -> Result<T, Crash> {
        let limit = self.limits.plan;
        let metered = Metered::new(call, meter, limit, PLAN_KEY);
        match tokio::time::timeout(limit, metered).await {
            Ok(Ok(answer)) => Ok(answer?),
            Ok(Err(hit)) => Err(hit.into()),
            Err(_) => Err(LimitHit::Wall { limit, key: PLAN_KEY }.into()),
        }
    }
}
