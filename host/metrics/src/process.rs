//! Resources that the process uses, under the names that Prometheus's client libraries use. If `/proc` cannot be read, the
//! metrics keep their previous values.

use std::sync::atomic::{AtomicU64, Ordering};

use procfs::process::Process;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

#[derive(Debug)]
pub(crate) struct ProcessMetrics {
    cpu: Counter<f64, AtomicU64>,
    resident: Gauge,
    descriptors: Gauge,
    threads: Gauge,
}

impl ProcessMetrics {
    pub(crate) fn register(root: &mut Registry) -> Self {
        let registry = root.sub_registry_with_prefix("process");
        let cpu = Counter::default();
        registry.register_with_unit("cpu", "Processor time of the host", Unit::Seconds, cpu.clone());
        let resident = Gauge::default();
        registry.register_with_unit("resident_memory", "Resident memory of the host", Unit::Bytes, resident.clone());
        let descriptors = Gauge::default();
        registry.register("open_fds", "Open file descriptors", descriptors.clone());
        let threads = Gauge::default();
        registry.register("threads", "Threads", threads.clone());
        let started = Gauge::<f64, AtomicU64>::default();
        if let Some(seconds) = start_time() {
            started.set(seconds);
        }
        let help = "Start of the process, in seconds since 1970";
        registry.register_with_unit("start_time", help, Unit::Seconds, started);
        ProcessMetrics { cpu, resident, descriptors, threads }
    }

    /// Reads the current values.
    pub(crate) fn update(&self) {
        let Ok(process) = Process::myself() else { return };
        let whole = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        if let Ok(stat) = process.stat() {
            let ticks = procfs::ticks_per_second() as f64;
            let cpu = (stat.utime + stat.stime) as f64 / ticks;
            self.cpu.inner().store(cpu.to_bits(), Ordering::Relaxed);
            self.resident.set(whole(stat.rss.saturating_mul(procfs::page_size())));
            self.threads.set(stat.num_threads);
        }
        if let Ok(count) = process.fd_count() {
            self.descriptors.set(whole(count as u64));
        }
    }
}

/// When the process started, in seconds since 1970.
fn start_time() -> Option<f64> {
    let stat = Process::myself().and_then(|process| process.stat()).ok()?;
    let boot = procfs::boot_time_secs().ok()?;
    Some(boot as f64 + stat.starttime as f64 / procfs::ticks_per_second() as f64)
}
