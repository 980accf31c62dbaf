//! Shared by all comparisons: contenders that take turns, medians of their rounds, and one form of table. This module
//! must not know what is being compared.

use std::process::Command;

use serde_json::{Value, json};

use super::meter::{self, Usage, median};
use super::report::{Table, megabytes, thousands};
use jobhost_testkit::failure::Result;

const MEMORY_LIMIT: u64 = 256_000_000;

/// One way to do the work, either a peer's or ours.
pub struct Contender<'a> {
    pub name: String,
    /// What exactly is measured, and with which settings.
    pub conditions: String,
    pub ours: bool,
    /// Only contenders of the same class are compared with each other.
    pub class: &'static str,
    /// Does the work once and checks the result. Returns the resources used and the number of bytes produced.
    pub run: Box<dyn FnMut() -> Result<(Usage, u64)> + 'a>,
}

pub struct Outcome {
    pub name: String,
    pub conditions: String,
    pub ours: bool,
    pub class: &'static str,
    pub rounds: Vec<Usage>,
    pub bytes: u64,
}

impl Outcome {
    pub fn median(&self) -> Usage {
        median(&self.rounds)
    }

    pub fn json(&self, rows: u64) -> Value {
        let rounds: Vec<Value> = self.rounds.iter().map(|u| usage_json(u, rows)).collect();
        json!({
            "name": self.name, "conditions": self.conditions, "class": self.class, "bytes": self.bytes,
            "median": usage_json(&self.median(), rows), "rounds": rounds,
        })
    }
}

/// Runs all contenders once before the next round, so that a slow period of the machine affects all of them.
pub fn rounds(count: u32, rows: u64, mut contenders: Vec<Contender<'_>>) -> Result<Vec<Outcome>> {
    let mut outcomes: Vec<Outcome> = contenders
        .iter()
        .map(|c| Outcome {
            name: c.name.clone(),
            conditions: c.conditions.clone(),
            ours: c.ours,
            class: c.class,
            rounds: Vec::new(),
            bytes: 0,
        })
        .collect();
    for round in 1..=count {
        for (contender, outcome) in contenders.iter_mut().zip(&mut outcomes) {
            // Data that others left to be written back must not count for this contender.
            meter::run("sync", &mut Command::new("sync"))?;
            let (usage, bytes) = (contender.run)()?;
            eprintln!(
                "round {round}: {}: {} rows/s, {} rows/CPU s",
                outcome.name,
                thousands(rows as f64 / usage.wall_seconds),
                thousands(rows as f64 / usage.cpu_seconds),
            );
            outcome.rounds.push(usage);
            outcome.bytes = bytes;
        }
    }
    Ok(outcomes)
}

/// `bytes` is the heading of the column of bytes.
pub fn table(title: String, bytes: &str, rows: u64, outcomes: &[Outcome]) -> Table {
    let rows = rows as f64;
    let header = [
        "",
        "rows/s",
        "wall s",
        "CPU s",
        "rows/CPU s",
        "peak RSS",
        "anonymous",
        bytes,
        "jobhost: wall",
        "jobhost: CPU",
    ];
    let mut table = Table::new(title, &header);
    for outcome in outcomes {
        let u = outcome.median();
        let ours = ours(outcomes, outcome.class).map(Outcome::median);
        let times = |theirs: f64, ours: Option<f64>| ours.map_or("".to_owned(), |o| format!("{:.2}x", theirs / o));
        table.row([
            outcome.name.clone(),
            thousands(rows / u.wall_seconds),
            format!("{:.2}", u.wall_seconds),
            format!("{:.2}", u.cpu_seconds),
            thousands(rows / u.cpu_seconds),
            megabytes(u.peaks.resident),
            megabytes(u.peaks.anonymous),
            megabytes(outcome.bytes),
            times(u.wall_seconds, ours.map(|o| o.wall_seconds)),
            times(u.cpu_seconds, ours.map(|o| o.cpu_seconds)),
        ]);
        if !outcome.conditions.is_empty() {
            table.note(format!("{}: {}.", outcome.name, outcome.conditions));
        }
    }
    table.note("The last two columns: how many times as many rows a second, and a CPU second, jobhost does.");
    table
}

/// Returns our first contender of a class.
pub fn ours<'a>(outcomes: &'a [Outcome], class: &str) -> Option<&'a Outcome> {
    outcomes.iter().find(|o| o.ours && o.class == class)
}

/// Returns a target for the peak resident size, and whether it is met.
pub fn memory_target(bytes: u64) -> (String, String, bool) {
    (format!("<= {}", megabytes(MEMORY_LIMIT)), megabytes(bytes), bytes <= MEMORY_LIMIT)
}

pub fn usage_json(usage: &Usage, rows: u64) -> Value {
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
