//! The embedded store: LMDB with a single writer thread. `docs/storage.md` describes the layout and the measurements
//! behind it.
//!
//! The store must never lose an acknowledged write or expose a partially applied commit group. No reader or writer may
//! block another for longer than a commit takes. It knows nothing about jobs beyond their rows.

mod block;
mod catalog;
mod contention;
mod deletes;
mod documents;
mod environment;
mod eras;
mod generated;
mod groups;
mod heap;
mod history;
mod index;
mod job_end;
mod job_rows;
mod jobs;
mod keys;
mod keyspace;
mod options;
mod pages;
mod queue;
mod quota;
mod reclaim;
mod reclaim_work;
mod records;
mod reserved;
mod runs;
mod scan;
mod snapshot;
mod sorted;
mod store;
mod tables;
mod task;
mod transaction;
mod unpublished;
mod writer;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::{Semaphore, mpsc, oneshot};

use self::contention::Contention;
use self::environment::{Environment, Snapshot};
pub use self::options::EmbeddedOptions;
use self::queue::Queue;
use self::task::Call;
use self::transaction::Transaction;
use self::writer::{Message, Writer};
use jobhost_model::Clock;
use jobhost_model::table::{Catalog, TableName};
use jobhost_store::KeySource;
use jobhost_store::{StoreError, StoreErrorKind};

/// Maximum number of requests queued for the writer.
const QUEUE_REQUESTS: usize = 4096;

/// An embedded store in its own directory, opened by one process at a time.
pub struct EmbeddedStore {
    shared: Arc<Shared>,
    queue: Option<mpsc::Sender<Message>>,
    room: Arc<Semaphore>,
    writer: Option<std::thread::JoinHandle<()>>,
}

/// State shared by readers and the writer.
struct Shared {
    environment: Environment,
    catalog: RwLock<Arc<Catalog>>,
    clock: Arc<dyn Clock>,
    keys: KeySource,
    options: EmbeddedOptions,
    contention: Contention,
}

impl Shared {
    fn catalog(&self) -> Arc<Catalog> {
        Arc::clone(&self.catalog.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns the id of a table. Call this after opening the snapshot to read. An older catalog could name a table
    /// that was dropped and is only partly in the snapshot; a newer one at worst no longer names it.
    fn table_id(&self, name: &TableName) -> Result<u32, StoreError> {
        self.catalog().table(name).map(|table| table.id).ok_or_else(|| StoreError::no_such_table(name))
    }

    fn publish(&self, catalog: Arc<Catalog>) {
        *self.catalog.write().unwrap_or_else(PoisonError::into_inner) = catalog;
    }

    fn read<T>(&self, read: impl FnOnce(&Self, &Snapshot<'_>) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let snapshot = self.environment.read()?;
        read(self, &snapshot)
    }
}

impl EmbeddedStore {
    /// Opens the store in `dir` and creates the directory if it is missing. Fails if another process has the store
    /// open.
    pub fn open(dir: &Path, options: EmbeddedOptions, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        let environment = Environment::open(dir, &options)?;
        let (catalog, reclaims) = {
            let snapshot = environment.read()?;
            (tables::read_catalog(&environment.dbs, &snapshot)?, reclaim::unfinished(&environment.dbs, &snapshot)?)
        };
        let keys = KeySource::new(Arc::clone(&clock));
        let shared = Arc::new(Shared {
            environment,
            catalog: RwLock::new(Arc::new(catalog)),
            clock,
            keys,
            options,
            contention: Contention::default(),
        });
        let (queue, messages) = mpsc::channel(QUEUE_REQUESTS);
        let writer = Writer {
            shared: Arc::clone(&shared),
            messages,
            queue: Queue::default(),
            reclaims: reclaims.into(),
            stalled: Vec::new(),
            waiting: HashMap::new(),
        };
        let writer = std::thread::Builder::new().name("store-writer".to_owned()).spawn(move || writer.run()).map_err(
            |error| StoreError::caused_by(StoreErrorKind::Unavailable, "cannot start the store's writer", error),
        )?;
        let room = Arc::new(Semaphore::new(options.queue_bytes));
        Ok(EmbeddedStore { shared, queue: Some(queue), room, writer: Some(writer) })
    }

    /// Runs `work` on the writer thread and waits until its changes are durable.
    async fn submit<T, F>(&self, bytes: usize, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&mut Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        // A request larger than the whole queue waits until the queue is empty.
        let permits = u32::try_from(bytes.clamp(1, self.shared.options.queue_bytes.max(1))).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.room).acquire_many_owned(permits).await.map_err(|_| stopped())?;
        let (reply, answer) = oneshot::channel();
        let call = Call { work, bytes, outcome: None, reply, _room: room };
        self.send(Message::Task(Box::new(call))).await?;
        answer.await.map_err(|_| stopped())?
    }

    async fn send(&self, message: Message) -> Result<(), StoreError> {
        let queue = self.queue.as_ref().ok_or_else(stopped)?;
        queue.send(message).await.map_err(|_| stopped())
    }

    /// Runs a read that may take long on a blocking thread.
    async fn read_aside<T>(
        &self,
        read: impl FnOnce(&Shared, &Snapshot<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError>
    where
        T: Send + 'static,
    {
        let shared = Arc::clone(&self.shared);
        tokio::task::spawn_blocking(move || shared.read(read))
            .await
            .map_err(|error| StoreError::caused_by(StoreErrorKind::Unavailable, "a read was cut off", error))?
    }
}

fn stopped() -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, "the store's writer has stopped")
}

impl Drop for EmbeddedStore {
    /// Waits until all submitted requests are durable.
    fn drop(&mut self) {
        self.queue = None;
        if let Some(writer) = self.writer.take()
            && writer.join().is_err()
        {
            tracing::error!("the store's writer panicked");
        }
    }
}
