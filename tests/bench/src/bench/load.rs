//! The part `load`: all contenders load the same file.

use serde_json::{Value, json};

use super::Bench;
use super::contest::{self, Contender, Outcome, memory_target};
use super::dataset::Dataset;
use super::meter::Usage;
use super::ours::Ours;
use super::peers::{self, Loader};
use super::report::{Report, megabytes, thousands};
use jobhost_testkit::failure::Result;

/// Rows per second of the slowest and the fastest load of Harper 5.0 on a similar machine.
const HARPER: (f64, f64) = (3_100.0, 19_000.0);
const HARPER_TIMES: f64 = 30.0;

pub fn run(bench: &Bench, report: &mut Report) -> Result<()> {
    let mut peers = if bench.options.ours_only { Vec::new() } else { peers::all(&bench.dir)? };
    let mut ours = (!bench.options.peers_only).then(|| Ours::new(bench));
    for keys in &bench.options.keys {
        let data = Dataset::prepare(&bench.dir, bench.options.rows, *keys)?;
        data.warm()?;
        let mut contenders: Vec<Contender<'_>> = Vec::new();
        contenders.extend(ours.as_mut().map(|l| contender(l, true, &data)));
        contenders.extend(peers.iter_mut().map(|l| contender(&mut **l, false, &data)));
        let outcomes = contest::rounds(bench.options.rounds, data.rows, contenders)?;
        show(report, &data, bench.options.rounds, &outcomes)?;
    }
    Ok(())
}

/// Creates a contender from a loader and this file.
pub fn contender<'a>(loader: &'a mut dyn Loader, ours: bool, data: &'a Dataset) -> Contender<'a> {
    Contender {
        name: loader.name(),
        conditions: loader.conditions().to_owned(),
        ours,
        class: "load",
        run: Box::new(move || loader.load(data)),
    }
}

fn show(report: &mut Report, data: &Dataset, rounds: u32, outcomes: &[Outcome]) -> Result<()> {
    let title = format!(
        "Load of {} rows ({}), {} keys, median of {rounds} interleaved rounds",
        thousands(data.rows as f64),
        megabytes(data.bytes),
        data.keys.name()
    );
    let table = contest::table(title, "on disk", data.rows, outcomes);
    if let Some(ours) = contest::ours(outcomes, "load") {
        load_targets(report, data, &ours.median(), outcomes);
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
        let theirs = rows / duck.median().cpu_seconds;
        let mine = rows / ours.cpu_seconds;
        report.target(
            format!("load, {keys} keys: DuckDB's keyed COPY, rows/CPU s"),
            format!(">= {}", thousands(theirs)),
            thousands(mine),
            mine >= theirs,
        );
    }
    let (wanted, measured, met) = memory_target(ours.peaks.resident);
    report.target(format!("load, {keys} keys: peak RSS at {} rows", thousands(rows)), wanted, measured, met);
}
