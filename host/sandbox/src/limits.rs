//! What one sandbox may take, and the limiter that says so to the engine. A limit that is met traps with the figures,
//! rather than letting an allocation fail quietly in the guest.

use std::sync::Arc;
use std::time::Duration;

use super::failure::LimitHit;
use super::usage::UsageMeter;
use jobhost_budget::Charge;

/// A limit, and the key of the configuration that sets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound<T> {
    pub value: T,
    pub key: Arc<str>,
}

impl<T> Bound<T> {
    pub fn new(value: T, key: &str) -> Self {
        Bound { value, key: Arc::from(key) }
    }

    /// The same limit, set elsewhere.
    pub fn replaced(&self, value: T, key: Arc<str>) -> Self {
        Bound { value, key }
    }
}

/// The limits of one sandbox. Each has a key of that name in section `sandbox` of the configuration; a plugin's grant may
/// replace the first three.
#[derive(Debug, Clone)]
pub struct SandboxLimits {
    /// Linear memory of all instances together.
    pub memory_bytes: Bound<usize>,
    pub wall: Bound<Duration>,
    pub cpu: Bound<Duration>,
    /// Wall and processor time of `describe` and `plan`.
    pub plan: Duration,
    /// Of one call of a capability.
    pub host_call: Duration,
    pub memories: usize,
    /// Core instances.
    pub instances: usize,
    pub tables: usize,
    /// Of all tables together.
    pub table_elements: usize,
    pub stack_bytes: usize,
    /// Data that one call may make the host copy.
    pub call_bytes: usize,
    pub handles: usize,
}

impl Default for SandboxLimits {
    fn default() -> Self {
        SandboxLimits {
            memory_bytes: Bound::new(128 << 20, "sandbox.memory_bytes"),
            wall: Bound::new(Duration::from_secs(86_400), "sandbox.wall_seconds"),
            cpu: Bound::new(Duration::from_secs(21_600), "sandbox.cpu_seconds"),
            plan: Duration::from_secs(1),
            host_call: Duration::from_secs(7200),
            memories: 8,
            instances: 64,
            tables: 64,
            table_elements: 100_000,
            stack_bytes: 1 << 20,
            call_bytes: 4 << 20,
            handles: 256,
        }
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
        if asked > self.limits.memory_bytes.value {
            return Err(LimitHit::Memory { asked, bound: self.limits.memory_bytes.clone() }.into());
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
        if asked > self.limits.table_elements {
            return Err(LimitHit::TableElements { asked, limit: self.limits.table_elements }.into());
        }
        self.table_elements_used = asked;
        Ok(true)
    }

    fn instances(&self) -> usize {
        self.limits.instances
    }

    fn memories(&self) -> usize {
        self.limits.memories
    }

    fn tables(&self) -> usize {
        self.limits.tables
    }
}
