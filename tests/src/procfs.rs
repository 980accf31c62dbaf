//! What the kernel says of a running host: memory, descriptors, processor time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

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

/// One process.
#[derive(Debug, Clone, Copy)]
pub struct Process(pub u32);

impl Process {
    /// Private memory in bytes: what nothing but the process itself can give back. Pages of the mapped store do not count.
    pub fn memory(self) -> u64 {
        self.status("RssAnon:").map_or(0, |kibibytes| kibibytes * 1024)
    }

    pub fn threads(self) -> u64 {
        self.status("Threads:").unwrap_or_default()
    }

    pub fn descriptors(self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.0)).map_or(0, Iterator::count)
    }

    /// Processor time in hundredths of a second, of all its threads.
    #[track_caller]
    pub fn ticks(self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.0)).expect("/proc");
        // The program's name stands in brackets and may hold blanks.
        let (_, fields) = stat.rsplit_once(')').expect("a name in brackets");
        let fields: Vec<u64> = fields.split_whitespace().map(|field| field.parse().unwrap_or_default()).collect();
        fields[11] + fields[12]
    }

    fn status(self, name: &str) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0)).ok()?;
        let line = status.lines().find(|line| line.starts_with(name))?;
        line.split_whitespace().nth(1)?.parse().ok()
    }
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
        let before = process.memory();
        let (peak, stop) = (Arc::new(AtomicU64::new(before)), Arc::new(AtomicBool::new(false)));
        let thread = std::thread::spawn({
            let (peak, stop) = (Arc::clone(&peak), Arc::clone(&stop));
            move || {
                while !stop.load(Ordering::Relaxed) {
                    peak.fetch_max(process.memory(), Ordering::Relaxed);
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
            (self.process.memory() <= most).then_some(())
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
    fn this_process_has_memory_threads_descriptors_and_time() {
        let own = Process(std::process::id());
        assert!(own.memory() > 0 && own.threads() > 0 && own.descriptors() > 2);
        let before = own.ticks();
        crate::eventually("a tick", || (own.ticks() > before).then_some(()));
    }

    #[test]
    fn a_passing_growth_is_seen() {
        let watch = MemoryWatch::start(Process(std::process::id()));
        let held = vec![1_u8; 64 << 20];
        crate::eventually("the growth", || (watch.grown() > 60 << 20).then_some(()));
        drop(std::hint::black_box(held));
        watch.assert_within(1 << 30);
    }
}
