//! The part `flat`: checks that our memory does not grow with the table. Every job runs in a separate host, so that the
//! peak of the host is the peak of that job.

use std::path::Path;

use serde_json::{Value, json};

use super::Bench;
use super::contest::{memory_target, usage_json};
use super::dataset::{Dataset, Keys};
use super::meter::Usage;
use super::ours::{OurTable, Ours, Search};
use super::peers::{FromS3, Loader, Python};
use super::report::{Report, Table, megabytes, thousands};
use super::s3::S3Server;
use super::written::{Columns, Format, check};
use jobhost_testkit::failure::Result;

/// The memory of two runs of the same job differs by a few per cent.
const MEMORY_NOISE: f64 = 1.05;

const EXPORTS: [(&str, Search, Format); 4] = [
    ("export json", Search::Value(Columns::All), Format::Json),
    ("export csv", Search::Value(Columns::All), Format::Csv),
    ("export sql, csv", Search::Sql(Columns::All), Format::Csv),
    ("export sql with ORDER BY, json", Search::SqlSorted, Format::Json),
];

/// The name of a job and the resources that it used.
type Measured = (&'static str, Usage);

pub fn run(bench: &Bench, report: &mut Report) -> Result<()> {
    let python = FromS3::python(&bench.dir)?;
    let keys = bench.options.keys.first().copied().unwrap_or(Keys::Sequential);
    let (small_rows, large_rows) = (bench.options.rows, bench.options.flat_rows);
    let small = measure(bench, &python, small_rows, keys)?;
    let large = measure(bench, &python, large_rows, keys)?;

    let header = ["job", "rows", "rows/s", "wall s", "CPU s", "peak RSS", "anonymous", "mapped files"];
    let title = format!("Memory of jobhost against the size of the table, {} keys", keys.name());
    let mut table = Table::new(title, &header);
    table.note("Each job in a host of its own; peaks since its start. \"mapped files\" are pages of the store that the kernel may drop at any time; \"anonymous\" is memory that only the process gives back.");
    let mut values = Vec::new();
    for ((name, small), (_, large)) in small.iter().zip(&large) {
        for (rows, usage) in [(small_rows, small), (large_rows, large)] {
            table.row([
                (*name).to_owned(),
                thousands(rows as f64),
                thousands(rows as f64 / usage.wall_seconds),
                format!("{:.2}", usage.wall_seconds),
                format!("{:.2}", usage.cpu_seconds),
                megabytes(usage.peaks.resident),
                megabytes(usage.peaks.anonymous),
                megabytes(usage.peaks.file),
            ]);
            values.push(json!({"job": name, "usage": usage_json(usage, rows)}));
        }
        targets(report, name, large_rows, small.peaks.resident, large.peaks.resident);
    }
    report.section("flat", (json!({"keys": keys.name(), "jobs": Value::Array(values)}), table))
}

fn targets(report: &mut Report, name: &str, large_rows: u64, small: u64, large: u64) {
    let (wanted, measured, met) = memory_target(large);
    report.target(
        format!("flat, {name}: peak RSS at {} rows", thousands(large_rows as f64)),
        wanted,
        measured.clone(),
        met,
    );
    report.target(
        format!("flat, {name}: peak RSS no higher for the larger table (5 % for noise)"),
        format!("<= {}", megabytes(small)),
        measured,
        large as f64 <= small as f64 * MEMORY_NOISE,
    );
}

fn measure(bench: &Bench, python: &Python, rows: u64, keys: Keys) -> Result<Vec<Measured>> {
    let data = Dataset::prepare(&bench.dir, rows, keys)?;
    data.warm()?;
    let mut measured = Vec::new();
    let mut seen = |name: &'static str, usage: Usage| {
        eprintln!("{} rows: {name}: {}", thousands(rows as f64), megabytes(usage.peaks.resident));
        measured.push((name, usage));
    };
    let mut table = OurTable::create(bench)?;
    seen("load", table.load(&data)?);
    for (name, search, format) in EXPORTS {
        table = table.reopen()?;
        let (usage, path) = table.export(search, format)?;
        checked(&path, format, &data)?;
        seen(name, usage);
    }
    table = table.reopen()?;
    seen("delete", table.delete_all(rows)?);
    table.stop()?;

    let server = S3Server::start(&bench.dir, python, &data)?;
    seen("import from S3", Ours::from_s3(bench, &server).load(&data)?.0);
    Ok(measured)
}

fn checked(path: &Path, format: Format, data: &Dataset) -> Result<()> {
    check(path, format, Columns::All, data)?;
    std::fs::remove_file(path).ok();
    Ok(())
}
