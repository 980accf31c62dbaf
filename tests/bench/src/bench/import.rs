//! The part `import`: all contenders load the generated file from an S3 server on loopback.

use serde_json::{Value, json};

use super::Bench;
use super::contest::{self, Contender, Outcome, memory_target};
use super::dataset::Dataset;
use super::load;
use super::ours::Ours;
use super::peers::{FromS3, Way};
use super::report::{Report, megabytes, thousands};
use super::s3::S3Server;
use jobhost_testkit::failure::Result;

pub fn run(bench: &Bench, report: &mut Report) -> Result<()> {
    let python = FromS3::python(&bench.dir)?;
    for keys in &bench.options.keys {
        let data = Dataset::prepare(&bench.dir, bench.options.rows, *keys)?;
        data.warm()?;
        let server = S3Server::start(&bench.dir, &python, &data)?;
        let mut ours = (!bench.options.peers_only).then(|| Ours::from_s3(bench, &server));
        let mut peers: Vec<FromS3> = Vec::new();
        if !bench.options.ours_only {
            let ways = [Way::Httpfs, Way::Download, Way::Parse];
            peers.extend(ways.map(|way| FromS3::new(&bench.dir, &python, &server, way)));
        }
        let mut contenders: Vec<Contender<'_>> = Vec::new();
        contenders.extend(ours.as_mut().map(|l| load::contender(l, true, &data)));
        contenders.extend(peers.iter_mut().map(|l| load::contender(l, false, &data)));
        let before = server.cpu_seconds();
        let reads = contenders.len() as f64 * f64::from(bench.options.rounds);
        let outcomes = contest::rounds(bench.options.rounds, data.rows, contenders)?;
        let server = (server.cpu_seconds() - before) / reads;
        show(report, &data, bench.options.rounds, server, &outcomes)?;
    }
    Ok(())
}

fn show(report: &mut Report, data: &Dataset, rounds: u32, server: f64, outcomes: &[Outcome]) -> Result<()> {
    let keys = data.keys.name();
    let title = format!(
        "Import of {} rows ({}) from an S3 server, {keys} keys, median of {rounds} interleaved rounds",
        thousands(data.rows as f64),
        megabytes(data.bytes)
    );
    let mut table = contest::table(title, "on disk", data.rows, outcomes);
    table.note(format!(
        "The server is s3s-fs on the same processors: {server:.2} CPU s for each import on average, which are in the wall \
         time and not in the CPU time. jobhost reads the object twice: nothing of a file with an error is written."
    ));
    if let Some(ours) = contest::ours(outcomes, "load") {
        let (wanted, measured, met) = memory_target(ours.median().peaks.resident);
        let rows = thousands(data.rows as f64);
        report.target(format!("import, {keys} keys: peak RSS at {rows} rows"), wanted, measured, met);
    }
    let list: Vec<Value> = outcomes.iter().map(|o| o.json(data.rows)).collect();
    let value = json!({"rows": data.rows, "bytes": data.bytes, "server_cpu_seconds": server, "importers": list});
    report.section(&format!("import_{keys}"), (value, table))
}
