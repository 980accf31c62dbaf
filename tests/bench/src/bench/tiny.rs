//! The part `tiny`: jobs that load two records from the request itself, to measure the overhead of a job. First one
//! after the other, then from many clients at once.

use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Bench;
use super::meter::{self, percentile};
use super::ours::create_table;
use super::ours::expect_loaded;
use super::report::{Report, Table, thousands};
use jobhost_testkit::failure::{Failure, Result};
use jobhost_testkit::proc::Process;
use jobhost_testkit::{Client, Host};

/// Number of jobs before the first measured one.
const WARM_UP: u32 = 20;
pub const ROWS: u64 = 2;
pub const WITHIN: Duration = Duration::from_secs(120);

/// The request for the job with this number. Each job writes two records with its own keys.
pub fn request(number: u32) -> String {
    let first = u64::from(number) * ROWS;
    format!(
        r#"{{"operation":"csv_data_load","database":"bench","table":"tiny","action":"insert","data":"id,name\n{first},one\n{},two\n"}}"#,
        first + 1
    )
}

/// Milliseconds since the request, for every job.
#[derive(Default)]
struct Latencies {
    reply: Vec<f64>,
    complete: Vec<f64>,
}

impl Latencies {
    fn one(&mut self, client: &Client, number: u32, pause: Duration) -> Result<()> {
        let request = request(number);
        let start = Instant::now();
        let id = client.submit(&request)?;
        let reply = start.elapsed();
        let row = client.wait(&id, pause, WITHIN)?;
        self.complete.push(start.elapsed().as_secs_f64() * 1e3);
        self.reply.push(reply.as_secs_f64() * 1e3);
        expect_loaded(&row, ROWS)
    }

    fn json(&mut self) -> Value {
        json!({
            "reply_p50_ms": percentile(&mut self.reply, 0.5), "reply_p99_ms": percentile(&mut self.reply, 0.99),
            "complete_p50_ms": percentile(&mut self.complete, 0.5),
            "complete_p99_ms": percentile(&mut self.complete, 0.99),
        })
    }

    fn cells(&mut self) -> [String; 4] {
        [
            percentile(&mut self.reply, 0.5),
            percentile(&mut self.reply, 0.99),
            percentile(&mut self.complete, 0.5),
            percentile(&mut self.complete, 0.99),
        ]
        .map(|ms| format!("{ms:.2}"))
    }
}

pub fn run(bench: &Bench, report: &mut Report) -> Result<()> {
    let options = &bench.options;
    let host = Host::start_afresh(&bench.setup, &bench.scratch().join("jobhost"))?;
    let client = host.client()?;
    create_table(&client, "tiny")?;
    warm_up(&client)?;

    let header = [
        "clients",
        "jobs",
        "jobs/s",
        "reply p50 ms",
        "reply p99 ms",
        "COMPLETE p50 ms",
        "COMPLETE p99 ms",
        "host CPU ms/job",
        "client CPU ms/job",
    ];
    let mut table = Table::new("Tiny jobs (csv_data_load of two records)", &header);
    table.note(format!(
        "One client polls `get_job` without a pause; {} poll every {} ms. Client and host share the processors.",
        options.clients,
        options.poll.as_millis()
    ));
    let mut values = Vec::new();
    let mut first = WARM_UP;

    for (clients, each, pause) in
        [(1, options.singles, Duration::ZERO), (options.clients, options.jobs_per_client, options.poll)]
    {
        let connections = (0..clients).map(|_| host.client()).collect::<Result<Vec<_>>>()?;
        let own = Process::own().cpu_seconds();
        let (mut all, usage) = meter::of_server(host.id(), || burst(connections, each, first, pause))?;
        let own = Process::own().cpu_seconds() - own;
        first += clients * each;
        let jobs = f64::from(clients * each);
        let [r50, r99, c50, c99] = all.cells();
        let per_second = jobs / usage.wall_seconds;
        table.row([
            clients.to_string(),
            thousands(jobs),
            thousands(per_second),
            r50,
            r99,
            c50,
            c99,
            format!("{:.2}", usage.cpu_seconds * 1e3 / jobs),
            format!("{:.2}", own * 1e3 / jobs),
        ]);
        let mut value = all.json();
        if let Some(value) = value.as_object_mut() {
            value.insert("clients".to_owned(), json!(clients));
            value.insert("jobs".to_owned(), json!(jobs));
            value.insert("jobs_per_second".to_owned(), json!(per_second));
            value.insert("host_cpu_seconds".to_owned(), json!(usage.cpu_seconds));
            value.insert("client_cpu_seconds".to_owned(), json!(own));
        }
        values.push(value);
        targets(report, clients, per_second, &mut all);
    }
    host.stop()?;
    report.section("tiny", (Value::Array(values), table))
}

pub fn warm_up(client: &Client) -> Result<()> {
    (0..WARM_UP).try_for_each(|n| Latencies::default().one(client, n, Duration::ZERO))
}

fn targets(report: &mut Report, clients: u32, per_second: f64, all: &mut Latencies) {
    if clients == 1 {
        for (what, limit, measured) in [
            ("tiny: start reply p50, one client", 5.0, percentile(&mut all.reply, 0.5)),
            ("tiny: COMPLETE p50, one client", 15.0, percentile(&mut all.complete, 0.5)),
        ] {
            report.target(what, format!("<= {limit} ms"), format!("{measured:.2} ms"), measured <= limit);
        }
    } else {
        let what = format!("tiny: jobs/s, {clients} clients");
        report.target(what, ">= 500", thousands(per_second), per_second >= 500.0);
    }
}

/// Every client uses its own connection to submit a job, poll until it is COMPLETE, and repeat.
fn burst(connections: Vec<Client>, each: u32, first: u32, pause: Duration) -> Result<Latencies> {
    let start = Barrier::new(connections.len());
    let start = &start;
    let results: Vec<Result<Latencies>> = thread::scope(|scope| {
        let running: Vec<_> = (0..)
            .zip(connections)
            .map(|(client, connection)| {
                scope.spawn(move || {
                    start.wait();
                    let from = first + client * each;
                    let mut seen = Latencies::default();
                    (from..from + each).try_for_each(|n| seen.one(&connection, n, pause))?;
                    Ok(seen)
                })
            })
            .collect();
        running.into_iter().map(|t| t.join().unwrap_or_else(|_| Err(Failure::new("a client crashed")))).collect()
    });
    let mut all = Latencies::default();
    for result in results {
        let mut one = result?;
        all.reply.append(&mut one.reply);
        all.complete.append(&mut one.complete);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_json_with_unique_keys() {
        let v: Value = serde_json::from_str(&request(7)).unwrap();
        assert_eq!(v["data"], "id,name\n14,one\n15,two\n");
    }
}
