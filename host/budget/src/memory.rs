//! The memory budget: its size, the memory that the process really uses, and returning unused heap memory to the
//! system after a peak.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Resource, getrlimit};

use super::pool::{Owner, Pool};

/// How often it is looked at what the process holds.
const LOOK: Duration = Duration::from_millis(100);
/// How often at most the heap is asked to give back what it does not use. It is locked meanwhile.
const TRIM: Duration = Duration::from_secs(2);
/// After a trim that brought little the next one waits longer, up to this.
const RARELY: Duration = Duration::from_secs(60);
/// The heap may keep this much for the next request.
const KEPT_BYTES: u64 = 16 << 20;
/// What is at least this large has pages of its own, which go back to the system at once. Bodies, batches and the tables
/// of password hashes would otherwise leave holes in the heap, and what is held would be twice what is charged.
#[cfg(target_env = "gnu")]
const APART_BYTES: libc::c_int = 1 << 20;

/// The memory that this process may use at most: of the machine, of its control groups, of its own limits.
pub fn available_bytes() -> u64 {
    let limits = [Resource::As, Resource::Data].map(|resource| getrlimit(resource).current);
    let all = [machine_bytes(), control_group_bytes()].into_iter().chain(limits).flatten();
    // 1 GiB where the system tells nothing at all.
    all.min().unwrap_or(1 << 30)
}

fn machine_bytes() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes << 10)
}

/// The least limit of the control groups that the process is in, of either version.
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

/// A group is bounded by those that it is in, too. Inside a container its own root is what can be seen.
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

/// Looks at what the process holds for as long as it lives: tells the budget, and has the heap trimmed after a peak.
pub fn watch(pool: &Pool) -> std::io::Result<()> {
    let pool = pool.clone();
    std::thread::Builder::new().name("memory".to_owned()).spawn(move || {
        // What the host is without anybody: its code's own data, its threads.
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

/// Sets how the heap deals with large pieces. To be called before the first of them.
pub fn keep_large_pieces_apart() {
    #[cfg(target_env = "gnu")]
    #[allow(
        unsafe_code,
        reason = "the C library's heap is set up by a C call only. It takes two numbers, and where it refuses them the heap \
                  stays as it was"
    )]
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, APART_BYTES);
        // The first call ends the heap's own adjusting of this one; its smallest value would have each free give back.
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
    fn the_system_tells_how_much_memory_there_is_and_what_this_process_holds() {
        let available = available_bytes();
        let held = anonymous_bytes().unwrap();
        assert!(held > 0 && held < available, "{held} of {available}");
    }

    #[test]
    fn a_group_has_no_more_than_the_groups_around_it() {
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
