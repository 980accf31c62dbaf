//! What one sandbox may take, and the limiter that says so to the engine. A limit that is met traps with the figures,
//! rather than letting an allocation fail quietly in the guest.

use std::sync::Arc;
use std::time::Duration;

use super::failure::LimitHit;
use crate::capabilities::UsageMeter;

/// The limits of one sandbox. Each has a configuration key.
#[derive(Debug, Clone)]
pub struct SandboxLimits {
    /// Linear memory of all instances together: `sandbox.memory_bytes`.
    pub memory_bytes: usize,
    /// `sandbox.wall_seconds`.
    pub wall: Duration,
    /// `sandbox.cpu_seconds`.
    pub cpu: Duration,
    /// Wall and processor time of `describe` and `plan`: `sandbox.plan_milliseconds`.
    pub plan: Duration,
}

/// Core instances, memories and tables in one component: wit-component makes a handful.
const MAX_INSTANCES: usize = 64;
const MAX_MEMORIES: usize = 8;
const MAX_TABLES: usize = 64;
const MAX_TABLE_ELEMENTS: usize = 100_000;

#[derive(Debug)]
pub struct Limiter {
    memory_limit: usize,
    memory_used: usize,
    usage: Arc<UsageMeter>,
}

impl Limiter {
    pub fn new(memory_limit: usize, usage: Arc<UsageMeter>) -> Self {
        Limiter { memory_limit, memory_used: 0, usage }
    }
}

impl wasmtime::ResourceLimiter for Limiter {
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let asked = self.memory_used.saturating_sub(current).saturating_add(desired);
        if asked > self.memory_limit {
            return Err(LimitHit::Memory { asked, limit: self.memory_limit }.into());
        }
        self.memory_used = asked;
        self.usage.memory(asked);
        Ok(true)
    }

    fn table_growing(&mut self, _current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        if desired > MAX_TABLE_ELEMENTS {
            return Err(LimitHit::Table { asked: desired, limit: MAX_TABLE_ELEMENTS }.into());
        }
        Ok(true)
    }

    fn instances(&self) -> usize {
        MAX_INSTANCES
    }

    fn memories(&self) -> usize {
        MAX_MEMORIES
    }

    fn tables(&self) -> usize {
        MAX_TABLES
    }
}
