//! The part `parse`: what does the sandbox cost? The same parser, once compiled for this machine and once
//! as the guest of a load.

use std::process::Command;

use serde_json::{Value, json};

use super::Bench;
use super::dataset::Dataset;
use super::meter;
use super::ours::Ours;
use super::peers::Loader;
use super::report::{Report, Table, thousands};
use crate::failure::{Failure, Result};
use crate::repository;

/// Where a finished job row tells the CPU milliseconds of its guest.
const GUEST_CPU_MS: &str = "/usage/guest_cpu_ms";
const LIMIT: f64 = 1.5;

pub fn run(bench: &Bench, report: &mut Report) -> Result<()> {
    let keys = bench
        .options
        .keys
        .first()
        .copied()
        .unwrap_or(super::dataset::Keys::Sequential);
    let data = Dataset::prepare(&bench.dir, bench.options.rows, keys)?;
    data.warm()?;
    let rows = data.rows as f64;
    let mut natives = Vec::new();
    let mut guests = Vec::new();
    for _ in 0..bench.options.rounds {
        natives.push(native(&data)?);
        let mut ours = Ours::new(bench);
        ours.load(&data)?;
        guests.extend(guest_seconds(&ours.row).map(|seconds| rows / seconds));
    }
    let native = meter::percentile(&mut natives, 0.5);
    let mut table = Table::new(
        "Parsing: guest against native code",
        &["", "rows/s", "time against native"],
    );
    table.row([
        "native (example `parse` of plugins/csv)".to_owned(),
        thousands(native),
        "1.00x".to_owned(),
    ]);
    let mut value = json!({"native_rows_per_second": native});
    if guests.is_empty() {
        table.note(format!(
            "This host's job rows do not tell {GUEST_CPU_MS}, so the guest is not shown."
        ));
    } else {
        let guest = meter::percentile(&mut guests, 0.5);
        let ratio = native / guest;
        table.row([
            "guest of csv_file_load, its own CPU time".to_owned(),
            thousands(guest),
            format!("{ratio:.2}x"),
        ]);
        value = json!({"native_rows_per_second": native, "guest_rows_per_second": guest, "ratio": ratio});
        report.target(
            "parse: time of the guest against native",
            "<= 1.5x",
            format!("{ratio:.2}x"),
            ratio <= LIMIT,
        );
    }
    report.section("parse", (value, table))
}

fn native(data: &Dataset) -> Result<f64> {
    let what = "cargo run --release --example parse, in plugins/csv";
    let mut command = Command::new("cargo");
    command
        .args(["run", "--quiet", "--release", "--example", "parse", "--"])
        .arg(&data.path);
    let text = meter::run(
        what,
        command.current_dir(repository::root().join("plugins").join("csv")),
    )?;
    rows_per_second(&text).ok_or_else(|| Failure::new(format!("`{what}` printed no figure of rows/s: {text:?}")))
}

/// The number before the first `rows/s`.
fn rows_per_second(text: &str) -> Option<f64> {
    let before = text.split("rows/s").next().filter(|before| before.len() < text.len())?;
    let word = before.split_whitespace().next_back()?;
    word.replace([',', '_'], "").parse().ok().filter(|n| *n > 0.0)
}

fn guest_seconds(row: &Value) -> Option<f64> {
    row.pointer(GUEST_CPU_MS)
        .and_then(Value::as_f64)
        .map(|ms| ms / 1e3)
        .filter(|seconds| *seconds > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figure_is_found_in_a_sentence() {
        assert_eq!(rows_per_second("1000 rows in 0.5 s: 2,000 rows/s, ok"), Some(2000.0));
        assert_eq!(rows_per_second("no figure"), None);
        assert_eq!(rows_per_second("rows/s"), None);
    }
}
