//! The part `parse`: what does the sandbox cost? The code of `csv-load`, once compiled for this machine with
//! a host that only counts, and once as the guest of a load. CPU time against CPU time: a busy machine
//! stretches the wall time of both.

use std::process::Command;

use serde_json::{Value, json};

use super::Bench;
use super::dataset::{Dataset, Keys};
use super::meter::{self, percentile};
use super::ours::Ours;
use super::peers::Loader;
use super::report::{Report, Table, thousands};
use crate::failure::{Failure, Result};
use crate::repository;

/// The name under which the job row (in its object `usage`) or the host's log tells the CPU time of a guest.
const GUEST_CPU: &str = "guest_cpu_ms";
const LIMIT: f64 = 1.5;

pub fn run(bench: &Bench, report: &mut Report) -> Result<()> {
    let keys = bench.options.keys.first().copied().unwrap_or(Keys::Sequential);
    let data = Dataset::prepare(&bench.dir, bench.options.rows, keys)?;
    data.warm()?;
    build()?;
    let (mut natives, mut guests) = (Vec::new(), Vec::new());
    for _ in 0..bench.options.rounds {
        natives.push(native_seconds(&data)?);
        let mut ours = Ours::new(bench);
        ours.load(&data)?;
        guests.extend(guest_seconds(&ours.row, &ours.log));
    }
    let rows = data.rows as f64;
    let native = percentile(&mut natives, 0.5);
    let title = format!(
        "Parsing {} rows, {} keys: guest against native code",
        thousands(rows),
        keys.name()
    );
    let mut table = Table::new(title, &["", "CPU s", "rows/CPU s", "time against native"]);
    let cells = |name: &str, seconds: f64| {
        [
            name.to_owned(),
            format!("{seconds:.3}"),
            thousands(rows / seconds),
            format!("{:.2}x", seconds / native),
        ]
    };
    table.row(cells("native: example `parse` of plugins/csv", native));
    let mut value = json!({"native_cpu_seconds": native});
    if guests.is_empty() {
        table.note(format!(
            "Neither job row nor log of this host tells {GUEST_CPU}: the guest is not shown."
        ));
        report.target(
            "parse: CPU time of the guest against native",
            "<= 1.5x",
            "not told by the host",
            false,
        );
    } else {
        let guest = percentile(&mut guests, 0.5);
        let ratio = guest / native;
        table.row(cells("guest of csv_file_load", guest));
        table.note("The guest's time includes the host's part of its calls: reading the file, taking the batches.");
        value = json!({"native_cpu_seconds": native, "guest_cpu_seconds": guest, "ratio": ratio});
        report.target(
            "parse: CPU time of the guest against native",
            "<= 1.5x",
            format!("{ratio:.2}x"),
            ratio <= LIMIT,
        );
    }
    report.section("parse", (value, table))
}

fn build() -> Result<()> {
    let plugins = repository::root().join("plugins");
    let mut command = Command::new("cargo");
    command.args([
        "build",
        "--quiet",
        "--release",
        "--package",
        "jobhost-csv",
        "--example",
        "parse",
        "--target-dir",
    ]);
    meter::run(
        "cargo build --example parse",
        command.arg(plugins.join("target")).current_dir(&plugins),
    )?;
    Ok(())
}

fn native_seconds(data: &Dataset) -> Result<f64> {
    let program = repository::root().join("plugins/target/release/examples/parse");
    let (text, usage) = meter::of_command("the example parse", Command::new(program).arg(&data.path))?;
    if text.starts_with(&format!("{} rows", data.rows)) {
        return Ok(usage.cpu_seconds);
    }
    Err(Failure::new(format!(
        "the example parse says {text:?} instead of {} rows",
        data.rows
    )))
}

fn guest_seconds(row: &Value, log: &str) -> Option<f64> {
    let told = row
        .get("usage")
        .and_then(|usage| usage.get(GUEST_CPU))
        .and_then(Value::as_f64);
    told.or_else(|| logged(log))
        .map(|milliseconds| milliseconds / 1e3)
        .filter(|seconds| *seconds > 0.0)
}

/// The last `guest_cpu_ms=12` or `"guest_cpu_ms":12`.
fn logged(log: &str) -> Option<f64> {
    let (_, after) = log.rsplit_once(GUEST_CPU)?;
    let figure = after.trim_start_matches(['"', ':', '=', ' ']);
    figure
        .split(|c: char| !c.is_ascii_digit() && c != '.')
        .next()?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guests_time_is_found_in_row_or_log() {
        let log = "INFO job ended guest_cpu_ms=7 x=1\nINFO job ended guest_cpu_ms=1500\n";
        assert_eq!(guest_seconds(&json!({}), log), Some(1.5));
        assert_eq!(
            guest_seconds(&json!({}), r#"{"fields":{"guest_cpu_ms":250}}"#),
            Some(0.25)
        );
        assert_eq!(guest_seconds(&json!({"usage": {"guest_cpu_ms": 500}}), log), Some(0.5));
        assert_eq!(guest_seconds(&json!({}), "nothing"), None);
    }
}
