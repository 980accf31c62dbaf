//! Describes the machine on which the results were measured. It must not reveal the name of the machine.

use std::fs::{self, File};
use std::io::{Seek, Write};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use serde_json::{Value, json};

use super::Bench;
use super::meter::{self, percentile};
use super::report::Table;
use jobhost_testkit::failure::{Doing, Result};

const SYNCS: u32 = 50;

pub fn describe(bench: &Bench) -> Result<(Value, Table)> {
    let processor = field("/proc/cpuinfo", "model name");
    let memory = field("/proc/meminfo", "MemTotal");
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = meter::run("uname", Command::new("uname").arg("-sr"))?;
    let sync = sync_milliseconds(&bench.dir)?;
    let load = load_average();
    let mut table = Table::new("The machine", &["what", "value"]);
    for (what, value) in [
        ("processor", format!("{processor}, {cores} cores")),
        ("memory", memory.clone()),
        ("kernel", kernel.clone()),
        ("durable write of 4 KiB (fdatasync), median", format!("{sync:.2} ms")),
        ("load average at the start (1, 5, 15 minutes)", load.clone()),
    ] {
        table.row([what.to_owned(), value]);
    }
    let value = json!({
        "processor": processor, "cores": cores, "memory": memory, "kernel": kernel,
        "sync_4k_ms": sync, "load_average_start": load,
    });
    Ok((value, table))
}

pub fn load_average() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().take(3).collect::<Vec<_>>().join(" ")
}

fn field(file: &str, name: &str) -> String {
    let text = fs::read_to_string(file).unwrap_or_default();
    let lines = text.lines().filter_map(|l| l.split_once(':'));
    let mut found = lines.filter(|(n, _)| n.trim() == name).map(|(_, v)| v.trim().to_owned());
    found.next().unwrap_or_else(|| "unknown".to_owned())
}

/// The minimum time of any durable write on this disk.
fn sync_milliseconds(dir: &Path) -> Result<f64> {
    let cannot = || format!("cannot write in {}", dir.display());
    let mut file: File = tempfile::tempfile_in(dir).doing(cannot)?;
    let mut times = Vec::new();
    for _ in 0..SYNCS {
        let start = Instant::now();
        file.rewind().and_then(|()| file.write_all(&[7; 4096])).and_then(|()| file.sync_data()).doing(cannot)?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    Ok(percentile(&mut times, 0.5))
}
