//! What the kernel tells about a process and its children: CPU time and memory. Must never guess: a
//! process that is gone contributes nothing here, its CPU time is in its parent's "children" counters.

use std::collections::HashMap;
use std::fs;

/// Linux reports CPU time to user space in hundredths of a second on every architecture that Rust runs on.
const TICKS_PER_SECOND: f64 = 100.0;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stat {
    pub parent: u32,
    /// User and system time of the process itself.
    own_ticks: u64,
    /// The same of its children that have ended and were waited for.
    reaped_ticks: u64,
}

/// Bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Memory {
    /// The highest resident size so far, exact: the kernel keeps it.
    pub peak: u64,
    pub resident: u64,
    pub anonymous: u64,
    pub file: u64,
    pub shared: u64,
}

fn parse_stat(text: &str) -> Option<Stat> {
    // The second field is the program's name in brackets and may hold anything, also brackets and blanks.
    let (_, rest) = text.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let number = |at: usize| fields.get(at).and_then(|f| f.parse::<u64>().ok());
    Some(Stat {
        parent: u32::try_from(number(1)?).ok()?,
        own_ticks: number(11)? + number(12)?,
        reaped_ticks: number(13)? + number(14)?,
    })
}

fn parse_memory(text: &str) -> Memory {
    let mut memory = Memory::default();
    for line in text.lines() {
        let Some((name, value)) = line.split_once(':') else {
            continue;
        };
        let slot = match name {
            "VmHWM" => &mut memory.peak,
            "VmRSS" => &mut memory.resident,
            "RssAnon" => &mut memory.anonymous,
            "RssFile" => &mut memory.file,
            "RssShmem" => &mut memory.shared,
            _ => continue,
        };
        let kib = value.split_whitespace().next().and_then(|v| v.parse::<u64>().ok()).unwrap_or(0);
        *slot = kib * 1024;
    }
    memory
}

fn stat(pid: u32) -> Option<Stat> {
    parse_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// `None` when the process is gone.
pub fn memory(pid: u32) -> Option<Memory> {
    fs::read_to_string(format!("/proc/{pid}/status")).ok().map(|text| parse_memory(&text))
}

fn all_processes() -> HashMap<u32, Stat> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return HashMap::new();
    };
    entries
        .flatten()
        .filter_map(|e| e.file_name().to_str()?.parse::<u32>().ok())
        .filter_map(|pid| Some((pid, stat(pid)?)))
        .collect()
}

fn descendants(processes: &HashMap<u32, Stat>, root: u32) -> Vec<u32> {
    let mut found = vec![root];
    let mut at = 0;
    while let Some(parent) = found.get(at).copied() {
        found.extend(processes.iter().filter(|(_, s)| s.parent == parent).map(|(pid, _)| *pid));
        at += 1;
    }
    found
}

/// The process and all processes below it.
pub fn tree(root: u32) -> Vec<u32> {
    descendants(&all_processes(), root)
}

/// CPU seconds of the process with all its children, living and ended.
pub fn tree_cpu_seconds(root: u32) -> f64 {
    // A child that ends between two reads would be missed or counted twice, so read until two agree.
    let mut last = tree_ticks(root);
    for _ in 0..20 {
        let again = tree_ticks(root);
        if again.abs_diff(last) <= 1 {
            return again as f64 / TICKS_PER_SECOND;
        }
        last = again;
    }
    last as f64 / TICKS_PER_SECOND
}

fn tree_ticks(root: u32) -> u64 {
    let processes = all_processes();
    descendants(&processes, root)
        .iter()
        .filter_map(|pid| processes.get(pid))
        .map(|s| s.own_ticks + s.reaped_ticks)
        .sum()
}

/// CPU seconds of this process alone.
pub fn own_cpu_seconds() -> f64 {
    stat(std::process::id()).map_or(0.0, |s| s.own_ticks as f64 / TICKS_PER_SECOND)
}

/// CPU seconds of the children of this process that have ended.
pub fn reaped_cpu_seconds() -> f64 {
    stat(std::process::id()).map_or(0.0, |s| s.reaped_ticks as f64 / TICKS_PER_SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_and_blanks_does_not_shift_the_fields() {
        let line = "77 (a b) c) S 12 77 77 0 -1 0 1 2 3 4 100 20 3 4 20 0 9 0 1 2 3";
        let s = parse_stat(line).unwrap();
        assert_eq!(s, Stat { parent: 12, own_ticks: 120, reaped_ticks: 7 });
    }

    #[test]
    fn memory_lines_become_bytes() {
        let m = parse_memory("VmHWM:\t 2048 kB\nVmRSS: 1024 kB\nRssAnon:\t1 kB\nThreads: 4\n");
        assert_eq!((m.peak, m.resident, m.anonymous, m.file), (2 << 20, 1 << 20, 1024, 0));
    }

    #[test]
    fn descendants_are_found_at_any_depth() {
        let p = |parent| Stat { parent, ..Stat::default() };
        let all = HashMap::from([(2, p(1)), (3, p(2)), (4, p(3)), (5, p(1))]);
        let mut found = descendants(&all, 2);
        found.sort_unstable();
        assert_eq!(found, [2, 3, 4]);
    }
}
