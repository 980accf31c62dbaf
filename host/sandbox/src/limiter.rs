//! Tells the engine when a guest has reached a limit: a trap with the figures, rather than an allocation that fails quietly in
//! the guest.

use std::sync::Arc;

use super::failure::LimitHit;
use super::limits::SandboxLimits;
use super::usage::UsageMeter;
use jobhost_budget::Charge;

#[derive(Debug)]
pub struct Limiter {
    limits: Arc<SandboxLimits>,
    memory_used: usize,
    table_elements_used: usize,
    usage: Arc<UsageMeter>,
    /// For the linear memories, as they grow; `None`: not charged.
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
