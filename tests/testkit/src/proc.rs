//! Reads what the kernel reports about a process and its children: memory, descriptors, threads, processor time. It
//! never estimates: a process that has ended contributes nothing here, because its parent's counters include its
//! processor time.

use std::collections::HashMap;

use procfs::process::{Process as Entry, Stat, Status};

/// Linux reports processor time to user space in hundredths of a second on every architecture that Rust supports.
const TICKS_PER_SECOND: f64 = 100.0;
/// Maximum number of reads of a process tree until two of them agree.
const READS: u32 = 20;

/// Memory in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Memory {
    /// The peak resident size so far. It is exact, because the kernel keeps it.
    pub peak: u64,
    pub resident: u64,
    /// Memory that only the process itself can free. Pages of a mapped store are not included.
    pub anonymous: u64,
    pub file: u64,
    pub shared: u64,
}

/// A process, by its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Process(pub u32);

impl Process {
    pub fn own() -> Self {
        Process(std::process::id())
    }

    /// Returns `None` if the process has ended, even if nobody has waited for it yet.
    pub fn memory(self) -> Option<Memory> {
        let status = self.status()?;
        let bytes = |kibibytes: Option<u64>| kibibytes.unwrap_or_default() * 1024;
        status.vmrss.map(|resident| Memory {
            peak: bytes(status.vmhwm),
            resident: resident * 1024,
            anonymous: bytes(status.rssanon),
            file: bytes(status.rssfile),
            shared: bytes(status.rssshmem),
        })
    }

    pub fn threads(self) -> u64 {
        self.status().map_or(0, |status| status.threads)
    }

    pub fn descriptors(self) -> usize {
        self.entry().and_then(|entry| entry.fd_count().ok()).unwrap_or_default()
    }

    /// Processor time of all its threads, in hundredths of a second.
    pub fn ticks(self) -> u64 {
        self.stat().map_or(0, |stat| own_ticks(&stat))
    }

    /// Processor time of all its threads, in seconds.
    pub fn cpu_seconds(self) -> f64 {
        self.ticks() as f64 / TICKS_PER_SECOND
    }

    /// Processor time in seconds of its children that have ended and were waited for.
    pub fn reaped_cpu_seconds(self) -> f64 {
        self.stat().map_or(0, |stat| reaped_ticks(&stat)) as f64 / TICKS_PER_SECOND
    }

    /// Returns this process and all its descendants.
    pub fn tree(self) -> Vec<Process> {
        let parents = all().iter().map(|(id, stat)| (*id, stat.ppid.unsigned_abs())).collect();
        descendants(&parents, self.0).into_iter().map(Process).collect()
    }

    /// Processor time in seconds of this process and all its descendants, running or ended.
    pub fn tree_cpu_seconds(self) -> f64 {
        // A child that ends between two reads would be missed or counted twice.
        let mut last = self.tree_ticks();
        for _ in 0..READS {
            let again = self.tree_ticks();
            if again.abs_diff(last) <= 1 {
                return again as f64 / TICKS_PER_SECOND;
            }
            last = again;
        }
        last as f64 / TICKS_PER_SECOND
    }

    fn tree_ticks(self) -> u64 {
        let all = all();
        let parents = all.iter().map(|(id, stat)| (*id, stat.ppid.unsigned_abs())).collect();
        let tree = descendants(&parents, self.0);
        tree.iter().filter_map(|id| all.get(id)).map(|stat| own_ticks(stat) + reaped_ticks(stat)).sum()
    }

    fn entry(self) -> Option<Entry> {
        Entry::new(i32::try_from(self.0).ok()?).ok()
    }

    fn status(self) -> Option<Status> {
        self.entry()?.status().ok()
    }

    fn stat(self) -> Option<Stat> {
        self.entry()?.stat().ok()
    }
}

fn own_ticks(stat: &Stat) -> u64 {
    stat.utime + stat.stime
}

fn reaped_ticks(stat: &Stat) -> u64 {
    u64::try_from(stat.cutime + stat.cstime).unwrap_or_default()
}

fn all() -> HashMap<u32, Stat> {
    let entries = procfs::process::all_processes().into_iter().flatten().flatten();
    entries.filter_map(|entry| Some((u32::try_from(entry.pid()).ok()?, entry.stat().ok()?))).collect()
}

/// Returns a process and all its descendants, given the parent of each process.
fn descendants(parents: &HashMap<u32, u32>, root: u32) -> Vec<u32> {
    let mut found = vec![root];
    let mut at = 0;
    while let Some(parent) = found.get(at).copied() {
        found.extend(parents.iter().filter(|(_, of)| **of == parent).map(|(id, _)| *id));
        at += 1;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_current_process_has_memory_threads_descriptors_and_time() {
        let own = Process::own();
        let memory = own.memory().unwrap();
        assert!(memory.anonymous > 0 && memory.peak >= memory.resident && memory.resident > memory.anonymous);
        assert!(own.threads() > 0 && own.descriptors() > 2);
        let before = own.ticks();
        crate::eventually("a tick", || (own.ticks() > before).then_some(()));
        assert_eq!(Process(i32::MAX.unsigned_abs()).memory(), None);
    }

    #[test]
    fn a_child_belongs_to_the_tree() {
        let mut child = std::process::Command::new("sleep").arg("600").spawn().unwrap();
        assert!(Process::own().tree().contains(&Process(child.id())));
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn descendants_are_found_at_any_depth() {
        let mut found = descendants(&HashMap::from([(2, 1), (3, 2), (4, 3), (5, 1)]), 2);
        found.sort_unstable();
        assert_eq!(found, [2, 3, 4]);
    }
}
