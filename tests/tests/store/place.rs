//! The location of a store under test, and shortcuts for using it.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use jobhost_model::{Action, Clock, Key, TableName, Timestamp};
use jobhost_store::{
    Applied, Batch, BatchLimits, CatalogChange, KeySource, MemoryStore, ScanOrder, Store, StoreError, TableWrite,
    WriteGroup,
};
use jobhost_store_lmdb::{EmbeddedOptions, EmbeddedStore};
use serde_json::{Map, Value};

pub type Record = Map<String, Value>;

/// The location of a store. At most one store is open at a time.
pub trait Place: Sync {
    /// Creates an empty one.
    fn fresh() -> impl Future<Output = Self>;

    /// Returns the one that another process created and described with `describe`.
    fn described(description: &str) -> Self;

    fn describe(&self) -> String;

    fn open(&self) -> impl Future<Output = Result<Arc<dyn Store>, StoreError>>;

    fn clock(&self) -> &TestClock;

    /// How many record numbers a job reserves at least for unpublished records. `None` if the store does not reserve any, and
    /// decides which keys exist when it publishes the records instead of when they are written.
    fn reserved() -> Option<u64>;
}

/// A clock that stands still unless it is set.
#[derive(Debug, Clone)]
pub struct TestClock(Arc<AtomicU64>);

impl Default for TestClock {
    fn default() -> Self {
        TestClock(Arc::new(AtomicU64::new(1_600_000_000_000_000)))
    }
}

