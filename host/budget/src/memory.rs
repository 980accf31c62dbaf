//! The memory budget: determines its size, measures the memory of the process, and returns unused heap memory to the
//! system after a peak.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Resource, getrlimit};

use super::pool::{Owner, Pool};

/// Interval between two measurements of the process's memory.
const LOOK: Duration = Duration::from_millis(100);
/// Minimum interval between two heap trims. The heap is locked during a trim.
const TRIM: Duration = Duration::from_secs(2);
/// Maximum interval between two trims. The interval grows while trims gain little.
const RARELY: Duration = Duration::from_secs(60);
/// Heap memory, in bytes, that is not trimmed but kept for the next requests.
const KEPT_BYTES: u64 = 16 << 20;
/// Allocations of at least this size get their own pages, which return to the system as soon as they are freed.
/// Otherwise bodies, batches and the buffers of password hashing would fragment the heap, and the process would hold
/// twice the memory that is charged.
#[cfg(target_env = "gnu")]
const APART_BYTES: libc::c_int = 1 << 20;

/// Returns the memory in bytes that this process may use: the minimum of the machine's memory, its control groups and
/// its own limits.
pub fn available_bytes() -> u64 {
    let limits = [Resource::As, Resource::Data].map(|resource| getrlimit(resource).current);
    let all = [machine_bytes(), control_group_bytes()].into_iter().chain(limits).flatten();
    // 1 GiB if the system reports nothing.
    all.min().unwrap_or(1 << 30)
}

fn machine_bytes() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes << 10)
}

/// Returns the lowest memory limit of the process's control groups, for cgroup v1 and v2.
fn control_group_bytes() -> Option<u64> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let limits = groups.lines().filter_map(|line| {
        let mut parts = line.splitn(3, ':');
        let (_, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
        let (root, file) = match controllers {
            "" => ("/sys/fs/cgroup", "memory.max"),
            "memory" => ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
            _ => return None,
        };
        least_limit(Path::new(root), path, file)
    });
    limits.min()
}

/// Returns the lowest limit of a control group and its ancestors. Inside a container, only the groups below its own
/// root are visible.
fn least_limit(root: &Path, path: &str, file: &str) -> Option<u64> {
    let beneath = Path::new(path.trim_start_matches('/'));
    let limit = |group: &Path| fs::read_to_string(root.join(group).join(file)).ok()?.trim().parse::<u64>().ok();
    beneath.ancestors().filter_map(limit).min()
}

/// Memory of this process that is no file's: what it allocated and touched. `None` if the system does not say.
pub fn anonymous_bytes() -> Option<u64> {
    let text = fs::read_to_string("/proc/self/statm").ok()?;
    let mut pages = text.split_whitespace().skip(1).map(str::parse::<u64>);
    let (resident, shared) = (pages.next()?.ok()?, pages.next()?.ok()?);
    Some(resident.saturating_sub(shared).saturating_mul(rustix::param::page_size() as u64))
}

/// Starts a thread that measures the process's memory, reports it to the budget, and trims the heap after a peak.
pub fn watch(pool: &Pool) -> std::io::Result<()> {
    let pool = pool.clone();
    std::thread::Builder::new().name("memory".to_owned()).spawn(move || {
        // The baseline of the host without requests: static data and threads.
        let _own = pool.adopt(&Owner::Host, anonymous_bytes().unwrap_or(0));
        let mut trimming = Trimming { last: Instant::now(), pause: TRIM };
        loop {
            std::thread::sleep(LOOK);
            let Some(now) = anonymous_bytes() else { return };
            pool.set_measured(now);
            let expected = pool.used().saturating_add(KEPT_BYTES);
            if now > expected {
                trimming.trim(now);
            }
        }
    })?;
    Ok(())
}

struct Trimming {
    last: Instant,
    pause: Duration,
}

impl Trimming {
    fn trim(&mut self, held: u64) {
        if self.last.elapsed() < self.pause {
            return;
        }
        give_back_free_memory();
        self.last = Instant::now();
        let gained = held.saturating_sub(anonymous_bytes().unwrap_or(held));
        self.pause = if gained < held / 16 { (self.pause * 2).min(RARELY) } else { TRIM };
    }
}

/// Configures the heap to allocate large blocks in separate pages. Must be called before the first large allocation.
pub fn keep_large_pieces_apart() {
    #[cfg(target_env = "gnu")]
    #[allow(
        unsafe_code,
        reason = "the C library's heap is set up by a C call only. It takes two numbers, and where it refuses them the heap \
                  stays as it was"
    )]
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, APART_BYTES);
        // The first call also disables the automatic adjustment of this threshold. With its minimum, every free would
        // return memory to the system.
        libc::mallopt(libc::M_TRIM_THRESHOLD, 16 * APART_BYTES);
    }
}

fn give_back_free_memory() {
    #[cfg(target_env = "gnu")]
    #[allow(
        unsafe_code,
        reason = "the C library's heap gives pages back to the system by a C call only. It takes a number, can be called \
                  from any thread at any time, and changes nothing that a program can see"
    )]
    unsafe {
        libc::malloc_trim(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_reports_available_memory_and_memory_of_the_process() {
        let available = available_bytes();
        let held = anonymous_bytes().unwrap();
        assert!(held > 0 && held < available, "{held} of {available}");
    }

    #[test]
    fn the_limit_of_an_outer_control_group_applies_to_inner_ones() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("a/b")).unwrap();
        fs::write(root.path().join("a/memory.max"), "1000\n").unwrap();
        fs::write(root.path().join("a/b/memory.max"), "max\n").unwrap();
        assert_eq!(least_limit(root.path(), "/a/b", "memory.max"), Some(1000));
        fs::write(root.path().join("a/b/memory.max"), "500\n").unwrap();
        assert_eq!(least_limit(root.path(), "/a/b", "memory.max"), Some(500));
        assert_eq!(least_limit(root.path(), "/elsewhere", "memory.max"), None);
    }
}
