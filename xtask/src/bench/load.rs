//! The part `load`: everyone loads the same file; and the part `flat`: does our memory grow with it?

use serde_json::{Value, json};

use super::Bench;
use super::dataset::{Dataset, Keys};
use super::meter::{Usage, median};
use super::ours::Ours;
use super::peers::{self, Loader};
use super::report::{Report, Table, megabytes, thousands};
use crate::failure::{Failure, Result};

/// Rows a second of Harper 5.0 on a like machine, slowest and fastest load.
const HARPER: (f64, f64) = (3_100.0, 19_000.0);
const HARPER_TIMES: f64 = 30.0;
const MEMORY_LIMIT: u64 = 256_000_000;
/// Two runs of the same load differ by a few per cent of memory.
const MEMORY_NOISE: f64 = 1.05;

struct Outcome {
    name: String,
    conditions: &'static str,
    ours: bool,
    rounds: Vec<Usage>,
    disk: u64,
}

impl Outcome {
    fn json(&self, rows: u64) -> Value {
        let rounds: Vec<Value> = self.rounds.iter().map(|u| usage_json(u, rows)).collect();
        json!({
            "name": self.name, "conditions": self.conditions, "median": usage_json(&median(&self.rounds), rows),
            "rounds": rounds, "disk_bytes": self.disk,
        })
    }
}

pub fn run(bench: &Bench, report: &mut Report) -> Result<()> {
    let mut peers = if bench.options.ours_only { Vec::new() } else { peers::all(&bench.dir)? };
    let mut ours = (!bench.options.peers_only).then(|| Ours::new(bench));
    for keys in &bench.options.keys {
        let data = Dataset::prepare(&bench.dir, bench.options.rows, *keys)?;
        data.warm()?;
        let mut loaders: Vec<(bool, &mut dyn Loader)> = Vec::new();
        loaders.extend(ours.as_mut().map(|l| (true, l as &mut dyn Loader)));
        loaders.extend(peers.iter_mut().map(|l| (false, &mut **l as &mut dyn Loader)));
        let outcomes = rounds(bench, &data, loaders)?;
        show(report, &data, bench.options.rounds, &outcomes)?;
    }
    Ok(())
}

/// Everyone once, then everyone again: a slow minute of the machine hits all alike.
fn rounds(bench: &Bench, data: &Dataset, mut loaders: Vec<(bool, &mut dyn Loader)>) -> Result<Vec<Outcome>> {
    let mut outcomes: Vec<Outcome> = loaders
        .iter()
        .map(|(ours, l)| Outcome {
            name: l.name(),
            conditions: l.conditions(),
            ours: *ours,
            rounds: Vec::new(),
            disk: 0,
        })
        .collect();
    for round in 1..=bench.options.rounds {
        for ((_, loader), outcome) in loaders.iter_mut().zip(&mut outcomes) {
            // What others left to be written back is not this loader's work.
            super::meter::run("sync", &mut std::process::Command::new("sync"))?;
            let (usage, disk) = loader.load(data)?;
            let rate = thousands(data.rows as f64 / usage.wall_seconds);
            eprintln!("round {round}: {}: {rate} rows/s", outcome.name);
            outcome.rounds.push(usage);
            outcome.disk = disk;
        }
    }
    Ok(outcomes)
}

fn show(report: &mut Report, data: &Dataset, rounds: u32, outcomes: &[Outcome]) -> Result<()> {
    let rows = data.rows as f64;
    let ours = outcomes.iter().find(|o| o.ours).map(|o| median(&o.rounds));
    let title = format!(
        "Load of {} rows ({}), {} keys, median of {rounds} interleaved rounds",
        thousands(rows),
        megabytes(data.bytes),
        data.keys.name()
    );
    let header = [
        "",
        "rows/s",
        "wall s",
        "CPU s",
        "rows/CPU s",
        "peak RSS",
        "anonymous",
        "on disk",
        "jobhost: wall",
        "jobhost: CPU",
    ];
    let mut table = Table::new(title, &header);
    for outcome in outcomes {
        let u = median(&outcome.rounds);
        let times = |theirs: f64, ours: Option<f64>| ours.map_or("".to_owned(), |o| format!("{:.2}x", theirs / o));
        table.row([
            outcome.name.clone(),
            thousands(rows / u.wall_seconds),
            format!("{:.2}", u.wall_seconds),
            format!("{:.2}", u.cpu_seconds),
            thousands(rows / u.cpu_seconds),
            megabytes(u.peaks.resident),
            megabytes(u.peaks.anonymous),
            megabytes(outcome.disk),
            times(u.wall_seconds, ours.map(|o| o.wall_seconds)),
            times(u.cpu_seconds, ours.map(|o| o.cpu_seconds)),
        ]);
        table.note(format!("{}: {}.", outcome.name, outcome.conditions));
    }
    table.note("The last two columns: how many times as many rows a second, and a CPU second, jobhost loads.");
    if let Some(ours) = ours {
        load_targets(report, data, &ours, outcomes);
    }
    let list: Vec<Value> = outcomes.iter().map(|o| o.json(data.rows)).collect();
    let value = json!({"rows": data.rows, "bytes": data.bytes, "loaders": list});
    report.section(&format!("load_{}", data.keys.name()), (value, table))
}

