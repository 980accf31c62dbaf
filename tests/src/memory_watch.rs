//! The highest memory of a running host, and how many descriptors the tests may have.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use jobhost_testkit::proc::Process;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

const MEBIBYTE: u64 = 1024 * 1024;
/// Often enough to see what a request of some megabytes becomes while it is parsed.
const SAMPLE_EVERY: Duration = Duration::from_millis(5);
/// Beside its budget the host holds its code's relocations, its threads' stacks, the plugins' images, its caches.
const FIXED: u64 = 64 * MEBIBYTE;

/// Lets this process and those that it starts have so many descriptors, if its own hard limit does.
pub fn allow_descriptors(count: u64) {
    let limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.unwrap_or(count);
    let current = limit.current.map(|current| current.max(count).min(most));
    setrlimit(Resource::Nofile, Rlimit { current, maximum: limit.maximum }).expect("a limit below the hard one");
}

/// Private memory in bytes; none when the process is gone.
fn memory(process: Process) -> u64 {
    process.memory().map_or(0, |memory| memory.anonymous)
}

/// Looks at the memory of a host again and again until it is asked for the highest that it saw.
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

    /// The highest so far, in bytes.
    pub fn peak(&self) -> u64 {
        self.peak.load(Ordering::Relaxed)
    }

    pub fn grown(&self) -> u64 {
        self.peak().saturating_sub(self.before)
    }

    /// The host has never held more than its budget, a tenth of it, and what it needs beside it.
    #[track_caller]
    pub fn assert_within(&self, budget: u64) {
        let most = budget + budget / 10 + FIXED;
        let peak = self.peak();
        assert!(peak <= most, "{} MiB of memory with a budget of {} MiB", peak / MEBIBYTE, budget / MEBIBYTE);
    }

    /// What was taken has been given back, but for what a heap keeps in its cracks.
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
    fn a_passing_growth_is_seen() {
        let watch = MemoryWatch::start(Process::own());
        let held = vec![1_u8; 64 << 20];
        crate::eventually("the growth", || (watch.grown() > 60 << 20).then_some(()));
        drop(std::hint::black_box(held));
        watch.assert_within(1 << 30);
    }
}
