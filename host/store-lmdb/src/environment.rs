//! The LMDB environment: opening it, its databases, the lock that keeps a second process out, and keeping small what the
//! process is charged for the memory map. No other module of the store may be `unsafe`.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use heed::types::Bytes;
use heed::{CommitOrAbort, Env, EnvOpenOptions, MdbError, RoTxn, WithoutTls};

use super::options::EmbeddedOptions;
use jobhost_store::{StoreError, StoreErrorKind};

/// All keys and values are bytes that this module's siblings encode.
pub(super) type Database = heed::Database<'static, Bytes, Bytes>;
pub(super) type Snapshot<'e> = RoTxn<'e, WithoutTls>;

const LOCK_FILE: &str = "lock";
const DATA_FILE: &str = "data.mdb";
/// Written once. A store of another layout is refused, never guessed at.
const LAYOUT: &[u8] = b"jobhost embedded store, layout 1";
const DISK_FULL: &str = "the disk that holds the store is full";
/// A write that fails while less than this is free failed for want of space: it is what one transaction may write.
const FULL_BELOW_BYTES: u64 = 16 << 20;
/// What a read at a random place maps, roughly: the kernel maps neighbours that are in memory as well.
pub(super) const RANDOM_READ_BYTES: usize = 16 << 10;
/// By how much more than the bound a scan in order of random keys may keep mapped: it comes back to every page many times,
/// and mapping it anew each time would cost more than all else.
const SCATTERED_FACTOR: u64 = 8;
/// How much may be touched between two looks at what is mapped; a look costs a few microseconds.
const LOOK_EVERY_BYTES: u64 = 4 << 20;

/// The databases. Tables share them: a key begins with the table's id (`keyspace`).
#[derive(Clone, Copy)]
pub(super) struct Databases {
    /// Layout of the store, and counters.
    pub meta: Database,
    /// Databases (by name) and tables (by id) as JSON.
    pub catalog: Database,
    /// Counters of a table, and work left to do on it.
    pub tables: Database,
    /// Table and record number -> block of records.
    pub heap: Database,
    /// Table and primary key -> leaf of (key, record number).
    pub primary: Database,
    pub documents: Database,
    /// Id -> creation number and row.
    pub jobs: Database,
    /// Id -> payload.
    pub payloads: Database,
    /// Id -> checkpoint.
    pub checkpoints: Database,
    /// Start time and id -> nothing.
    pub started: Database,
    /// Creation number -> id, of jobs that are not final.
    pub unfinished: Database,
    /// User, time of the end and id -> bytes that the job keeps.
    pub finished: Database,
}

pub(super) struct Environment {
    // Closed before the lock below is given up: fields are dropped in this order.
    env: Env<WithoutTls>,
    pub dbs: Databases,
    map: Option<Map>,
    mapped_bytes: u64,
    /// What each user's finished jobs may keep.
    pub history_bytes: u64,
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
            touched: AtomicU64::new(0),
            data_file,
            _lock: lock,
        })
    }

    pub fn read(&self) -> Result<Snapshot<'_>, StoreError> {
        self.env.read_txn().map_err(engine)
    }

    /// A snapshot that may outlive the borrow, for scans.
    pub fn read_static(&self) -> Result<Snapshot<'static>, StoreError> {
        self.env.clone().static_read_txn().map_err(engine)
    }

    pub fn write(&self) -> Result<heed::RwTxn<'_>, StoreError> {
        self.env.write_txn().map_err(engine)
    }

    /// Bytes on disk.
    pub fn size(&self) -> Result<u64, StoreError> {
        std::fs::metadata(&self.data_file).map(|metadata| metadata.len()).map_err(|error| {
            StoreError::caused_by(StoreErrorKind::Unavailable, "cannot determine the size of the store", error)
        })
    }

    /// Why a transaction failed. LMDB reports a write that the disk took only a part of as a failed one, so whether the
    /// disk is full is asked of the disk.
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

    /// Say that about so many bytes of the map were read. Now and then, if more is mapped than was allowed, unmaps it all.
    pub fn touched(&self, bytes: usize) {
        self.look(bytes, self.mapped_bytes);
    }

    /// The same for readers that come back to pages in no order.
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

/// The lock goes with the process, however that ends; the number in the file is only there to be read by people.
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
    const NAMES: [&str; 12] = [
        "meta",
        // As it is called in every store that exists.
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
    ];
    let txn = env.write_txn()?;
    let opened = env.create_databases_and_commit(txn, |opener, txn| -> heed::Result<_> {
        let mut create = |name: &str| opener.create_database::<Bytes, Bytes>(txn, Some(name));
        let [a, b, c, d, e, f, g, h, i, j, k, l] = NAMES.map(&mut create);
        Ok(CommitOrAbort::<_, ()>::Commit([a?, b?, c?, d?, e?, f?, g?, h?, i?, j?, k?, l?]))
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
        }),
        CommitOrAbort::Abort(()) => Err(heed::Error::Mdb(MdbError::Problem)),
    }
}

fn check_layout(env: &Env<WithoutTls>, dbs: &Databases, dir: &Path) -> Result<(), StoreError> {
    let mut txn = env.write_txn().map_err(engine)?;
    match dbs.meta.get(&txn, b"layout").map_err(engine)? {
        Some(layout) if layout == LAYOUT => return Ok(()),
        Some(_) => {
            let message = format!("the store in {} was written by another version of this program", dir.display());
            return Err(StoreError::new(StoreErrorKind::Unavailable, message));
        }
        None => {}
    }
    dbs.meta.put(&mut txn, b"layout", LAYOUT).map_err(engine)?;
    txn.commit().map_err(engine)
}

/// The engine's error in the words of the trait.
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

/// Where the data file is mapped.
struct Map {
    start: usize,
    length: usize,
    /// File pages that the process had before: its own code.
    before_open: u64,
}

impl Map {
    /// `None`, and nothing is ever unmapped, where the system does not tell.
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
        // A failure leaves the pages mapped, which costs nothing but the figure.
        unsafe {
            libc::madvise(self.start as *mut libc::c_void, self.length, libc::MADV_DONTNEED);
        }
    }
}

/// File pages that are mapped into this process, in bytes.
fn file_pages_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssFile:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes << 10)
}
