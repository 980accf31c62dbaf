//! State shared by the parts of a running query, including why it stopped.

use std::fmt::Display;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

use super::{Spill, SqlLimits};
use crate::query::{Damaged, QueryError};
use jobhost_budget::{DiskCharge, Exhausted};
use jobhost_model::key::Key;
use jobhost_model::table::TableName;
use jobhost_store::{RecordPage, ScanPosition, Snapshot, StoreError, StoreErrorKind};

/// Minimum interval between two checks of the temporary files.
const SPILL_CHECK: Duration = Duration::from_millis(100);
/// Number of bytes that functions process between two checks of the clock; about a millisecond.
const BYTES_BETWEEN_CHECKS: usize = 1 << 20;
/// Processor time that planning may take. The bounds of a statement keep it far below.
const PLANNING: Duration = Duration::from_secs(1);

/// State shared by the connection, its virtual tables and the reader of the rows.
pub(super) struct State {
    /// The current time. It is the same for the whole statement.
    now: DateTime<Utc>,
    /// `None` while a statement is only checked.
    snapshot: Option<Mutex<Box<dyn Snapshot>>>,
    /// The first reason why the query cannot continue. SQLite's own error says only that it was interrupted.
    failure: Mutex<Option<QueryError>>,
    cancelled: AtomicBool,
    /// Present while the query runs.
    watch: Mutex<Option<Watch>>,
    /// Number of bytes that functions have processed since the last check of the clock.
    worked: AtomicUsize,
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    pub fn new(snapshot: Option<Box<dyn Snapshot>>) -> Self {
        State {
            now: Utc::now(),
            snapshot: snapshot.map(Mutex::new),
            failure: Mutex::default(),
            cancelled: AtomicBool::new(false),
            watch: Mutex::default(),
            worked: AtomicUsize::new(0),
        }
    }

    pub fn now(&self) -> DateTime<Utc> {
        self.now
    }

    pub fn has_snapshot(&self) -> bool {
        self.snapshot.is_some()
    }

    /// Stops the query, because nobody wants the rows any more.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    /// Marks the start of the query on this thread.
    pub fn start(&self, limits: SqlLimits) {
        *held(&self.watch) = Some(Watch::start(limits));
    }

    /// Records how long the query waited for its reader.
    pub fn waited(&self, duration: Duration) {
        if let Some(watch) = held(&self.watch).as_mut() {
            watch.waited(duration);
        }
    }

    /// Returns whether the query must stop: it was cancelled or has reached a limit. The reason is kept.
    pub fn must_stop(&self) -> bool {
        let exceeded = held(&self.watch).as_mut().and_then(Watch::exceeded);
        let stop = exceeded.is_some() || self.is_cancelled();
        if let Some(error) = exceeded {
            self.fail(error);
        }
        stop
    }

    /// Records that a function is about to process this many bytes.
    pub fn worked(&self, bytes: usize) -> rusqlite::Result<()> {
        let worked = self.worked.load(Ordering::Relaxed).saturating_add(bytes);
        let check = worked >= BYTES_BETWEEN_CHECKS;
        // Only the query's thread calls functions.
        self.worked.store(if check { 0 } else { worked }, Ordering::Relaxed);
        if check && self.must_stop() { Err(stopped("stopped")) } else { Ok(()) }
    }

    pub fn fail(&self, error: QueryError) {
        held(&self.failure).get_or_insert(error);
    }

    pub fn take_failure(&self) -> Option<QueryError> {
        held(&self.failure).take()
    }

    pub fn page(&self, table: &TableName, position: &mut ScanPosition) -> rusqlite::Result<RecordPage> {
        self.read(|snapshot| snapshot.page(table, position))
    }

    pub fn fetch(&self, table: &TableName, key: Key) -> rusqlite::Result<RecordPage> {
        self.read(|snapshot| snapshot.fetch(table, &[key]))
    }

    /// Reads from the snapshot. A store error is kept for the caller; SQLite is told only that there was one.
    fn read(&self, read: impl FnOnce(&dyn Snapshot) -> Result<RecordPage, StoreError>) -> rusqlite::Result<RecordPage> {
        if self.is_cancelled() {
            return Err(stopped("cancelled"));
        }
        let Some(snapshot) = &self.snapshot else { return Err(stopped("there is no snapshot")) };
        read(held(snapshot).as_ref()).map_err(|error| {
            let reason = stopped(&error);
            self.fail(QueryError::Store(error));
            reason
        })
    }

