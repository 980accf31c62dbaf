//! Metrics for Prometheus. Labels are names of operations, states and limits, never of users, tables, files or
//! addresses.

mod process;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use jobhost_budget::Budgets;
use jobhost_model::jobs::Tally;
use process::ProcessMetrics;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Accepted {
    operation: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ended {
    operation: String,
    status: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Limit {
    limit: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Fate {
    fate: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Budget {
    budget: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Status {
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct State {
    state: String,
}

/// The metrics of a host. Cheap to update and cheap to export.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    accepted: Family<Accepted, Counter>,
    refused: Family<Reason, Counter>,
    ended: Family<Ended, Counter>,
    seconds: Family<Accepted, Histogram, fn() -> Histogram>,
    queued: Gauge,
    queue_limit: Gauge,
    queue_wait: Histogram,
    running: Gauge,
    workers: Gauge,
    records: Family<Fate, Counter>,
    limits_hit: Family<Limit, Counter>,
    cpu: Counter<f64, AtomicU64>,
    plugins: Family<State, Gauge>,
    store_bytes: Gauge,
    store_max_bytes: Gauge,
    budget_total: Family<Budget, Gauge>,
    budget_charged: Family<Budget, Gauge>,
    budget_refusals: Family<Budget, Counter>,
    log_lines_lost: Counter,
    changes: Gauge,
    responses: Family<Status, Counter>,
    process: ProcessMetrics,
}

/// Values that are read when the metrics are exported.
#[derive(Debug, Clone, Copy, Default)]
pub struct Looked {
    pub plugins_in_service: usize,
    /// Plugins that run their previous version, because the current file is not usable.
    pub plugins_previous_in_service: usize,
    pub plugins_failed: usize,
    pub store_bytes: u64,
    pub store_max_bytes: u64,
    /// Running requests that change data.
    pub changes: usize,
}

/// Buckets from one millisecond to about an hour.
fn buckets() -> Histogram {
    Histogram::new(exponential_buckets(0.001, 4.0, 12))
}

impl Default for Metrics {
    fn default() -> Self {
        let mut root = Registry::default();
        let process = ProcessMetrics::register(&mut root);
        let registry = root.sub_registry_with_prefix("jobhost");
        registry.register("build", "The version of jobhost", Info::new([("version", env!("CARGO_PKG_VERSION"))]));
        let responses = Family::default();
        let help = "Responses of the Operations API, by HTTP status; 401 are failed logins";
        registry.register("http_responses", help, responses.clone());
        let accepted = Family::default();
        registry.register("jobs_accepted", "Jobs that were accepted", accepted.clone());
        let refused = Family::default();
        registry.register("jobs_refused", "Requests for job operations that did not become jobs", refused.clone());
        let ended = Family::default();
        registry.register("jobs_ended", "Jobs that ended, by final state", ended.clone());
        let seconds = Family::<_, _, fn() -> Histogram>::new_with_constructor(buckets);
        registry.register_with_unit("job_attempt_duration", "Time of an attempt", Unit::Seconds, seconds.clone());
        let queued = Gauge::default();
        registry.register("jobs_queued", "Jobs that wait for a worker", queued.clone());
        let queue_limit = Gauge::default();
        registry.register("jobs_queue_limit", "Jobs that may wait (jobs.max_queued)", queue_limit.clone());
        let queue_wait = buckets();
        let help = "Time from a job's acceptance to its first attempt";
        registry.register_with_unit("job_queue_wait", help, Unit::Seconds, queue_wait.clone());
        let running = Gauge::default();
        registry.register("jobs_running", "Attempts that run", running.clone());
        let workers = Gauge::default();
        registry.register("job_workers", "Attempts that can run at once (jobs.workers)", workers.clone());
        let records = Family::default();
        registry.register("job_records", "Records of ended jobs, by outcome", records.clone());
        let limits_hit = Family::default();
        registry.register("limits_hit", "Jobs that reached a limit, whether it ended them or not", limits_hit.clone());
        let cpu = Counter::default();
        registry.register_with_unit("job_cpu", "Processor time of plugins", Unit::Seconds, cpu.clone());
        let plugins = Family::default();
        registry.register("plugins", "Files in the plugin folder, by state", plugins.clone());
        let store_bytes = Gauge::default();
        registry.register_with_unit("store_size", "Size of the store on disk", Unit::Bytes, store_bytes.clone());
        let store_max_bytes = Gauge::default();
        let help = "Maximum size of the store on disk (data.max_bytes)";
        registry.register_with_unit("store_max", help, Unit::Bytes, store_max_bytes.clone());
        let budget_total = Family::default();
        registry.register(
            "budget_total",
            "Total of each budget, in bytes or number of concurrent uses",
            budget_total.clone(),
        );
        let budget_charged = Family::default();
        registry.register("budget_charged", "Part of each budget that is in use", budget_charged.clone());
        let budget_refusals = Family::default();
        registry.register("budget_refusals", "Requests that a budget refused", budget_refusals.clone());
        let log_lines_lost = Counter::default();
        let help = "Lines of the log that could not be written to stderr";
        registry.register("log_lines_lost", help, log_lines_lost.clone());
        let changes = Gauge::default();
        let help = "Requests that change data and have not finished, whether or not their clients still wait";
        registry.register("changes_running", help, changes.clone());
        Metrics {
            registry: root,
            accepted,
            refused,
            ended,
            seconds,
            queued,
            queue_limit,
            queue_wait,
            running,
            workers,
            records,
            limits_hit,
            cpu,
            plugins,
            store_bytes,
            store_max_bytes,
            budget_total,
            budget_charged,
            budget_refusals,
            log_lines_lost,
            changes,
            responses,
            process,
        }
    }
}

impl Metrics {
    pub fn job_accepted(&self, operation: &str) {
        self.accepted.get_or_create(&Accepted { operation: operation.to_owned() }).inc();
    }

    /// Counts a rejected job. `reason` is one of the host's own words.
    pub fn job_refused(&self, reason: &'static str) {
        self.refused.get_or_create(&Reason { reason }).inc();
    }

    /// Returns the counter of lost log lines, for the log writer.
    pub fn log_lines_lost(&self) -> Counter {
        self.log_lines_lost.clone()
    }

    /// Sets the maximum number of queued jobs and the number of workers.
    pub fn capacity(&self, max_queued: usize, workers: usize) {
        self.queue_limit.set(i64::try_from(max_queued).unwrap_or(i64::MAX));
        self.workers.set(i64::try_from(workers).unwrap_or(i64::MAX));
    }

    /// Counts jobs that joined the queue.
    pub fn queued(&self, jobs: usize) {
        self.queued.inc_by(i64::try_from(jobs).unwrap_or(i64::MAX));
    }

    /// Counts a job that left the queue.
    pub fn taken(&self) {
        self.queued.dec();
    }

    /// Records how long a job waited before its first attempt.
    pub fn waited(&self, time: Duration) {
        self.queue_wait.observe(time.as_secs_f64());
    }

    pub fn attempt_begins(&self) {
        self.running.inc();
    }

    pub fn attempt_ends(&self, operation: &str, took: Duration, cpu: Duration) {
        self.running.dec();
        self.cpu.inc_by(cpu.as_secs_f64());
        self.seconds.get_or_create(&Accepted { operation: operation.to_owned() }).observe(took.as_secs_f64());
    }

    pub fn job_ended(&self, operation: &str, status: &str) {
        self.ended.get_or_create(&Ended { operation: operation.to_owned(), status: status.to_owned() }).inc();
    }

    /// Counts the records of a job that has ended.
    pub fn records(&self, tally: &Tally, rejected: u64) {
        for (fate, count) in [
            ("received", tally.received),
            ("written", tally.written),
            ("skipped", tally.skipped),
            ("deleted", tally.deleted),
            ("rejected", rejected),
        ] {
            self.records.get_or_create(&Fate { fate }).inc_by(count);
        }
    }

    /// Exports the limit with 0 until it is first reached.
    pub fn expect_limit(&self, limit: &str) {
        drop(self.limits_hit.get_or_create(&Limit { limit: limit.to_owned() }));
    }

    /// Counts a response of the Operations API.
    pub fn responded(&self, status: u16) {
        self.responses.get_or_create(&Status { status }).inc();
    }

    pub fn limit_hit(&self, limit: &str) {
        self.limits_hit.get_or_create(&Limit { limit: limit.to_owned() }).inc();
    }

    /// Returns all metrics in the OpenMetrics text format, which Prometheus reads.
    pub fn show(&self, looked: Looked, budgets: &Budgets) -> Result<String, std::fmt::Error> {
        for (budget, pool) in budgets.all() {
            let label = Budget { budget };
            let gauge = |amount: u64| i64::try_from(amount).unwrap_or(i64::MAX);
            self.budget_total.get_or_create(&label).set(gauge(pool.total()));
            self.budget_charged.get_or_create(&label).set(gauge(pool.used()));
            self.budget_refusals.get_or_create(&label).inner().store(pool.refusals(), Ordering::Relaxed);
        }
        let state = |state: &str, count: usize| {
            let gauge = self.plugins.get_or_create(&State { state: state.to_owned() });
            gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
        };
        state("in_service", looked.plugins_in_service);
        state("previous_in_service", looked.plugins_previous_in_service);
        state("failed", looked.plugins_failed);
        self.changes.set(i64::try_from(looked.changes).unwrap_or(i64::MAX));
        self.store_max_bytes.set(i64::try_from(looked.store_max_bytes).unwrap_or(i64::MAX));
        self.store_bytes.set(i64::try_from(looked.store_bytes).unwrap_or(i64::MAX));
        self.process.update();
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jobhost_budget::Owner;

    #[test]
    fn recorded_events_are_exported() {
        let metrics = Metrics::default();
        metrics.job_accepted("csv_file_load");
        metrics.queued(3);
        metrics.taken();
        metrics.attempt_begins();
        metrics.attempt_ends("csv_file_load", Duration::from_millis(20), Duration::from_millis(5));
        metrics.job_ended("csv_file_load", "COMPLETE");
        metrics.limit_hit("sandbox.memory_bytes");
        metrics.job_refused("denied");
        metrics.responded(401);
        metrics.expect_limit("sandbox.handles");
        metrics.records(&Tally { received: 3, ..Tally::default() }, 1);
        let looked = Looked { plugins_in_service: 2, plugins_failed: 1, store_bytes: 4096, ..Looked::default() };
        let budgets = Budgets::ample();
        let held = budgets.memory.take(&Owner::Host, 1000).unwrap();
        let text = metrics.show(looked, &budgets).unwrap();
        drop(held);
        for line in [
            "jobhost_jobs_accepted_total{operation=\"csv_file_load\"} 1",
            "jobhost_jobs_queued 2",
            "jobhost_jobs_running 0",
            "jobhost_jobs_ended_total{operation=\"csv_file_load\",status=\"COMPLETE\"} 1",
            "jobhost_limits_hit_total{limit=\"sandbox.memory_bytes\"} 1",
            "jobhost_plugins{state=\"failed\"} 1",
            "jobhost_jobs_refused_total{reason=\"denied\"} 1",
            "jobhost_job_records_total{fate=\"received\"} 3",
            "jobhost_store_size_bytes 4096",
            "jobhost_budget_charged{budget=\"memory\"} 1000",
            "jobhost_budget_refusals_total{budget=\"memory\"} 0",
            "jobhost_build_info{version=",
            "jobhost_http_responses_total{status=\"401\"} 1",
            "jobhost_limits_hit_total{limit=\"sandbox.handles\"} 0",
            "process_start_time_seconds ",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
    }
}
