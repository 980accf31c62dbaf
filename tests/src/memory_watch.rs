//! Measures the peak memory of a running host, and raises the descriptor limit of the tests.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use jobhost_testkit::proc::Process;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

const MEBIBYTE: u64 = 1024 * 1024;
/// Frequent enough to see the peak of parsing a request of some megabytes.
const SAMPLE_EVERY: Duration = Duration::from_millis(5);
/// Memory outside of the budget: relocations of the code, stacks of threads, images of plugins, caches.
const FIXED: u64 = 64 * MEBIBYTE;

/// Raises the descriptor limit of this process and its children, as far as the hard limit permits.
pub fn allow_descriptors(count: u64) {
    let limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.unwrap_or(count);
    let current = limit.current.map(|current| current.max(count).min(most));
    setrlimit(Resource::Nofile, Rlimit { current, maximum: limit.maximum }).expect("a limit below the hard one");
}

/// Returns the private memory in bytes, or 0 if the process has ended.
fn memory(process: Process) -> u64 {
    process.memory().map_or(0, |memory| memory.anonymous)
}

/// Samples the memory of a host until it is asked for the peak.
pub struct MemoryWatch {
    process: Process,
    before: u64,
    peak: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl MemoryWatch {
    pub fn start(process: Process) -> Self {
        let before = memory(process);
        let (peak, stop) = (Arc::new(AtomicU64::new(before)), Arc::new(AtomicBool::new(false)));
        let thread = std::thread::spawn({
            let (peak, stop) = (Arc::clone(&peak), Arc::clone(&stop));
            move || {
                while !stop.load(Ordering::Relaxed) {
                    peak.fetch_max(memory(process), Ordering::Relaxed);
                    std::thread::sleep(SAMPLE_EVERY);
                }
            }
        });
        MemoryWatch { process, before, peak, stop, thread: Some(thread) }
    }

    /// Returns the peak so far in bytes.
    pub fn peak(&self) -> u64 {
        self.peak.load(Ordering::Relaxed)
    }

    pub fn grown(&self) -> u64 {
        self.peak().saturating_sub(self.before)
    }

    /// Checks that the host never exceeded its budget plus a tenth, plus its fixed memory.
    #[track_caller]
    pub fn assert_within(&self, budget: u64) {
        let most = budget + budget / 10 + FIXED;
        let peak = self.peak();
        assert!(peak <= most, "{} MiB of memory with a budget of {} MiB", peak / MEBIBYTE, budget / MEBIBYTE);
    }

    /// Checks that memory was freed, apart from fragmentation of the heap.
    #[track_caller]
    pub fn assert_given_back(&self) {
        let most = self.before + FIXED / 2;
        crate::eventually(&format!("the memory to fall below {} MiB again", most / MEBIBYTE), || {
            (memory(self.process) <= most).then_some(())
        });
    }
}

impl Drop for MemoryWatch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_temporary_growth_is_seen() {
        let watch = MemoryWatch::start(Process::own());
        let held = vec![1_u8; 64 << 20];
        crate::eventually("the growth", || (watch.grown() > 60 << 20).then_some(()));
        drop(std::hint::black_box(held));
        watch.assert_within(1 << 30);
    }
}