    pub fn damaged(&self, error: Damaged) -> rusqlite::Error {
        let reason = stopped(error);
        let message = "A stored record cannot be read";
        self.fail(QueryError::Store(StoreError::caused_by(StoreErrorKind::Unavailable, message, error)));
        reason
    }
}

fn stopped(reason: impl Display) -> rusqlite::Error {
    rusqlite::Error::ModuleError(reason.to_string())
}

/// Watches time and temporary files while SQLite computes. Belongs to the thread that runs the query.
struct Watch {
    limits: SqlLimits,
    started: Instant,
    /// How long the query waited for its reader.
    waited: Duration,
    written_before: u64,
    last_check: Instant,
    charge: Option<DiskCharge>,
}

/// Space for temporary files that is charged in advance, in bytes. More than a disk can write between two checks.
const CHARGED_AHEAD: u64 = 64 << 20;
/// Temporary files below this size, in bytes, are not charged. Most statements write less.
const FREE_BYTES: u64 = 1 << 20;

impl Watch {
    pub fn start(limits: SqlLimits) -> Self {
        let now = Instant::now();
        let written_before = written_by_thread();
        Watch { limits, started: now, waited: Duration::ZERO, written_before, last_check: now, charge: None }
    }

    pub fn waited(&mut self, duration: Duration) {
        self.waited += duration;
    }

    /// Returns why the query must stop now, if it must.
    pub fn exceeded(&mut self) -> Option<QueryError> {
        let now = Instant::now();
        if now.duration_since(self.started).saturating_sub(self.waited) > self.limits.time.time() {
            return Some(QueryError::TooLarge(format!(
                "The SQL query was stopped after {} seconds; narrow the query, or raise '{}'",
                self.limits.time.time().as_secs_f64(),
                self.limits.time.key()
            )));
        }
        if now.duration_since(self.last_check) < SPILL_CHECK {
            return None;
        }
        self.last_check = now;
        let written = written_by_thread().saturating_sub(self.written_before);
        if let Err(exhausted) = self.charge(written) {
            return Some(QueryError::Exhausted(exhausted));
        }
        if written > self.limits.spill_bytes.value() {
            return Some(QueryError::TooLarge(format!(
                "The SQL query needs more than {} bytes of temporary files; sort or group less, or raise '{}'",
                self.limits.spill_bytes.value(),
                self.limits.spill_bytes.key()
            )));
        }
        None
    }
}

impl Watch {
    fn charge(&mut self, written: u64) -> Result<(), Exhausted> {
        let Some(Spill { disk, owner }) = &self.limits.spill else { return Ok(()) };
        if written < FREE_BYTES {
            return Ok(());
        }
        let wanted = written.saturating_add(CHARGED_AHEAD);
        match &mut self.charge {
            Some(charge) if charge.amount() >= written => Ok(()),
            Some(charge) => charge.grow_to(wanted),
            None => {
                self.charge = Some(disk.take(owner, wanted)?);
                Ok(())
            }
        }
    }
}

/// Limits the CPU time of planning, on the thread that started it.
pub(super) struct Planning {
    end: Duration,
}

impl Planning {
    pub fn begin() -> Self {
        Planning { end: thread_time() + PLANNING }
    }

    pub fn is_over(&self) -> bool {
        thread_time() > self.end
    }

    pub fn exceeded() -> QueryError {
        QueryError::TooLarge(format!(
            "The SQL query takes more than {} second of processor time to plan; join fewer tables or split it",
            PLANNING.as_secs()
        ))
    }
}

fn thread_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Returns the number of bytes that this thread has written to files, or 0 if the system does not count them. A query's
/// thread writes only SQLite's temporary files, which are unnamed, so their size cannot be looked up.
fn written_by_thread() -> u64 {
    let counts = std::fs::read_to_string("/proc/thread-self/io").unwrap_or_default();
    let written = counts.lines().find_map(|line| line.strip_prefix("wchar: "));
    written.and_then(|count| count.trim().parse().ok()).unwrap_or(0)
}
