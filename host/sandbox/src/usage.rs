//! An attempt's resource usage, updated while it runs, so that it is known however the attempt ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::cpu::CpuMeter;

#[derive(Debug, Default)]
pub struct UsageMeter {
    /// The guest's processor time, including host calls on its thread.
    pub cpu: Arc<CpuMeter>,
    /// The part of it that is spent on checking batches.
    pub checking: Arc<CpuMeter>,
    memory_peak: AtomicU64,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    host_calls: AtomicU64,
}

impl UsageMeter {
    pub fn host_call(&self) {
        self.host_calls.fetch_add(1, Ordering::Relaxed);
    }

    /// Adds bytes of a source or query passed to the guest.
    pub fn given(&self, bytes: usize) {
        self.bytes_in.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Adds bytes of a batch or sink received from the guest.
    pub fn taken(&self, bytes: usize) {
        self.bytes_out.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Records the guest's current memory.
    pub fn memory(&self, bytes: usize) {
        self.memory_peak.fetch_max(bytes as u64, Ordering::Relaxed);
    }

    pub fn memory_peak(&self) -> u64 {
        self.memory_peak.load(Ordering::Relaxed)
    }

    pub fn bytes_in(&self) -> u64 {
        self.bytes_in.load(Ordering::Relaxed)
    }

    pub fn bytes_out(&self) -> u64 {
        self.bytes_out.load(Ordering::Relaxed)
    }

    pub fn host_calls(&self) -> u64 {
        self.host_calls.load(Ordering::Relaxed)
    }
}
