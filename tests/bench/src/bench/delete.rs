//! The part `delete`: deletes all records of a full table by age, and loads them again. It measures how long this
//! takes, and whether the space is reused.

use std::cell::RefCell;

use serde_json::{Value, json};

use super::Bench;
use super::contest::{self, Contender, Outcome};
use super::dataset::Dataset;
use super::meter::Usage;
use super::ours::OurTable;
use super::peers::{self, Table as PeerTable};
use super::report::{Report, Table, megabytes, thousands};
use jobhost_testkit::failure::Result;

const LIMIT_SECONDS: f64 = 5.0;
/// Deletes every record through a column that must be read in each.
const PEERS_DELETE: &str = "DELETE FROM people WHERE created < '2999-01-01'";
const OURS: &str = "from sending the `delete_records_before` request to the `get_job` answer that says COMPLETE (polled every 10 ms), in a process that has loaded the table before";
/// A file system allocates in steps, and the host's log of its jobs grows.
const SIZE_NOISE: f64 = 1.1;

/// Size on disk in bytes after each step.
#[derive(Debug, Clone, Copy, Default)]
struct Sizes {
    loaded: u64,
    deleted: u64,
    again: u64,
}

impl Sizes {
    fn grew(self) -> f64 {
        self.again as f64 / self.loaded.max(1) as f64
    }
}

/// Loads, deletes, and loads again.
type Cycle<'a> = Box<dyn FnMut() -> Result<(Usage, Sizes)> + 'a>;

pub fn run(bench: &Bench, report: &mut Report) -> Result<()> {
    let peers = if bench.options.ours_only { Vec::new() } else { peers::tables(&bench.dir)? };
    for keys in &bench.options.keys {
        let data = Dataset::prepare(&bench.dir, bench.options.rows, *keys)?;
        data.warm()?;
        let mut cycles: Vec<(String, &str, bool, Cycle<'_>)> = Vec::new();
        if !bench.options.peers_only {
            let name = "jobhost delete_records_before".to_owned();
            cycles.push((name, OURS, true, Box::new(|| our_cycle(bench, &data))));
        }
        for peer in &peers {
            let cycle = Box::new(|| peer_cycle(&**peer, &data));
            cycles.push((format!("{} DELETE", peer.name()), peer.delete_conditions(), false, cycle));
        }
        let sizes: Vec<RefCell<Sizes>> = cycles.iter().map(|_| RefCell::default()).collect();
        let contenders = cycles.into_iter().zip(&sizes).map(|((name, conditions, ours, mut cycle), sizes)| Contender {
            name,
            conditions: conditions.to_owned(),
            ours,
            class: "delete",
            run: Box::new(move || {
                let (usage, seen) = cycle()?;
                *sizes.borrow_mut() = seen;
                Ok((usage, seen.again))
            }),
        });
        let outcomes = contest::rounds(bench.options.rounds, data.rows, contenders.collect())?;
        let sizes: Vec<Sizes> = sizes.into_iter().map(RefCell::into_inner).collect();
        show(report, &data, bench.options.rounds, &outcomes, &sizes)?;
    }
    Ok(())
}

fn our_cycle(bench: &Bench, data: &Dataset) -> Result<(Usage, Sizes)> {
    let table = OurTable::create(bench)?;
    let mut sizes = Sizes::default();
    table.load(data)?;
    sizes.loaded = table.disk_bytes();
    let usage = table.delete_all(data.rows)?;
    sizes.deleted = table.disk_bytes();
    table.load(data)?;
    sizes.again = table.disk_bytes();
    table.stop()?;
    Ok((usage, sizes))
}

fn peer_cycle(peer: &dyn PeerTable, data: &Dataset) -> Result<(Usage, Sizes)> {
    let mut sizes = Sizes::default();
    peer.load(data)?;
    sizes.loaded = peer.disk_bytes()?;
    let usage = peer.delete_all(PEERS_DELETE)?;
    sizes.deleted = peer.disk_bytes()?;
    peer.load_again(data)?;
    sizes.again = peer.disk_bytes()?;
    Ok((usage, sizes))
}

fn show(report: &mut Report, data: &Dataset, rounds: u32, outcomes: &[Outcome], sizes: &[Sizes]) -> Result<()> {
    let (rows, keys) = (data.rows as f64, data.keys.name());
    let title = format!("Delete of {} records, {keys} keys, median of {rounds} interleaved rounds", thousands(rows));
    let header =
        ["", "records/s", "wall s", "CPU s", "records/CPU s", "disk: loaded", "deleted", "loaded again", "growth"];
    let mut table = Table::new(title, &header);
    let mut values = Vec::new();
    for (outcome, sizes) in outcomes.iter().zip(sizes) {
        let u = outcome.median();
        table.row([
            outcome.name.clone(),
            thousands(rows / u.wall_seconds),
            format!("{:.2}", u.wall_seconds),
            format!("{:.2}", u.cpu_seconds),
            thousands(rows / u.cpu_seconds),
            megabytes(sizes.loaded),
            megabytes(sizes.deleted),
            megabytes(sizes.again),
            format!("{:.2}x", sizes.grew()),
        ]);
        table.note(format!("{}: {}.", outcome.name, outcome.conditions));
        let mut value = outcome.json(data.rows);
        if let Some(value) = value.as_object_mut() {
            let disk = json!({"loaded": sizes.loaded, "deleted": sizes.deleted, "loaded_again": sizes.again});
            value.insert("disk_bytes".to_owned(), disk);
        }
        values.push(value);
        if outcome.ours {
            targets(report, &format!("delete, {keys} keys"), &u, *sizes);
        }
    }
    report.section(&format!("delete_{keys}"), (Value::Array(values), table))
}

fn targets(report: &mut Report, what: &str, usage: &Usage, sizes: Sizes) {
    report.target(
        format!("{what}: time"),
        format!("<= {LIMIT_SECONDS} s"),
        format!("{:.2} s", usage.wall_seconds),
        usage.wall_seconds <= LIMIT_SECONDS,
    );
    report.target(
        format!("{what}: size after load, delete and load, against after load (10 % for noise)"),
        "1.00x",
        format!("{:.2}x", sizes.grew()),
        sizes.grew() <= SIZE_NOISE,
    );
    let (wanted, measured, met) = contest::memory_target(usage.peaks.resident);
    report.target(format!("{what}: peak RSS of load and delete"), wanted, measured, met);
}
