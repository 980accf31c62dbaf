//! The LMDB environment: opens it, defines its databases, locks out other processes, and limits how much of the memory
//! map counts towards the process's resident memory. The only module of the store that may use `unsafe`.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use heed::types::Bytes;
use heed::{CommitOrAbort, Env, EnvOpenOptions, MdbError, RoTxn, WithoutTls};

use super::options::EmbeddedOptions;
use jobhost_store::{StoreError, StoreErrorKind};

/// Keys and values are bytes; the other modules of this crate encode them.
pub(super) type Database = heed::Database<'static, Bytes, Bytes>;
pub(super) type Snapshot<'e> = RoTxn<'e, WithoutTls>;

const LOCK_FILE: &str = "lock";
const DATA_FILE: &str = "data.mdb";
/// Written when the store is created or upgraded. A store with an unknown layout is refused.
const LAYOUT: &[u8] = b"jobhost embedded store, layout 3";
/// Earlier layouts, which are valid as they are. In layout 1, every index is one run. Stores of layout 2 have no unpublished
/// records. Programs that know only these layouts would miss other runs, or show unpublished records.
const EARLIER_LAYOUTS: [&[u8]; 2] = [b"jobhost embedded store, layout 1", b"jobhost embedded store, layout 2"];
const DISK_FULL: &str = "the disk that holds the store is full";
/// If a write fails while less than this many bytes are free, the disk counts as full. Equal to what one transaction
/// may write.
const FULL_BELOW_BYTES: u64 = 16 << 20;
/// Approximate number of bytes that one random read maps: the kernel also maps neighbouring cached pages.
pub(super) const RANDOM_READ_BYTES: usize = 16 << 10;
/// Factor applied to the limit on mapped bytes for scans that visit pages in random order. Such a scan returns to each
/// page many times, and mapping the page again each time would dominate its cost.
const SCATTERED_FACTOR: u64 = 8;
/// Number of bytes that may be read between two checks of the mapped size. A check takes a few microseconds.
const LOOK_EVERY_BYTES: u64 = 4 << 20;

/// The LMDB databases. All tables share them: each key starts with the table's id (see `keyspace`).
#[derive(Clone, Copy)]
pub(super) struct Databases {
    /// Layout of the store, persistent counters, unfinished background work and per-user totals.
    pub meta: Database,
    /// Database names and table descriptions, as JSON.
    pub catalog: Database,
    /// Table id -> counters.
    pub tables: Database,
    /// Table id and record number -> block of records.
    pub heap: Database,
    /// Run id and primary key -> leaf of (key, record number) pairs.
    pub primary: Database,
    /// Run id and primary key -> filter.
    pub filters: Database,
    pub documents: Database,
    /// Job id -> creation number and row.
    pub jobs: Database,
    /// Job id -> payload.
    pub payloads: Database,
    /// Job id -> checkpoint.
    pub checkpoints: Database,
    /// Start time and job id -> empty value.
    pub started: Database,
    /// Creation number -> job id, for jobs that are not final.
    pub unfinished: Database,
    /// User, end time and job id -> size of the job in bytes.
    pub finished: Database,
}

pub(super) struct Environment {
    // Fields are dropped in declaration order: the environment closes before the lock is released.
    env: Env<WithoutTls>,
    pub dbs: Databases,
    map: Option<Map>,
    mapped_bytes: u64,
    /// Maximum size, in bytes, of each user's job history.
    pub history_bytes: u64,
    /// Number of keys at which the head of an index is sealed.
    pub head_keys: u64,
    touched: AtomicU64,
    data_file: PathBuf,
    _lock: File,
}

