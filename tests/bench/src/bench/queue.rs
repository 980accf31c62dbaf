//! The last measurement of the part `tiny`: thousands of jobs queued at once. It measures the memory of a waiting job,
//! and checks that every job completes.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Bench;
use super::gate::Gate;
use super::meter::{Sampler, percentile};
use super::ours::create_table;
use super::ours::expect_loaded;
use super::report::{Report, Table, megabytes, thousands};
use super::tiny::{self, ROWS};
use jobhost_testkit::failure::{Failure, Result};
use jobhost_testkit::proc::Process;
use jobhost_testkit::{Client, Host};

const SUBMITTERS: u32 = 8;
/// At most this many workers are kept busy. With more workers, the queue would drain while it fills.
const MAX_GATES: u32 = 256;
/// An idle worker begins its download well within this time.
const GATE_PATIENCE: Duration = Duration::from_secs(3);
const DRAINED_WITHIN: Duration = Duration::from_secs(1200);
const GROWTH_LIMIT: u64 = 100_000_000;

pub fn run(bench: &Bench, report: &mut Report) -> Result<()> {
    let queued = bench.options.queued;
    let gate = Gate::open()?;
    let setup = bench
        .setup
        .clone()
        // The last eighth of the queue is for users who have few jobs in it.
        .set("jobs.max_queued", queued * 2)
        .set("urls.allow", gate.address())
        .set("urls.timeout_seconds", 1800)
        .set("sandbox.wall_seconds", 1800);
    let host = Host::start_afresh(&setup, &bench.scratch().join("jobhost"))?;
    let client = host.client()?;
    create_table(&client, "tiny")?;
    create_table(&client, "gate")?;
    tiny::warm_up(&client)?;
    let gates = close_gate(&client, &gate)?;

    let resident = || Process(host.id()).memory().map_or(0, |m| m.resident);
    let before = resident();
    let sampler = Sampler::start(host.id());
    let start = Instant::now();
    let (ids, mut replies) = submit_all(&host, queued)?;
    let submitting = start.elapsed().as_secs_f64();
    let waiting = count_waiting(&client, &ids)?;
    let while_queued = sampler.stop();

    let sampler = Sampler::start(host.id());
    let cpu = Process(host.id()).tree_cpu_seconds();
    let start = Instant::now();
    gate.release();
    // Polls only the last job of each submitter. The others are queried when time no longer counts.
    for id in ids.iter().filter_map(|own| own.last()) {
        client.wait(id, Duration::from_millis(20), DRAINED_WITHIN)?;
    }
    let draining = start.elapsed().as_secs_f64();
    let cpu = Process(host.id()).tree_cpu_seconds() - cpu;
    for id in ids.iter().flatten().chain(&gates) {
        let row = client.wait(id, Duration::from_millis(5), DRAINED_WITHIN)?;
        if !gates.contains(id) {
            expect_loaded(&row, ROWS)?;
        }
    }
    let while_draining = sampler.stop();
    host.stop()?;

    let peak = while_queued.sampled.max(while_draining.sampled);
    let anonymous = while_queued.anonymous.max(while_draining.anonymous);
    let growth = peak.saturating_sub(before);
    report.target(
        format!("tiny: change of RSS by {} queued jobs, all COMPLETE", thousands(f64::from(queued))),
        "< 100 MB",
        megabytes(growth),
        growth < GROWTH_LIMIT,
    );
    let jobs = f64::from(queued);
    let (p50, p99) = (percentile(&mut replies, 0.5), percentile(&mut replies, 0.99));
    let mut table = Table::new(format!("{} tiny jobs queued at once", thousands(jobs)), &["what", "value"]);
    for (what, value) in [
        ("jobs accepted a second (8 connections)", thousands(jobs / submitting)),
        ("start reply p50 / p99", format!("{p50:.2} / {p99:.2} ms")),
        ("still waiting when the last was accepted (sampled)", format!("{:.0} %", waiting * 100.0)),
        ("workers kept busy until then", gates.len().saturating_sub(1).to_string()),
        ("jobs completed a second afterwards", thousands(jobs / draining)),
        ("host CPU per job while draining", format!("{:.2} ms", cpu * 1e3 / jobs)),
        ("jobs verified COMPLETE with two records each", thousands(jobs)),
        ("RSS before", megabytes(before)),
        ("peak RSS while queued", megabytes(while_queued.sampled)),
        ("peak RSS while draining", megabytes(while_draining.sampled)),
        ("of it anonymous, at most", megabytes(anonymous)),
    ] {
        table.row([what.to_owned(), value]);
    }
    let value = json!({
        "jobs": queued, "submit_seconds": submitting, "drain_seconds": draining, "reply_p50_ms": p50,
        "reply_p99_ms": p99, "created_share_when_all_submitted": waiting, "busy_workers": gates.len().saturating_sub(1),
        "rss_before_bytes": before, "rss_peak_queued_bytes": while_queued.sampled,
        "rss_peak_draining_bytes": while_draining.sampled, "anonymous_peak_bytes": anonymous, "drain_cpu_seconds": cpu,
    });
    report.section("queued", (value, table))
}

/// Returns every worker a download that does not end. The last one started waits in the queue itself.
fn close_gate(client: &Client, gate: &Gate) -> Result<Vec<String>> {
    let request = json!({
        "operation": "csv_url_load", "database": "bench", "table": "gate", "action": "upsert",
        "csv_url": format!("http://{}/gate.csv", gate.address()),
    })
    .to_string();
    let mut ids = Vec::new();
    while ids.len() < MAX_GATES as usize {
        let id = client.submit(&request)?;
        let began = gate.another_waits(GATE_PATIENCE);
        // An error here shows why the job did not reach its download.
        client.finished(&id)?;
        ids.push(id);
        if !began {
            break;
        }
    }
    Ok(ids)
}

/// Returns the job ids of every submitter, and the milliseconds of every start reply.
fn submit_all(host: &Host, queued: u32) -> Result<(Vec<Vec<String>>, Vec<f64>)> {
    let results: Vec<Result<(Vec<String>, Vec<f64>)>> = thread::scope(|scope| {
        let running: Vec<_> = (0..SUBMITTERS)
            .map(|submitter| {
                scope.spawn(move || {
                    let client = host.client()?;
                    let (mut ids, mut replies) = (Vec::new(), Vec::new());
                    // The warm-up uses the numbers 0 to 999.
                    for number in (submitter..queued).step_by(SUBMITTERS as usize) {
                        let request = tiny::request(1000 + number);
                        let start = Instant::now();
                        ids.push(client.submit(&request)?);
                        replies.push(start.elapsed().as_secs_f64() * 1e3);
                    }
                    Ok((ids, replies))
                })
            })
            .collect();
        running.into_iter().map(|t| t.join().unwrap_or_else(|_| Err(Failure::new("a client crashed")))).collect()
    });
    let (mut ids, mut replies) = (Vec::new(), Vec::new());
    for result in results {
        let (own, mut times) = result?;
        ids.push(own);
        replies.append(&mut times);
    }
    Ok((ids, replies))
}

/// Returns the share of the jobs that still wait, estimated from every hundredth job.
fn count_waiting(client: &Client, ids: &[Vec<String>]) -> Result<f64> {
    let (mut asked, mut waiting) = (0.0, 0.0);
    for id in ids.iter().flatten().step_by(100) {
        asked += 1.0;
        if client.job(id)?.get("phase").and_then(Value::as_str) == Some("queued") {
            waiting += 1.0;
        }
    }
    Ok(waiting / f64::max(asked, 1.0))
}
