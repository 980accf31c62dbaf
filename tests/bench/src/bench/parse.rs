//! The part `parse`: measures the cost of the sandbox. It runs the code of `csv-load` natively with a host that only
//! counts, and as the guest of a load. It compares CPU times, because a busy machine affects the wall times of both.

use std::process::Command;

use serde_json::{Value, json};

use super::Bench;
use super::dataset::{Dataset, Keys};
use super::meter::{self, percentile};
use super::ours::Ours;
use super::peers::Loader;
use super::report::{Report, Table, thousands};
use jobhost_testkit::failure::{Failure, Result};
use jobhost_testkit::repository;

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
        guests.push(guest_seconds(&ours.row)?);
    }
    let rows = data.rows as f64;
    let native = percentile(&mut natives, 0.5);
    let title = format!("Parsing {} rows, {} keys: guest against native code", thousands(rows), keys.name());
    let mut table = Table::new(title, &["", "CPU s", "rows/CPU s", "time against native"]);
    let cells = |name: &str, seconds: f64| {
        [name.to_owned(), format!("{seconds:.3}"), thousands(rows / seconds), format!("{:.2}x", seconds / native)]
    };
    table.row(cells("native: example `parse` of plugins/csv", native));
    let guest = percentile(&mut guests, 0.5);
    let ratio = guest / native;
    table.row(cells("guest of csv_file_load", guest));
    table.note(
        "The guest's time is that of its thread with its calls of the host, less what the host spends on checking \
         batches, which the native program does not do either.",
    );
    let value = json!({"native_cpu_seconds": native, "guest_cpu_seconds": guest, "ratio": ratio});
    report.target("parse: CPU time of the guest against native", "<= 1.5x", format!("{ratio:.2}x"), ratio <= LIMIT);
    report.section("parse", (value, table))
}

fn build() -> Result<()> {
    let plugins = repository::root().join("plugins");
    let mut command = Command::new("cargo");
    command.args(["build", "--quiet", "--release", "--package", "jobhost-csv", "--example", "parse", "--target-dir"]);
    meter::run("cargo build --example parse", command.arg(plugins.join("target")).current_dir(&plugins))?;
    Ok(())
}

fn native_seconds(data: &Dataset) -> Result<f64> {
    let program = repository::root().join("plugins/target/release/examples/parse");
    let (text, usage) = meter::of_command("the example parse", Command::new(program).arg(&data.path))?;
    if text.starts_with(&format!("{} rows", data.rows)) {
        return Ok(usage.cpu_seconds);
    }
    Err(Failure::new(format!("the example parse says {text:?} instead of {} rows", data.rows)))
}

fn guest_seconds(row: &Value) -> Result<f64> {
    let told = |name: &str| row.get("usage").and_then(|usage| usage.get(name)).and_then(Value::as_f64);
    match (told("cpu_microseconds"), told("checking_microseconds")) {
        (Some(cpu), Some(checking)) => Ok((cpu - checking) / 1e6),
        _ => Err(Failure::new(format!("the job row does not tell the guest's usage: {row}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_the_guest_excludes_that_of_the_host() {
        let row = json!({"usage": {"cpu_microseconds": 900_000, "checking_microseconds": 300_000}});
        assert!((guest_seconds(&row).unwrap() - 0.6).abs() < 1e-9);
        assert!(guest_seconds(&json!({})).is_err());
    }
}
