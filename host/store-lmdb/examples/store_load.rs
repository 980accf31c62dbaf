//! Loads records into the embedded store the way a job does (parsed batches, commit groups with a checkpoint) and
//! prints the cost.
//!
//! `cargo run --release -p jobhost --example store_load -- [rows] [sequential|uuid|both|tiny] [group MiB] [directory]`
//!
//! The cost of generating the records is measured first and subtracted.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use jobhost_model::jobs::{JobRow, JobStatus, Lease, Tally};
use jobhost_model::{Action, SystemClock, TableName, Timestamp};
use jobhost_store::{
    Batch, BatchLimits, CatalogChange, CatalogStore, DeleteBefore, JobStore, RecordStore, ScanOrder, ScanPosition,
    Store, TableWrite, WriteGroup,
};
use jobhost_store_lmdb::{EmbeddedOptions, EmbeddedStore};
use uuid::Uuid;

type Failure = Box<dyn std::error::Error>;

const BATCH_BYTES: usize = 256 << 10;

#[derive(Clone, Copy, PartialEq)]
enum Keys {
    Sequential,
    Uuid,
}

/// Generates records like those the CSV plugin produces from the benchmark's 97-byte rows.
struct Records {
    keys: Keys,
    next: u64,
    rows: u64,
    random: u64,
}

impl Records {
    fn new(keys: Keys, rows: u64) -> Self {
        Records { keys, next: 0, rows, random: 0x9e37_79b9_7f4a_7c15 }
    }

    fn batch(&mut self) -> Option<String> {
        const CITIES: [&str; 5] = ["Lisbon", "Oslo", "San Francisco", "Nairobi", "Kyoto"];
        if self.next == self.rows {
            return None;
        }
        let mut text = String::with_capacity(BATCH_BYTES + 256);
        while self.next < self.rows && text.len() < BATCH_BYTES {
            let n = self.next;
            self.next += 1;
            let _infallible = match self.keys {
                Keys::Sequential => write!(text, "{{\"id\":{n}"),
                Keys::Uuid => {
                    let mut word = || {
                        self.random =
                            self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                        let mixed = (self.random ^ self.random >> 31).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                        mixed ^ mixed >> 29
                    };
                    write!(text, "{{\"id\":\"{}\"", Uuid::from_u64_pair(word(), word()).hyphenated())
                }
            };
            let city = CITIES.get(n as usize % CITIES.len()).copied().unwrap_or_default();
            let _infallible = writeln!(
                text,
                ",\"name\":\"Person {n}\",\"email\":\"person{n}@example.com\",\"city\":\"{city}\",\"age\":{},\"score\":{}.{:02},\"active\":{},\"created\":\"2021-03-{:02}T05:06:07.000Z\"}}",
                18 + n % 70,
                n % 1000,
                n % 97,
                n.is_multiple_of(2),
                1 + n % 28,
            );
        }
        Some(text)
    }
}

#[derive(Clone, Copy)]
struct Cost {
    wall: Duration,
    cpu: Duration,
}

/// User plus system CPU time of this process, over all threads.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let ticks: u64 = fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

fn status(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse().ok()).unwrap_or(0)
}

fn measure<T>(work: impl FnOnce() -> T) -> (T, Cost) {
    let (start, before) = (Instant::now(), cpu());
    let result = work();
    (result, Cost { wall: start.elapsed(), cpu: cpu().saturating_sub(before) })
}

fn report(what: &str, rows: u64, cost: Cost, made: Cost) {
    let per_second = |duration: Duration| rows as f64 / duration.as_secs_f64().max(0.001);
    let cpu = cost.cpu.saturating_sub(made.cpu);
    println!(
        "{what:28} {:6.2} s wall {:9.0} rows/s   {:6.2} s CPU {:9.0} rows/CPU-s",
        cost.wall.as_secs_f64(),
        per_second(cost.wall),
        cpu.as_secs_f64(),
        per_second(cpu),
    );
}

/// Samples resident memory while a measurement runs. The peak comes from the kernel; its two parts are sampled.
struct Watch {
    stop: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<()>,
    anonymous: Arc<AtomicU64>,
    file: Arc<AtomicU64>,
}

impl Watch {
    fn start() -> Self {
        // Writing 5 resets the peak.
        let _older_kernels_keep_it = std::fs::write("/proc/self/clear_refs", "5");
        let (stop, anonymous, file) = <(Arc<AtomicBool>, Arc<AtomicU64>, Arc<AtomicU64>)>::default();
        let thread = {
            let (stop, anonymous, file) = (Arc::clone(&stop), Arc::clone(&anonymous), Arc::clone(&file));
            std::thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    anonymous.fetch_max(status("RssAnon"), Ordering::Relaxed);
                    file.fetch_max(status("RssFile"), Ordering::Relaxed);
                    std::thread::sleep(Duration::from_millis(10));
                }
            })
        };
        Watch { stop, thread, anonymous, file }
    }

    fn stop(self) -> String {
        let peak = status("VmHWM") / 1024;
        self.stop.store(true, Ordering::Relaxed);
        let _watched = self.thread.join();
        let (anonymous, file) =
            (self.anonymous.load(Ordering::Relaxed) / 1024, self.file.load(Ordering::Relaxed) / 1024);
        format!("peak RSS {peak} MB (own {anonymous}, file pages {file})")
    }
}