impl TestClock {
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.0, Ordering::SeqCst);
    }

    pub fn advance(&self, microseconds: u64) {
        self.0.fetch_add(microseconds, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

/// Locked while a process is started and while a store is opened. A forked process briefly has a copy of all open
/// files, including locks, until it executes its program. A store that is closed and reopened during that time would
/// find itself in use.
pub static STARTING: Mutex<()> = Mutex::new(());

/// A directory, removed by the process that created it.
pub struct EmbeddedPlace {
    pub dir: PathBuf,
    made: Option<tempfile::TempDir>,
    pub clock: TestClock,
    pub options: EmbeddedOptions,
}

impl EmbeddedPlace {
    pub fn new() -> Self {
        let made = tempfile::tempdir().unwrap();
        let dir = made.path().join("store");
        EmbeddedPlace { dir, made: Some(made), clock: TestClock::default(), options: EmbeddedOptions::default() }
    }
}

impl Drop for EmbeddedPlace {
    fn drop(&mut self) {
        drop(self.made.take());
    }
}

impl Place for EmbeddedPlace {
    async fn fresh() -> Self {
        Self::new()
    }

    fn described(description: &str) -> Self {
        let (head_keys, dir) = description.split_once(' ').unwrap();
        let options = EmbeddedOptions { head_keys: head_keys.parse().unwrap(), ..EmbeddedOptions::default() };
        EmbeddedPlace { dir: dir.into(), made: None, clock: TestClock::default(), options }
    }

    fn describe(&self) -> String {
        format!("{} {}", self.options.head_keys, self.dir.to_str().unwrap())
    }

    async fn open(&self) -> Result<Arc<dyn Store>, StoreError> {
        let _none_starts = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Arc::new(EmbeddedStore::open(&self.dir, self.options, Arc::new(self.clock.clone()))?))
    }

    fn clock(&self) -> &TestClock {
        &self.clock
    }

    fn reserved() -> Option<u64> {
        Some(EmbeddedOptions::default().head_keys * 32)
    }
}

/// So few keys that an index has many runs.
const HEAD_KEYS: u64 = 5;

/// An embedded store whose indexes consist of many runs even if a table has few records.
pub struct ManyRunsPlace(EmbeddedPlace);

impl ManyRunsPlace {
    fn of(mut place: EmbeddedPlace) -> Self {
        place.options.head_keys = HEAD_KEYS;
        ManyRunsPlace(place)
    }
}

impl Place for ManyRunsPlace {
    async fn fresh() -> Self {
        Self::of(EmbeddedPlace::fresh().await)
    }

    fn described(description: &str) -> Self {
        Self::of(EmbeddedPlace::described(description))
    }

    fn describe(&self) -> String {
        self.0.describe()
    }

    async fn open(&self) -> Result<Arc<dyn Store>, StoreError> {
        self.0.open().await
    }

    fn clock(&self) -> &TestClock {
        self.0.clock()
    }

    fn reserved() -> Option<u64> {
        Some(HEAD_KEYS * 32)
    }
}

/// A store in memory. Opening it again returns the same one.
pub struct MemoryPlace {
    store: MemoryStore,
    clock: TestClock,
}

impl Place for MemoryPlace {
    async fn fresh() -> Self {
        let clock = TestClock::default();
        MemoryPlace { store: MemoryStore::new(Arc::new(clock.clone()), 1 << 30), clock }
    }

    fn described(_: &str) -> Self {
        unreachable!("no other process can open a store in memory")
    }

    fn describe(&self) -> String {
        unreachable!("no other process can open a store in memory")
    }

    async fn open(&self) -> Result<Arc<dyn Store>, StoreError> {
        Ok(Arc::new(self.store.clone()))
    }

    fn clock(&self) -> &TestClock {
        &self.clock
    }

    fn reserved() -> Option<u64> {
        None
    }
}

pub fn dog() -> TableName {
    TableName::new("data", "dog")
}

pub async fn create_table(store: &dyn Store, name: &TableName) {
    let change = CatalogChange::CreateTable {
        name: name.clone(),
        primary_key: "id".into(),
        schema_defined: false,
        attributes: Vec::new(),
    };
    store.change_catalog(change).await.unwrap();
}

/// An open store with the table `data.dog`.
pub async fn with_dogs(place: &impl Place) -> Arc<dyn Store> {
    let store = place.open().await.unwrap();
    create_table(&*store, &dog()).await;
    store
}

pub fn parse(store: &dyn Store, table: &TableName, action: Action, text: &str) -> TableWrite {
    parse_with(store, table, action, text, &store.keys())
}

/// Parses records, with a given source of keys for those without one.
pub fn parse_with(store: &dyn Store, table: &TableName, action: Action, text: &str, source: &KeySource) -> TableWrite {
    let description = store.catalog().table(table).cloned().unwrap();
    let batch = Batch::parse(text.to_owned(), &description, action, &BatchLimits::default(), source).unwrap();
    TableWrite { table: table.clone(), action, batch }
}

pub async fn write_to(store: &dyn Store, table: &TableName, action: Action, text: &str) -> Applied {
    let group = WriteGroup { writes: vec![parse(store, table, action, text)], ..WriteGroup::default() };
    store.apply(group).await.unwrap()
}

pub async fn write(store: &dyn Store, action: Action, text: &str) -> Applied {
    write_to(store, &dog(), action, text).await
}

pub fn number(number: f64) -> Key {
    Key::number(number).unwrap()
}

pub fn keys(values: &[Value]) -> Vec<Key> {
    values.iter().map(|value| Key::from_json(value).unwrap().unwrap()).collect()
}

/// A record with its times.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    pub json: String,
    pub created: u64,
    pub updated: u64,
}

impl Stored {
    pub fn record(&self) -> Record {
        serde_json::from_str(&self.json).unwrap()
    }
}

pub fn stored(page: &jobhost_store::RecordPage) -> Vec<Stored> {
    page.iter()
        .map(|view| Stored { json: view.json.to_owned(), created: view.created.0, updated: view.updated.0 })
        .collect()
}

pub async fn scan_of(store: &dyn Store, table: &TableName, order: ScanOrder) -> Vec<Stored> {
    let mut cursor = store.scan(table, order).await.unwrap();
    let mut all = Vec::new();
    while let Some(page) = cursor.next().await.unwrap() {
        assert!(!page.is_empty());
        all.extend(stored(&page));
    }
    all
}

pub async fn arrivals(store: &dyn Store) -> Vec<Stored> {
    scan_of(store, &dog(), ScanOrder::Arrival).await
}

pub async fn texts(store: &dyn Store) -> Vec<String> {
    arrivals(store).await.into_iter().map(|stored| stored.json).collect()
}

pub async fn fetch(store: &dyn Store, values: &[Value]) -> Vec<Stored> {
    stored(&store.fetch(&dog(), &keys(values)).await.unwrap())
}

pub async fn fetch_one(store: &dyn Store, value: Value) -> Option<Stored> {
    let mut found = fetch(store, &[value]).await;
    assert!(found.len() <= 1);
    found.pop()
}
