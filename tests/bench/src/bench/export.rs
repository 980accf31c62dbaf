//! The part `export`: all contenders write the same table to a file, as CSV and as JSON. Contenders that write
//! different columns are not compared.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::Bench;
use super::contest::{self, Contender, Outcome};
use super::dataset::Dataset;
use super::meter::Usage;
use super::ours::{OurTable, Search};
use super::peers::{self, Table};
use super::report::{Report, thousands};
use super::written::{Columns, Format, check};
use jobhost_testkit::failure::Result;

/// Seconds that Harper 5.0 takes at best for a million rows on a similar machine.
const HARPER_SECONDS: f64 = 11.0;
const HARPER_ROWS: f64 = 1e6;
const HARPER_TIMES: f64 = 10.0;

const OURS: &str = "from sending the `export_local` request to the `get_job` answer that says COMPLETE (polled every 10 ms), with the sync of the file and its rename; the peak RSS is that of the process since its start, so of all exports so far";

pub fn run(bench: &Bench, report: &mut Report) -> Result<()> {
    for keys in &bench.options.keys {
        let data = Dataset::prepare(&bench.dir, bench.options.rows, *keys)?;
        data.warm()?;
        let ours = if bench.options.peers_only { None } else { Some(OurTable::create(bench)?) };
        if let Some(table) = &ours {
            table.load(&data)?;
        }
        let ours = ours.map(OurTable::reopen).transpose()?;
        let peers = if bench.options.ours_only { Vec::new() } else { peers::tables(&bench.dir)? };
        peers.iter().try_for_each(|peer| peer.load(&data))?;
        for format in [Format::Csv, Format::Json] {
            let contenders = contenders(ours.as_ref(), &peers, format, &data);
            let outcomes = contest::rounds(bench.options.rounds, data.rows, contenders)?;
            show(report, &data, format, bench.options.rounds, &outcomes)?;
        }
        ours.map(OurTable::stop).transpose()?;
    }
    Ok(())
}

fn contenders<'a>(
    ours: Option<&'a OurTable>,
    peers: &'a [Box<dyn Table>],
    format: Format,
    data: &'a Dataset,
) -> Vec<Contender<'a>> {
    let mut all = Vec::new();
    for columns in Columns::EACH {
        let class = columns.label();
        // Printed once per contender, not for each of its lines.
        let conditions = |text: &str| if columns == Columns::OfFile { text.to_owned() } else { String::new() };
        let finish = move |(usage, path): (Usage, PathBuf)| {
            let bytes = check(&path, format, columns, data)?;
            std::fs::remove_file(&path).ok();
            Ok((usage, bytes))
        };
        for (number, search) in [Search::Value(columns), Search::Sql(columns)].into_iter().enumerate() {
            all.extend(ours.map(|table| Contender {
                name: format!("jobhost {}, {class}", search.name()),
                conditions: if number == 0 { conditions(OURS) } else { String::new() },
                ours: true,
                class,
                run: Box::new(move || table.export(search, format).and_then(finish)),
            }));
        }
        for peer in peers {
            all.push(Contender {
                name: format!("{}, {class}", peer.name()),
                conditions: conditions(peer.export_conditions()),
                ours: false,
                class,
                run: Box::new(move || peer.export(data, columns, format).and_then(finish)),
            });
        }
    }
    all
}

fn show(report: &mut Report, data: &Dataset, format: Format, rounds: u32, outcomes: &[Outcome]) -> Result<()> {
    let (format, keys) = (format.name(), data.keys.name());
    let title = format!(
        "Export of {} rows as {}, {keys} keys, median of {rounds} interleaved rounds",
        thousands(data.rows as f64),
        format.to_uppercase()
    );
    let mut table = contest::table(title, "file", data.rows, outcomes);
    table.note(format!(
        "{} are those of the generated file; {} are also the two times that jobhost keeps of each record, as `*` has \
         them.",
        Columns::OfFile.label(),
        Columns::All.label()
    ));
    for columns in Columns::EACH {
        targets(report, data, format, columns.label(), outcomes);
    }
    let list: Vec<Value> = outcomes.iter().map(|o| o.json(data.rows)).collect();
    report.section(&format!("export_{format}_{keys}"), (json!({"rows": data.rows, "exporters": list}), table))
}

fn targets(report: &mut Report, data: &Dataset, format: &str, class: &'static str, outcomes: &[Outcome]) {
    let rows = data.rows as f64;
    let what = format!("export, {format}, {} keys", data.keys.name());
    let duck = outcomes.iter().find(|o| o.class == class && o.name.starts_with("DuckDB"));
    let harper = HARPER_TIMES * HARPER_ROWS / HARPER_SECONDS;
    for ours in outcomes.iter().filter(|o| o.ours && o.class == class) {
        let (what, usage) = (format!("{what}, {}", ours.name), ours.median());
        let per_second = rows / usage.wall_seconds;
        report.target(
            format!("{what}: 10 times Harper's best ({HARPER_SECONDS} s for 1M), rows/s"),
            format!(">= {}", thousands(harper)),
            thousands(per_second),
            per_second >= harper,
        );
        if let Some(theirs) = duck.map(|d| rows / d.median().cpu_seconds) {
            let mine = rows / usage.cpu_seconds;
            report.target(
                format!("{what}: DuckDB's COPY TO, rows/CPU s"),
                format!(">= {}", thousands(theirs)),
                thousands(mine),
                mine >= theirs,
            );
        }
    }
}
