//! Measures processor time per thread.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Processor time spent so far; can be read while it is updated.
#[derive(Debug, Default)]
pub struct CpuMeter {
    nanoseconds: AtomicU64,
}

impl CpuMeter {
    /// Runs `work` on this thread and adds the time it takes.
    pub fn measure<T>(&self, work: impl FnOnce() -> T) -> T {
        let before = thread_time();
        let done = work();
        let spent = thread_time().saturating_sub(before);
        self.nanoseconds.fetch_add(u64::try_from(spent.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
        done
    }

    pub fn used(&self) -> Duration {
        Duration::from_nanos(self.nanoseconds.load(Ordering::Relaxed))
    }
}

fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}
