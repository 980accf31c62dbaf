//! Measures the resources that a command or a running server used. Its own cost must not exceed reading a few `/proc`
//! files every few milliseconds.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use jobhost_testkit::failure::{Doing, Failure, Result};
use jobhost_testkit::proc::{Memory, Process};

const SAMPLE_EVERY: Duration = Duration::from_millis(20);
/// Finding children requires reading all of `/proc`, which costs more than the samples.
const SAMPLES_A_TREE: u32 = 5;

/// Peak memory in bytes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Peaks {
    /// For one process, the kernel's high-water mark since its start. For several, the highest sample of the sum of
    /// their private memory plus their shared memory counted once.
    pub resident: u64,
    /// Memory that only the processes themselves can free.
    pub anonymous: u64,
    /// Pages of mapped files, which the kernel may drop at any time.
    pub file: u64,
    /// The highest sampled total since the start of the measurement.
    pub sampled: u64,
}

#[derive(Debug, Clone, Copy, Default)]
pub struct Usage {
    pub wall_seconds: f64,
    pub cpu_seconds: f64,
    pub peaks: Peaks,
}

/// Samples the memory of a process and all its children until it is stopped.
pub struct Sampler {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Peaks>>,
}

impl Sampler {
    pub fn start(root: u32) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let mut peaks = Peaks::default();
            let mut tree = Process(root).tree();
            for turn in 1_u32.. {
                let last = stopped.load(Ordering::Relaxed);
                sample(&tree, &mut peaks);
                if turn.is_multiple_of(SAMPLES_A_TREE) {
                    tree = Process(root).tree();
                }
                if last {
                    break;
                }
                thread::sleep(SAMPLE_EVERY);
            }
            peaks
        });
        Self { stop, thread: Some(thread) }
    }

    pub fn stop(mut self) -> Peaks {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().and_then(|t| t.join().ok()).unwrap_or_default()
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn sample(tree: &[Process], peaks: &mut Peaks) {
    let seen: Vec<Memory> = tree.iter().filter_map(|process| process.memory()).collect();
    let anonymous: u64 = seen.iter().map(|m| m.anonymous).sum();
    // Processes of one server map the same program and shared memory, which count once.
    let file = seen.iter().map(|m| m.file).max().unwrap_or(0);
    let shared = seen.iter().map(|m| m.shared).max().unwrap_or(0);
    peaks.sampled = peaks.sampled.max(anonymous + file + shared);
    peaks.anonymous = peaks.anonymous.max(anonymous);
    peaks.file = peaks.file.max(file);
    peaks.resident = match seen.as_slice() {
        [only] => peaks.resident.max(only.peak),
        _ => peaks.resident.max(anonymous + file + shared),
    };
}

/// Runs `work` and returns what the server `pid` and all its children used meanwhile, plus the CPU time of the commands
/// that `work` ran to their end.
pub fn of_server<T>(pid: u32, work: impl FnOnce() -> Result<T>) -> Result<(T, Usage)> {
    let sampler = Sampler::start(pid);
    let commands = Process::own().reaped_cpu_seconds();
    let before = Process(pid).tree_cpu_seconds();
    let start = Instant::now();
    let done = work()?;
    let wall_seconds = start.elapsed().as_secs_f64();
    let cpu_seconds = Process(pid).tree_cpu_seconds() - before + Process::own().reaped_cpu_seconds() - commands;
    Ok((done, Usage { wall_seconds, cpu_seconds, peaks: sampler.stop() }))
}

/// Runs one command to its end and returns its output. The error of a failed command contains the output too.
pub fn of_command(what: &str, command: &mut Command) -> Result<(String, Usage)> {
    let cannot = || format!("cannot run {what}");
    let before = Process::own().reaped_cpu_seconds();
    let start = Instant::now();
    let child = command
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .doing(cannot)?;
    let sampler = Sampler::start(child.id());
    let output = child.wait_with_output().doing(cannot)?;
    let wall_seconds = start.elapsed().as_secs_f64();
    let cpu_seconds = Process::own().reaped_cpu_seconds() - before;
    let peaks = sampler.stop();
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        return Err(Failure::new(format!("{what} failed ({}): {}", output.status, stderr.trim())));
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok((text, Usage { wall_seconds, cpu_seconds, peaks }))
}

/// Runs a command without measuring it.
pub fn run(what: &str, command: &mut Command) -> Result<String> {
    let output = command.stdin(std::process::Stdio::null()).output().doing(|| format!("cannot run {what}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    Err(Failure::new(format!("{what} failed ({}): {}", output.status, stderr.trim())))
}

/// Returns the median of each value separately, because there are few rounds and the machine may be shared.
pub fn median(rounds: &[Usage]) -> Usage {
    let of = |figure: &dyn Fn(&Usage) -> f64| middle(rounds.iter().map(figure).collect());
    let bytes = |figure: &dyn Fn(&Usage) -> u64| of(&|u| figure(u) as f64) as u64;
    Usage {
        wall_seconds: of(&|u| u.wall_seconds),
        cpu_seconds: of(&|u| u.cpu_seconds),
        peaks: Peaks {
            resident: bytes(&|u| u.peaks.resident),
            anonymous: bytes(&|u| u.peaks.anonymous),
            file: bytes(&|u| u.peaks.file),
            sampled: bytes(&|u| u.peaks.sampled),
        },
    }
}

fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    // Both are the same if the number of values is odd.
    let (low, high) = (values.len().saturating_sub(1) / 2, values.len() / 2);
    values.get(low).zip(values.get(high)).map_or(0.0, |(low, high)| f64::midpoint(*low, *high))
}

/// Returns the value that `share` (0 to 1) of the values do not exceed.
pub fn percentile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let rank = (share * values.len() as f64).ceil() as usize;
    values.get(rank.saturating_sub(1)).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_measured_with_its_children() {
        let burn = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done";
        let script = format!("sh -c '{burn}'; echo done");
        let (text, usage) = of_command("sh", Command::new("sh").arg("-c").arg(script)).unwrap();
        assert_eq!(text, "done\n");
        assert!(usage.cpu_seconds > 0.0 && usage.wall_seconds > 0.0);
        assert!(usage.peaks.resident > 0);
    }

    #[test]
    fn a_failing_command_says_why() {
        let e = of_command("sh", Command::new("sh").args(["-c", "echo broken >&2; exit 3"])).unwrap_err();
        assert!(e.to_string().contains("broken"), "{e}");
    }

    #[test]
    fn percentiles_and_medians() {
        let mut v: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        assert_eq!(percentile(&mut v, 0.5), 50.0);
        assert_eq!(percentile(&mut v, 0.99), 99.0);
        assert_eq!(percentile(&mut [], 0.5), 0.0);
        assert_eq!(middle(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(middle(vec![4.0, 1.0]), 2.5);
        assert_eq!(middle(Vec::new()), 0.0);
    }
}
