//! Budgets limit what clients, users and guests make the host hold. Everything is charged here first, in total and per
//! user, with a reserve for the host's own work. `docs/limits.md` lists the budgets.
//!
//! This crate does not know what is charged, nor any other crate of the host. The resource that was charged owns the
//! charge, and dropping it is the only way to release it.

mod disk;
pub mod memory;
mod pool;
mod slots;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub use disk::{DiskCharge, DiskHeld, DiskPool, free_bytes};
pub use pool::{Charge, Exhausted, Holder, Owner, Pool, Terms};
pub use slots::{Slot, Slots};

/// One in this many parts of the memory is reserved for the host's own work, logins and requests about jobs.
const RESERVED_PART: u64 = 8;
/// How long a search waits for a slot.
const SEARCH_PATIENCE: Duration = Duration::from_secs(2);
/// How long a computation waits for a slot.
const COMPUTING_PATIENCE: Duration = Duration::from_secs(10);
/// Maximum number of concurrent computations per CPU core.
const COMPUTING_PER_CORE: u64 = 2;

/// The totals of the budgets, from the configuration.
#[derive(Debug, Clone)]
pub struct BudgetOptions {
    /// `memory.total_bytes`.
    pub memory_bytes: u64,
    /// `searches.max_running`.
    pub searches: u64,
    /// `sql.max_running`.
    pub sql: u64,
    /// `spool.max_bytes`.
    pub spool_bytes: u64,
    /// `sql.spill_total_bytes`.
    pub spill_bytes: u64,
    /// `data.reserve_bytes`.
    pub keep_free_bytes: u64,
    /// The data directory. Must exist.
    pub directory: PathBuf,
    pub cores: usize,
}

/// All budgets of a host. Clones share the budgets.
#[derive(Debug, Clone)]
pub struct Budgets {
    pub memory: Pool,
    /// Searches that pin a store snapshot.
    pub searches: Slots,
    /// Running SQL statements.
    pub sql: Slots,
    /// Parsing and planning of large requests, on threads that serve no requests.
    pub computing: Slots,
    /// Payloads and downloads of jobs.
    pub spool: DiskPool,
    /// Temporary files of SQL statements.
    pub spill: DiskPool,
}

impl Budgets {
    pub fn new(options: &BudgetOptions) -> Self {
        let terms = |what, key, total, reserve| Terms { what, key, total, reserve, threshold: 1 };
        let disk = |terms| DiskPool::new(terms, options.directory.clone(), options.keep_free_bytes);
        let cores = u64::try_from(options.cores).unwrap_or(1).max(1);
        let memory = options.memory_bytes;
        Budgets {
            memory: Pool::new(terms("memory", "memory.total_bytes", memory, memory / RESERVED_PART)),
            searches: Slots::new(terms("searches", "searches.max_running", options.searches, 0), SEARCH_PATIENCE),
            sql: Slots::new(terms("SQL statements", "sql.max_running", options.sql, 0), SEARCH_PATIENCE),
            // Twice the cores, of which a single user can take half: the next user need not wait.
            computing: Slots::new(
                terms("computing", "memory.total_bytes", cores.saturating_mul(COMPUTING_PER_CORE), 0),
                COMPUTING_PATIENCE,
            ),
            spool: disk(terms("spool", "spool.max_bytes", options.spool_bytes, 0)),
            spill: disk(terms("temporary files", "sql.spill_total_bytes", options.spill_bytes, 0)),
        }
    }

    /// Returns the budgets as seen by one owner.
    pub fn of(&self, owner: Owner) -> Account {
        Account { budgets: self.clone(), owner }
    }

    /// Returns all budgets by name, for the metrics.
    pub fn all(&self) -> [(&'static str, &Pool); 6] {
        [
            ("memory", &self.memory),
            ("searches", self.searches.pool()),
            ("sql", self.sql.pool()),
            ("computing", self.computing.pool()),
            ("spool", self.spool.pool()),
            ("spill", self.spill.pool()),
        ]
    }
}

/// One owner's access to the budgets.
#[derive(Debug, Clone)]
pub struct Account {
    pub budgets: Budgets,
    pub owner: Owner,
}

impl Account {
    pub fn memory(&self, bytes: u64) -> Result<Charge, Exhausted> {
        self.budgets.memory.take(&self.owner, bytes)
    }

    /// Charges memory that several parts of one request share.
    pub fn held(&self, bytes: u64) -> Result<Held, Exhausted> {
        self.memory(bytes).map(Held::new)
    }
}

/// A shared charge, released when its last clone is dropped.
#[derive(Debug, Clone)]
pub struct Held(Arc<Mutex<Charge>>);

impl Held {
    fn new(charge: Charge) -> Self {
        Held(Arc::new(Mutex::new(charge)))
    }

    pub fn grow(&self, more: u64) -> Result<(), Exhausted> {
        self.charge(|charge| charge.grow(more))
    }

    pub fn shrink_to(&self, amount: u64) {
        self.charge(|charge| charge.shrink_to(amount));
    }

    pub fn amount(&self) -> u64 {
        self.charge(|charge| charge.amount())
    }

    fn charge<T>(&self, use_it: impl FnOnce(&mut Charge) -> T) -> T {
        use_it(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Budgets {
    /// Creates budgets large enough for tests that are not about budgets.
    pub fn ample() -> Self {
        let much = 1 << 40;
        Budgets::new(&BudgetOptions {
            memory_bytes: much,
            searches: 1 << 20,
            sql: 1 << 20,
            spool_bytes: much,
            spill_bytes: much,
            keep_free_bytes: 0,
            directory: std::env::temp_dir(),
            cores: 64,
        })
    }
}