impl Environment {
    pub fn open(dir: &Path, options: &EmbeddedOptions) -> Result<Self, StoreError> {
        create_private(dir)?;
        let lock = lock(dir)?;
        let page = 64 << 10; // A multiple of every page size in use.
        let map_size = usize::try_from(options.max_bytes).unwrap_or(usize::MAX).max(1 << 20).next_multiple_of(page);
        let mut builder = EnvOpenOptions::new().read_txn_without_tls();
        builder.map_size(map_size).max_dbs(16).max_readers(options.max_readers);
        #[allow(
            unsafe_code,
            reason = "LMDB reads through a memory map, which is sound as long as nobody else changes the file: the lock \
                      taken above keeps other processes of ours out, and heed keeps this process from opening it twice"
        )]
        let env = unsafe { builder.open(dir) }.map_err(|error| {
            let hint = match &error {
                heed::Error::Io(io) if io.kind() == std::io::ErrorKind::OutOfMemory => {
                    "; the address space may be limited, set data.max_bytes lower"
                }
                heed::Error::EnvAlreadyOpened => "; this process has it open already",
                _ => "",
            };
            StoreError::caused_by(
                StoreErrorKind::Unavailable,
                format!("cannot open the store in {}{hint}", dir.display()),
                error,
            )
        })?;
        let dbs = databases(&env).map_err(engine)?;
        check_layout(&env, &dbs, dir)?;
        let data_file = dir.join(DATA_FILE);
        let map = Map::find(&data_file);
        Ok(Environment {
            env,
            dbs,
            map,
            mapped_bytes: options.mapped_bytes,
            history_bytes: options.history_bytes,
            head_keys: options.head_keys.max(1),
            touched: AtomicU64::new(0),
            data_file,
            _lock: lock,
        })
    }

    pub fn read(&self) -> Result<Snapshot<'_>, StoreError> {
        self.env.read_txn().map_err(engine)
    }

    /// Opens a snapshot that may outlive the borrow, for scans.
    pub fn read_static(&self) -> Result<Snapshot<'static>, StoreError> {
        self.env.clone().static_read_txn().map_err(engine)
    }

    pub fn write(&self) -> Result<heed::RwTxn<'_>, StoreError> {
        self.env.write_txn().map_err(engine)
    }

    /// Returns the size of the data file in bytes.
    pub fn size(&self) -> Result<u64, StoreError> {
        std::fs::metadata(&self.data_file).map(|metadata| metadata.len()).map_err(|error| {
            StoreError::caused_by(StoreErrorKind::Unavailable, "cannot determine the size of the store", error)
        })
    }

    /// Refines the reason for a failed transaction. LMDB does not distinguish a short write from other failures, so
    /// this checks how much space is left on the disk.
    pub fn explain(&self, error: StoreError) -> StoreError {
        if error.kind != StoreErrorKind::Unavailable || self.free_bytes().is_none_or(|free| free > FULL_BELOW_BYTES) {
            return error;
        }
        StoreError { kind: StoreErrorKind::Full, message: DISK_FULL.to_owned(), source: error.source }
    }

    fn free_bytes(&self) -> Option<u64> {
        let disk = rustix::fs::statvfs(&self.data_file).ok()?;
        Some(disk.f_bavail.saturating_mul(disk.f_frsize))
    }

    /// Records that about `bytes` of the map were read. Checks the mapped size at intervals and unmaps all pages if it
    /// exceeds the limit.
    pub fn touched(&self, bytes: usize) {
        self.look(bytes, self.mapped_bytes);
    }

    /// Like `touched`, for readers that visit pages in random order.
    pub fn touched_scattered(&self, bytes: usize) {
        self.look(bytes, self.mapped_bytes.saturating_mul(SCATTERED_FACTOR));
    }

    fn look(&self, bytes: usize, bound: u64) {
        let Some(map) = &self.map else { return };
        let bytes = bytes as u64;
        if self.touched.fetch_add(bytes, Ordering::Relaxed) + bytes < LOOK_EVERY_BYTES {
            return;
        }
        self.touched.store(0, Ordering::Relaxed);
        if file_pages_bytes().is_some_and(|now| now > map.before_open.saturating_add(bound)) {
            map.release();
        }
    }
}

fn create_private(dir: &Path) -> Result<(), StoreError> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(|error| {
        StoreError::caused_by(
            StoreErrorKind::Unavailable,
            format!("cannot create the data directory {}", dir.display()),
            error,
        )
    })
}

/// Locks the data directory. The operating system releases the lock when the process ends, however it ends. The
/// process id in the file is for people only.
fn lock(dir: &Path) -> Result<File, StoreError> {
    let path = dir.join(LOCK_FILE);
    let failed = |error| {
        StoreError::caused_by(
            StoreErrorKind::Unavailable,
            format!("cannot lock the data directory: {}", path.display()),
            error,
        )
    };
    let mut file =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            let _unreadable = (&mut file).take(64).read_to_string(&mut holder);
            let holder = match holder.trim() {
                "" => "another process".to_owned(),
                pid => format!("process {pid}"),
            };
            return Err(StoreError::new(
                StoreErrorKind::Unavailable,
                format!(
                    "the data directory {} is in use by {holder}; stop it or choose another data.dir",
                    dir.display()
                ),
            ));
        }
        Err(TryLockError::Error(error)) => return Err(failed(error)),
    }
    file.set_len(0).map_err(failed)?;
    file.seek(SeekFrom::Start(0)).map_err(failed)?;
    file.write_all(std::process::id().to_string().as_bytes()).map_err(failed)?;
    Ok(file)
}

