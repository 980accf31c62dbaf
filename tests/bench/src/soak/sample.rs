//! Samples what the host holds: memory, descriptors, threads, disk. Often enough to see temporary peaks.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use jobhost_testkit::Host;
use jobhost_testkit::proc::Process;

const EVERY: Duration = Duration::from_millis(50);
/// Memory that the heap and pools may keep in addition to the baseline.
const KEPT_MEMORY: u64 = 64 << 20;
const KEPT_DESCRIPTORS: u64 = 16;
/// A pool keeps a thread as long as it gets occasional work, and threads take turns.
const KEPT_THREADS: u64 = 64;
const MEBIBYTE: u64 = 1 << 20;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sample {
    /// Private memory in bytes. Pages of the mapped store are excluded, because the kernel can reclaim them.
    pub memory: u64,
    pub descriptors: u64,
    pub threads: u64,
    /// Bytes that the data directory occupies on disk.
    pub disk: u64,
}

impl Sample {
    fn of(pid: u32) -> Option<Self> {
        let process = Process(pid);
        let memory = process.memory()?.anonymous;
        let (descriptors, threads) = (process.descriptors() as u64, process.threads());
        Some(Self { memory, descriptors, threads, disk: 0 })
    }

    fn most(self, other: Self) -> Self {
        Self {
            memory: self.memory.max(other.memory),
            descriptors: self.descriptors.max(other.descriptors),
            threads: self.threads.max(other.threads),
            disk: self.disk.max(other.disk),
        }
    }

    /// Whether everything is as before, within the tolerance.
    pub fn is_back(self, before: Self) -> bool {
        self.memory <= before.memory + KEPT_MEMORY
            && self.descriptors <= before.descriptors + KEPT_DESCRIPTORS
            && self.threads <= before.threads + KEPT_THREADS
    }

    pub fn heading() -> String {
        format!("{:>8} {:>7} {:>7} {:>8}", "mem MiB", "descr", "threads", "disk MiB")
    }

    pub fn cells(self) -> String {
        let [memory, disk] = [self.memory, self.disk].map(|bytes| bytes / MEBIBYTE);
        format!("{memory:>8} {:>7} {:>7} {disk:>8}", self.descriptors, self.threads)
    }

    /// Describes the tolerance in words.
    pub fn tolerance() -> String {
        format!("{} MiB, {KEPT_DESCRIPTORS} descriptors, {KEPT_THREADS} threads", KEPT_MEMORY / MEBIBYTE)
    }
}

/// The state of the host after the attackers have stopped.
#[derive(Debug, Clone, Copy)]
pub struct Returned {
    /// How long it took until everything was as before, or `None` if it never was.
    pub after: Option<Duration>,
    pub last: Sample,
}

/// Records the peaks since they were last read.
pub struct Watch {
    pid: u32,
    data: PathBuf,
    peak: Arc<Mutex<Sample>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    pub fn start(host: &Host) -> Self {
        let (pid, data) = (host.id(), host.data());
        let (peak, stop) = (Arc::<Mutex<Sample>>::default(), Arc::<AtomicBool>::default());
        let thread = thread::spawn({
            let (peak, stop) = (Arc::clone(&peak), Arc::clone(&stop));
            move || {
                while !stop.load(Ordering::Relaxed) {
                    if let Some(sample) = Sample::of(pid) {
                        let mut peak = peak.lock().unwrap_or_else(PoisonError::into_inner);
                        *peak = peak.most(sample);
                    }
                    thread::sleep(EVERY);
                }
            }
        });
        Self { pid, data, peak, stop, thread: Some(thread) }
    }

    /// Takes a sample. Returns `None` if the host has ended.
    pub fn now(&self) -> Option<Sample> {
        Some(Sample { disk: on_disk(&self.data), ..Sample::of(self.pid)? })
    }

    /// Returns the peaks since the last call.
    pub fn turn(&self) -> Sample {
        let mut peak = self.peak.lock().unwrap_or_else(PoisonError::into_inner);
        Sample { disk: on_disk(&self.data), ..std::mem::take(&mut *peak) }
    }

    /// Waits until everything is as before, for at most `within`.
    pub fn returned(&self, before: &Sample, within: Duration) -> Returned {
        let started = Instant::now();
        loop {
            let last = self.now().unwrap_or_default();
            let after = started.elapsed();
            if last.is_back(*before) {
                return Returned { after: Some(after), last };
            }
            if after >= within {
                return Returned { after: None, last };
            }
            thread::sleep(EVERY);
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ended = self.thread.take().map(JoinHandle::join);
    }
}

/// Bytes that all files below a directory occupy on disk.
fn on_disk(directory: &Path) -> u64 {
    let entries = directory.read_dir().into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => on_disk(&entry.path()),
            Ok(metadata) => metadata.blocks() * 512,
            // The file has just been removed.
            Err(_) => 0,
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_current_process_is_sampled_and_equals_its_baseline() {
        let own = Sample::of(std::process::id()).unwrap();
        assert!(own.memory > 0 && own.descriptors > 2 && own.threads > 0);
        assert!(own.is_back(own));
        assert!(!Sample { memory: own.memory + KEPT_MEMORY + 1, ..own }.is_back(own));
        assert!(!Sample { descriptors: own.descriptors + KEPT_DESCRIPTORS + 1, ..own }.is_back(own));
        assert_eq!(Sample::of(u32::MAX), None);
    }

    #[test]
    fn holes_in_files_are_not_counted() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("sub")).unwrap();
        fs::File::create(folder.path().join("sub/hole")).unwrap().set_len(1 << 40).unwrap();
        fs::write(folder.path().join("sub/file"), vec![1; 100_000]).unwrap();
        assert!((100_000..10_000_000).contains(&on_disk(folder.path())));
    }
}