fn job(id: Uuid) -> Result<JobRow, Failure> {
    Ok(serde_json::from_value(serde_json::json!({
        "id": id, "type": "csv_file_load", "user": "bench", "status": "IN_PROGRESS", "created": 1, "started": 1,
        "tally": Tally::default(), "rejected": 0, "attempt": 1, "plugin": "bench@0", "plugin_digest": "",
    }))?)
}

async fn load(
    store: &Arc<EmbeddedStore>,
    name: &TableName,
    action: Action,
    mut records: Records,
    group_bytes: usize,
) -> Result<Tally, Failure> {
    let id = Uuid::new_v4();
    store.create_job(job(id)?, Vec::new()).await?;
    let lease = Some(Lease { job: id, attempt: 1 });
    let mut group = WriteGroup { lease, ..WriteGroup::default() };
    let mut bytes = 0;
    let mut committing = None;
    let mut tally = Tally::default();
    loop {
        let batch = records.batch();
        let end = batch.is_none();
        if let Some(text) = batch {
            let catalog = store.catalog();
            let table = catalog.table(name).ok_or("no table")?;
            let batch = Batch::parse(text, table, action, &BatchLimits::default(), &store.keys())?;
            bytes += batch.text_bytes();
            group.writes.push(TableWrite { table: name.clone(), action, batch });
        }
        if bytes >= group_bytes || end {
            let full = std::mem::replace(&mut group, WriteGroup { lease, ..WriteGroup::default() });
            bytes = 0;
            let full = WriteGroup { checkpoint: Some(records.next.to_string().into_bytes()), ..full };
            if let Some(task) = committing.take() {
                tally = finish(task).await?.unwrap_or(tally);
            }
            let store = Arc::clone(store);
            committing = Some(tokio::spawn(async move { store.apply(full).await }));
        }
        if end {
            if let Some(task) = committing.take() {
                tally = finish(task).await?.unwrap_or(tally);
            }
            return Ok(tally);
        }
    }
}

type Commit = tokio::task::JoinHandle<Result<jobhost_store::Applied, jobhost_store::StoreError>>;

async fn finish(task: Commit) -> Result<Option<Tally>, Failure> {
    Ok(task.await??.job_tally)
}

fn run(keys: Keys, rows: u64, group_bytes: usize, dir: &Path) -> Result<(), Failure> {
    println!(
        "{rows} rows, {} keys, groups of {} MiB",
        if keys == Keys::Uuid { "UUID" } else { "sequential" },
        group_bytes >> 20
    );
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let (bytes, made) = measure(|| {
        let mut records = Records::new(keys, rows);
        std::iter::from_fn(|| records.batch()).map(|text| text.len()).sum::<usize>()
    });
    println!("{:28} {} bytes a record", "  text", bytes as u64 / rows.max(1));
    let name = TableName::new("data", "people");
    let store = Arc::new(EmbeddedStore::open(dir, EmbeddedOptions::default(), Arc::new(SystemClock))?);
    runtime.block_on(store.change_catalog(CatalogChange::CreateTable {
        name: name.clone(),
        primary_key: "id".into(),
        schema_defined: false,
        attributes: Vec::new(),
    }))?;
    for (what, action) in [
        ("load (insert)", Action::Insert),
        ("load again (all skipped)", Action::Insert),
        ("upsert all", Action::Upsert),
    ] {
        let watch = Watch::start();
        let (tally, cost) =
            measure(|| runtime.block_on(load(&store, &name, action, Records::new(keys, rows), group_bytes)));
        let tally = tally?;
        report(what, rows, cost, made);
        let file = runtime.block_on(store.size())? >> 20;
        println!("{:28} {} written, {} skipped; {}; file {file} MB", "", tally.written, tally.skipped, watch.stop());
    }
    for (what, order) in [("scan in order of arrival", ScanOrder::Arrival), ("scan in order of keys", ScanOrder::Key)] {
        let watch = Watch::start();
        let (seen, cost) = measure(|| {
            runtime.block_on(async {
                let mut cursor = store.scan(&name, order).await?;
                let mut seen = 0;
                while let Some(page) = cursor.next().await? {
                    seen += page.len() as u64;
                }
                Ok::<_, Failure>(seen)
            })
        });
        report(what, seen?, cost, Cost { wall: Duration::ZERO, cpu: Duration::ZERO });
        println!("{:28} {}", "", watch.stop());
    }
    let watch = Watch::start();
    let (seen, cost) = measure(|| snapshot_scan(&*store, &name));
    report("snapshot, pages by arrival", seen?, cost, Cost { wall: Duration::ZERO, cpu: Duration::ZERO });
    println!("{:28} {}", "", watch.stop());
    let file = |store: &Arc<EmbeddedStore>| Ok::<_, Failure>(runtime.block_on(store.size())? >> 20);
    let watch = Watch::start();
    let (slowest, cost) = measure(|| runtime.block_on(delete_all(&*store, &name)));
    let (deleted, slowest) = slowest?;
    report("delete all, 50,000 a step", deleted, cost, Cost { wall: Duration::ZERO, cpu: Duration::ZERO });
    println!("{:28} slowest step {} ms; {}; file {} MB", "", slowest.as_millis(), watch.stop(), file(&store)?);
    let (tally, cost) =
        measure(|| runtime.block_on(load(&store, &name, Action::Insert, Records::new(keys, rows), group_bytes)));
    report("load into the freed space", rows, cost, made);
    println!("{:28} {} written; file {} MB", "", tally?.written, file(&store)?);
    drop(store);
    std::fs::remove_dir_all(dir)?;
    Ok(())
}

