//! What one sandbox may take, and the limiter that says so to the engine. A limit that is met traps with the figures,
//! rather than letting an allocation fail quietly in the guest.

use std::sync::Arc;

use super::failure::LimitHit;
use super::usage::UsageMeter;
use jobhost_budget::Charge;
use jobhost_model::Limit;

/// The limits of one sandbox. A grant may replace `memory_bytes`, `wall` and `cpu` for a plugin.
#[derive(Debug, Clone)]
pub struct SandboxLimits {
    /// Linear memory of all instances together.
    pub memory_bytes: Limit,
    /// Wall-clock time of an attempt.
    pub wall: Limit,
    /// Processor time of an attempt.
    pub cpu: Limit,
    /// Wall-clock and processor time of `describe` and `plan`.
    pub plan: Limit,
    /// Time of one call of a capability.
    pub host_call: Limit,
    /// Linear memories.
    pub memories: Limit,
    /// Core instances.
    pub instances: Limit,
    /// Tables.
    pub tables: Limit,
    /// Elements of all tables together.
    pub table_elements: Limit,
    /// Stack of the guest.
    pub stack_bytes: Limit,
    /// Data that one call may make the host copy.
    pub call_bytes: Limit,
    /// Handles of all kinds that are open.
    pub handles: Limit,
}

impl SandboxLimits {
    /// What a plugin gets when neither configuration nor grant says otherwise.
    pub const DEFAULT: Self = SandboxLimits {
        memory_bytes: Limit::new("sandbox.memory_bytes", 128 << 20),
        wall: Limit::new("sandbox.wall_seconds", 86_400),
        cpu: Limit::new("sandbox.cpu_seconds", 21_600),
        plan: Limit::new("sandbox.plan_milliseconds", 1000),
        host_call: Limit::new("sandbox.host_call_seconds", 7200),
        memories: Limit::new("sandbox.memories", 8),
        instances: Limit::new("sandbox.instances", 64),
        tables: Limit::new("sandbox.tables", 64),
        table_elements: Limit::new("sandbox.table_elements", 100_000),
        stack_bytes: Limit::new("sandbox.stack_bytes", 1 << 20),
        call_bytes: Limit::new("sandbox.call_bytes", 4 << 20),
        handles: Limit::new("sandbox.handles", 256),
    };
}

impl Default for SandboxLimits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

#[derive(Debug)]
pub struct Limiter {
    limits: Arc<SandboxLimits>,
    memory_used: usize,
    table_elements_used: usize,
    usage: Arc<UsageMeter>,
    /// For the linear memories, as they grow; `None` where nobody counts.
    charge: Option<Charge>,
}

impl Limiter {
    pub fn new(limits: Arc<SandboxLimits>, usage: Arc<UsageMeter>, charge: Option<Charge>) -> Self {
        Limiter { limits, memory_used: 0, table_elements_used: 0, usage, charge }
    }
}

impl wasmtime::ResourceLimiter for Limiter {
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let asked = self.memory_used.saturating_sub(current).saturating_add(desired);
        if asked > self.limits.memory_bytes.size() {
            return Err(LimitHit::Memory { asked, limit: self.limits.memory_bytes.clone() }.into());
        }
        if let Some(charge) = &mut self.charge {
            charge.grow_to(asked as u64).map_err(LimitHit::Exhausted)?;
        }
        self.memory_used = asked;
        self.usage.memory(asked);
        Ok(true)
    }

    fn table_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let asked = self.table_elements_used.saturating_sub(current).saturating_add(desired);
        if asked > self.limits.table_elements.size() {
            return Err(LimitHit::TableElements { asked, limit: self.limits.table_elements.clone() }.into());
        }
        self.table_elements_used = asked;
        Ok(true)
    }

    fn instances(&self) -> usize {
        self.limits.instances.size()
    }

    fn memories(&self) -> usize {
        self.limits.memories.size()
    }

    fn tables(&self) -> usize {
        self.limits.tables.size()
    }
}
