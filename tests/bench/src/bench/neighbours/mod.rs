//! The part `neighbours`: what other clients experience while plugins misbehave. The same small requests are measured
//! alone and beside each kind of hostile job, on one host in one run, so that the ratios do not depend on the machine.

mod felt;
mod hostile;

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::dataset::{Dataset, Keys};
use super::ours::{create_table, create_table_with_key};
use super::report::{Report, Table, thousands};
use super::{Bench, environment};
use felt::{Felt, Quantity};
use hostile::{FRESH, Kind, Mob};
use jobhost_testkit::failure::{Doing, Failure, Result};
use jobhost_testkit::repository;
use jobhost_testkit::{Client, Host};

const HEADER: [&str; 8] = [
    "beside",
    "reply p50 / p99 ms",
    "against alone",
    "COMPLETE p50 / p99 ms",
    "against alone",
    "search p50 / p99 ms",
    "against alone",
    "ended meanwhile",
];

pub fn run(bench: &Bench, report: &mut Report) -> Result<()> {
    let options = &bench.options;
    let data = Dataset::prepare(&bench.dir, options.rows, Keys::Sequential)?;
    data.warm()?;
    let folder = bench.scratch().join("neighbours");
    let plugins = publish(bench.setup.plugins(), &folder)?;
    // Makes each situation end as soon as it has been measured.
    let setup = bench.setup.clone().with_plugins(plugins).set("jobs.cancel_grace_seconds", 0);
    let host = Host::start_afresh(&setup, &bench.scratch().join("jobhost"))?;
    let client = host.client()?;
    for table in ["tiny", "known", "people"] {
        create_table(&client, table)?;
    }
    create_table_with_key(&client, FRESH.0, FRESH.1)?;
    felt::prepare(&client)?;

    let rounds = options.singles;
    let mut number = 0;
    let mut measure = |client: &Client| {
        let felt = Felt::measure(client, number, rounds);
        number += rounds;
        felt
    };
    measure(&client)?;
    let mut alone = measure(&client)?;
    let mut beside = Vec::new();
    for kind in Kind::all(options.hostile, &data) {
        let mob = Mob::start(&host, &kind)?;
        let felt = measure(&client)?;
        beside.push((kind.title(), felt, mob.stop(&client)?));
    }
    // Half of the baseline is measured at the end, in case the machine became slower meanwhile.
    alone.append(measure(&client)?);
    host.stop()?;
    fs::remove_dir_all(&folder).ok();
    report.section("neighbours", shown(alone, beside, rounds))
}

fn shown(mut alone: Felt, beside: Vec<(String, Felt, u64)>, rounds: u32) -> (Value, Table) {
    let mut table = Table::new("What other clients feel beside hostile plugins", &HEADER);
    let one = alone.figures();
    table.row(row("nothing", &one, None, 0));
    let mut values = vec![json!({"beside": "nothing", "milliseconds": one.json()})];
    for (title, mut felt, ended) in beside {
        let figures = felt.figures();
        table.row(row(&title, &figures, Some(&one), ended));
        values.push(json!({"beside": title, "milliseconds": figures.json(), "ended": ended}));
    }
    table.note(format!(
        "One client runs {rounds} tiny jobs, one after the other, and after each looks for 10 records by their keys. \
         \"Ended meanwhile\" are the hostile jobs or requests that came to an end and were sent again."
    ));
    table.note(format!("Load average when it was done: {}.", environment::load_average()));
    (Value::Array(values), table)
}

fn row(title: &str, figures: &felt::Figures, alone: Option<&felt::Figures>, ended: u64) -> [String; 8] {
    let mut cells = vec![title.to_owned()];
    for quantity in Quantity::ALL {
        let (p50, p99) = figures.of(quantity);
        cells.push(format!("{p50:.2} / {p99:.2}"));
        cells.push(match alone.map(|alone| alone.of(quantity)) {
            Some((one50, one99)) => format!("{:.1}x / {:.1}x", p50 / one50, p99 / one99),
            None => "1.0x / 1.0x".to_owned(),
        });
    }
    cells.push(if alone.is_some() { thousands(ended as f64) } else { String::new() });
    let mut cells = cells.into_iter();
    std::array::from_fn(|_| cells.next().unwrap_or_default())
}

/// Puts the plugins of the project and the hostile guests into one folder.
fn publish(plugins: &Path, folder: &Path) -> Result<std::path::PathBuf> {
    fs::create_dir_all(folder).doing(|| format!("cannot make {}", folder.display()))?;
    let guests = repository::built_guests();
    let copy = |from: &Path, name: &std::ffi::OsStr| {
        fs::copy(from, folder.join(name)).map(drop).doing(|| format!("cannot copy {}", from.display()))
    };
    for entry in plugins.read_dir().doing(|| format!("cannot read {}", plugins.display()))?.flatten() {
        copy(&entry.path(), &entry.file_name())?;
    }
    for name in hostile::GUESTS {
        let file = format!("{name}.wasm");
        let guest = guests.join(&file);
        if !guest.exists() {
            return Err(Failure::new(format!("{} is not there", guest.display())).remedy("`cargo xtask plugins`"));
        }
        copy(&guest, file.as_ref())?;
    }
    Ok(folder.to_owned())
}