fn snapshot_scan(store: &dyn Store, name: &TableName) -> Result<u64, Failure> {
    let snapshot = store.snapshot()?;
    let mut position = ScanPosition::Start;
    let mut seen = 0;
    loop {
        let page = snapshot.page(name, &mut position)?;
        if page.is_empty() {
            return Ok(seen);
        }
        seen += page.len() as u64;
    }
}

/// Deletes all records in steps, as `delete_records_before` does. Returns the number of records and the duration of
/// the slowest step.
async fn delete_all(store: &dyn Store, name: &TableName) -> Result<(u64, Duration), Failure> {
    let id = Uuid::new_v4();
    store.create_job(job(id)?, Vec::new()).await?;
    let mut slowest = Duration::ZERO;
    loop {
        let start = Instant::now();
        let step = DeleteBefore {
            table: name.clone(),
            created_before: Timestamp(u64::MAX),
            limit: 50_000,
            lease: Some(Lease { job: id, attempt: 1 }),
            checkpoint: Some(Vec::new()),
        };
        let applied = store.delete_created_before(step).await?;
        slowest = slowest.max(start.elapsed());
        if applied.tally.deleted < 50_000 {
            return Ok((applied.job_tally.unwrap_or_default().deleted, slowest));
        }
    }
}

/// Measures jobs that do no work: create, start, end, each durable before the next.
fn tiny(dir: &Path) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let store = Arc::new(EmbeddedStore::open(dir, EmbeddedOptions::default(), Arc::new(SystemClock))?);
    for clients in [1_u64, 16, 256] {
        let jobs = 3_000.min(clients * 200) / clients;
        let (outcome, cost) = measure(|| {
            runtime.block_on(async {
                let tasks: Vec<_> = (0..clients)
                    .map(|_| {
                        let store = Arc::clone(&store);
                        tokio::spawn(async move {
                            for _ in 0..jobs {
                                let row = job(Uuid::new_v4()).map_err(|error| error.to_string())?;
                                let step = async {
                                    store.create_job(row.clone(), vec![0; 500]).await?;
                                    store.update_job(row.clone(), 1).await?;
                                    store.update_job(JobRow { status: JobStatus::Complete, ..row }, 1).await
                                };
                                step.await.map_err(|error| error.to_string())?;
                            }
                            Ok::<_, String>(())
                        })
                    })
                    .collect();
                for task in tasks {
                    task.await??;
                }
                Ok::<_, Failure>(())
            })
        });
        outcome?;
        report(
            &format!("tiny jobs, {clients} at once"),
            jobs * clients,
            cost,
            Cost { wall: Duration::ZERO, cpu: Duration::ZERO },
        );
    }
    drop(store);
    std::fs::remove_dir_all(dir)?;
    Ok(())
}

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let rows = arguments.next().map_or(Ok(1_000_000), |rows| rows.parse())?;
    let keys = arguments.next().unwrap_or_else(|| "both".into());
    let group_bytes = arguments.next().map_or(Ok(16), |group| group.parse::<usize>())? << 20;
    let dir = arguments.next().map_or_else(|| std::env::temp_dir().join("jobhost-store-load"), PathBuf::from);
    if keys == "tiny" {
        return tiny(&dir);
    }
    if keys != "uuid" {
        run(Keys::Sequential, rows, group_bytes, &dir)?;
    }
    if keys != "sequential" {
        run(Keys::Uuid, rows, group_bytes, &dir)?;
    }
    Ok(())
}