fn load_targets(report: &mut Report, data: &Dataset, ours: &Usage, outcomes: &[Outcome]) {
    let rows = data.rows as f64;
    let keys = data.keys.name();
    let per_second = rows / ours.wall_seconds;
    let (low, high) = (HARPER_TIMES * HARPER.0, HARPER_TIMES * HARPER.1);
    for (which, wanted) in [("slowest", low), ("fastest", high)] {
        report.target(
            format!("load, {keys} keys: 30 times Harper's {which} load, rows/s"),
            format!(">= {}", thousands(wanted)),
            thousands(per_second),
            per_second >= wanted,
        );
    }
    if let Some(duck) = outcomes.iter().find(|o| o.name.starts_with("DuckDB")) {
        let theirs = rows / median(&duck.rounds).cpu_seconds;
        let mine = rows / ours.cpu_seconds;
        report.target(
            format!("load, {keys} keys: DuckDB's keyed COPY, rows/CPU s"),
            format!(">= {}", thousands(theirs)),
            thousands(mine),
            mine >= theirs,
        );
    }
    memory_target(report, &format!("load, {keys} keys: peak RSS at {} rows", thousands(rows)), ours.peaks.resident);
}

fn memory_target(report: &mut Report, what: &str, bytes: u64) {
    report.target(what, "<= 256 MB", megabytes(bytes), bytes <= MEMORY_LIMIT);
}

/// Our load alone, of two sizes.
pub fn flat(bench: &Bench, report: &mut Report) -> Result<()> {
    let keys = bench.options.keys.first().copied().unwrap_or(Keys::Sequential);
    let header = ["rows", "rows/s", "wall s", "CPU s", "peak RSS", "anonymous", "mapped files", "on disk"];
    let mut table =
        Table::new(format!("Memory of jobhost against the size of the load, {} keys", keys.name()), &header);
    table.note("Each load in a fresh host; peaks since its start. \"mapped files\" are pages of the store that the kernel may drop at any time; \"anonymous\" is memory that only the process gives back.");
    let mut peaks = Vec::new();
    let mut values = Vec::new();
    for rows in [bench.options.rows, bench.options.flat_rows] {
        let data = Dataset::prepare(&bench.dir, rows, keys)?;
        data.warm()?;
        let (usage, disk) = Ours::new(bench).load(&data)?;
        table.row([
            thousands(rows as f64),
            thousands(rows as f64 / usage.wall_seconds),
            format!("{:.2}", usage.wall_seconds),
            format!("{:.2}", usage.cpu_seconds),
            megabytes(usage.peaks.resident),
            megabytes(usage.peaks.anonymous),
            megabytes(usage.peaks.file),
            megabytes(disk),
        ]);
        values.push(usage_json(&usage, rows));
        peaks.push(usage.peaks.resident);
    }
    let [small, large] = peaks.as_slice() else {
        return Err(Failure::new("the part flat needs two sizes"));
    };
    memory_target(report, &format!("flat: peak RSS at {} rows", thousands(bench.options.flat_rows as f64)), *large);
    report.target(
        "flat: peak RSS no higher for the larger load (5 % for noise)",
        format!("<= {}", megabytes(*small)),
        megabytes(*large),
        *large as f64 <= *small as f64 * MEMORY_NOISE,
    );
    report.section("flat", (json!({"keys": keys.name(), "loads": values}), table))
}

fn usage_json(usage: &Usage, rows: u64) -> Value {
    json!({
        "rows": rows,
        "wall_seconds": usage.wall_seconds,
        "cpu_seconds": usage.cpu_seconds,
        "rows_per_second": rows as f64 / usage.wall_seconds,
        "rows_per_cpu_second": rows as f64 / usage.cpu_seconds,
        "peak_rss_bytes": usage.peaks.resident,
        "peak_rss_sampled_bytes": usage.peaks.sampled,
        "peak_anonymous_bytes": usage.peaks.anonymous,
        "peak_file_bytes": usage.peaks.file,
    })
}