fn databases(env: &Env<WithoutTls>) -> heed::Result<Databases> {
    const NAMES: [&str; 13] = [
        "meta",
        // The name on disk; existing stores depend on the spelling.
        "catalogue",
        "tables",
        "heap",
        "primary",
        "documents",
        "jobs",
        "payloads",
        "checkpoints",
        "started",
        "unfinished",
        "finished",
        "filters",
    ];
    let txn = env.write_txn()?;
    let opened = env.create_databases_and_commit(txn, |opener, txn| -> heed::Result<_> {
        let mut create = |name: &str| opener.create_database::<Bytes, Bytes>(txn, Some(name));
        let [a, b, c, d, e, f, g, h, i, j, k, l, m] = NAMES.map(&mut create);
        Ok(CommitOrAbort::<_, ()>::Commit([a?, b?, c?, d?, e?, f?, g?, h?, i?, j?, k?, l?, m?]))
    })?;
    match opened {
        CommitOrAbort::Commit(
            [
                meta,
                catalog,
                tables,
                heap,
                primary,
                documents,
                jobs,
                payloads,
                checkpoints,
                started,
                unfinished,
                finished,
                filters,
            ],
        ) => Ok(Databases {
            meta,
            catalog,
            tables,
            heap,
            primary,
            documents,
            jobs,
            payloads,
            checkpoints,
            started,
            unfinished,
            finished,
            filters,
        }),
        CommitOrAbort::Abort(()) => Err(heed::Error::Mdb(MdbError::Problem)),
    }
}

fn check_layout(env: &Env<WithoutTls>, dbs: &Databases, dir: &Path) -> Result<(), StoreError> {
    let mut txn = env.write_txn().map_err(engine)?;
    match dbs.meta.get(&txn, b"layout").map_err(engine)? {
        Some(LAYOUT) => return Ok(()),
        Some(earlier) if EARLIER_LAYOUTS.contains(&earlier) => tracing::info!("the store is upgraded to layout 3"),
        Some(_) => {
            let message = format!("the store in {} was written by another version of this program", dir.display());
            return Err(StoreError::new(StoreErrorKind::Unavailable, message));
        }
        None => {}
    }
    dbs.meta.put(&mut txn, b"layout", LAYOUT).map_err(engine)?;
    txn.commit().map_err(engine)
}

/// Converts an LMDB error into a store error.
pub(super) fn engine(error: heed::Error) -> StoreError {
    use std::io::ErrorKind;
    let full = match &error {
        heed::Error::Mdb(MdbError::MapFull) => {
            return StoreError::caused_by(
                StoreErrorKind::Full,
                "the store has reached its configured size; delete data or raise data.max_bytes",
                error,
            );
        }
        heed::Error::Io(io) => {
            matches!(io.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge)
        }
        _ => false,
    };
    if full {
        StoreError::caused_by(StoreErrorKind::Full, DISK_FULL, error)
    } else {
        StoreError::caused_by(StoreErrorKind::Unavailable, "the store's engine failed", error)
    }
}

/// The address range where the data file is mapped.
struct Map {
    start: usize,
    length: usize,
    /// Resident file pages, in bytes, before the store was opened: the program's own code.
    before_open: u64,
}

impl Map {
    /// Returns `None` if the system does not report the mapping. Nothing is ever unmapped then.
    fn find(data_file: &Path) -> Option<Map> {
        let before_open = file_pages_bytes()?;
        let path = data_file.canonicalize().ok()?;
        let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
        let line = maps.lines().find(|line| line.ends_with(path.to_string_lossy().as_ref()))?;
        let (start, end) = line.split_whitespace().next()?.split_once('-')?;
        let start = usize::from_str_radix(start, 16).ok()?;
        let end = usize::from_str_radix(end, 16).ok()?;
        Some(Map { start, length: end.checked_sub(start)?, before_open })
    }

    fn release(&self) {
        #[allow(
            unsafe_code,
            reason = "only the kernel can take pages out of a map. The map is LMDB's, shared and read-only, and stays in \
                      place as long as the environment does, which owns this: pages that are touched again come back \
                      from the page cache with the same content, so no reader can tell"
        )]
        // If this fails, the pages stay mapped; only the reported memory is affected.
        unsafe {
            libc::madvise(self.start as *mut libc::c_void, self.length, libc::MADV_DONTNEED);
        }
    }
}

/// Returns the number of bytes of file pages mapped into this process.
fn file_pages_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssFile:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes << 10)
}
