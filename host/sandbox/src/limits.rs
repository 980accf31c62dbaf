//! What one sandbox may take.

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
