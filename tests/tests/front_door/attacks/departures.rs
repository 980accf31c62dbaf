//! Thousands of clients that disconnect at any time: while they send, wait or read.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use jobhost_tests::chance::Chance;
use jobhost_tests::{Login, Options, eventually};
use serde_json::{Value, json};

use super::Victim;
use super::raw::{Connection, request};

/// The table for loads.
pub const TABLE: &str = "loads";
const SEED: u64 = 0x1eaf;
const CLIENTS: u64 = 6;
/// Total of all clients. A slow machine reaches fewer in the time limit.
const DEPARTURES: usize = 4000;
const TIME: Duration = Duration::from_secs(20);

/// Sends requests and disconnects, until there have been enough departures.
pub fn depart(victim: &Victim, login: &Login, ask: &(impl Fn(&mut Chance) -> Value + Sync)) {
    let (departures, started) = (AtomicUsize::new(0), Instant::now());
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let departures = &departures;
            scope.spawn(move || {
                let mut chance = Chance::seeded(SEED + client);
                while departures.fetch_add(1, Ordering::Relaxed) < DEPARTURES && started.elapsed() < TIME {
                    one(victim, login, &ask(&mut chance), &mut chance);
                }
            });
        }
    });
    eprintln!("{} clients have left", departures.into_inner().min(DEPARTURES));
}

/// Runs one client, which may disconnect while it sends, waits or reads.
fn one(victim: &Victim, login: &Login, body: &Value, chance: &mut Chance) {
    let bytes = request(login, body.to_string());
    let mut connection = Connection::to(victim);
    if chance.below(20) == 0 {
        let part = usize::try_from(chance.below(bytes.len() as u64)).expect("a length");
        connection.offer(&bytes[..part]);
        return;
    }
    connection.write(&bytes);
    if chance.below(8) == 0 {
        connection.end_of_sending();
    }
    // Most requests take some milliseconds at most.
    let most = 1 << chance.below(14);
    std::thread::sleep(Duration::from_micros(chance.below(most)));
    if chance.below(8) == 0 {
        connection.sip(1);
    }
}

/// Returns the sum of the metrics whose names start with `name`.
pub fn figure(victim: &Victim, name: &str) -> f64 {
    let metrics = victim.send(&Login::Nobody, "GET", "/metrics", None, b"").text;
    let of_name = metrics.lines().filter(|line| line.starts_with(name));
    of_name.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
}

/// Waits until all changes of disconnected clients have been applied or refused: the host accepts another change, and
/// none is under way.
pub fn await_the_changes(victim: &Victim) {
    let role = json!({"operation": "add_role", "role": "last", "permission": {"super_user": false}});
    victim.post(&role).ok();
    eventually("the changes to end", || (figure(victim, "jobhost_changes_running") == 0.0).then_some(()));
}

/// Checks that everything is free again: every job has ended, the spool is empty, and no plan holds a permit.
#[track_caller]
pub fn assert_nothing_in_between(victim: &Victim) {
    eventually("all accepted jobs to end", || {
        let sum = |name: &str| figure(victim, name);
        let accepted = sum("jobhost_jobs_accepted_total");
        let idle = sum("jobhost_jobs_queued") == 0.0 && sum("jobhost_jobs_running") == 0.0;
        (idle && accepted == sum("jobhost_jobs_ended_total")).then_some(())
    });
    for row in jobs(victim) {
        assert!(is_final(&row), "a job is in between: {row:#}");
    }
    eventually("an empty spool", || {
        let left = victim.data().join("spool").read_dir().into_iter().flatten().count();
        (left == 0).then_some(())
    });
    let load = json!({
        "operation": "csv_data_load", "database": "gold", "table": TABLE, "action": "upsert", "data": "id,a\n0,x\n",
    });
    std::thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| victim.run_ok(&load));
        }
    });
}

fn jobs(victim: &Victim) -> Vec<Value> {
    let all = json!({"operation": "search_jobs_by_start_date", "from_date": "2020-01-01", "to_date": "2099-01-01"});
    victim.post(&all).ok().as_array().expect("rows").clone()
}

pub fn is_final(row: &Value) -> bool {
    matches!(row["status"].as_str(), Some("COMPLETE" | "ERROR" | "CANCELLED"))
}

/// Starts a host with the table for loads.
pub fn start(options: Options) -> Victim {
    let victim = Victim::start(options);
    victim.create_table(TABLE);
    victim
}
