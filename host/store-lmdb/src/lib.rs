//! The embedded store: LMDB behind one writer thread. The layout and the measurements that led to it are in
//! `docs/storage.md`.
//!
//! It must never lose what it acknowledged, never show half a group, and never let one reader or writer stop another for
//! longer than a commit takes. It knows nothing of jobs beyond their rows.

mod block;
mod catalog;
mod deletes;
mod documents;
mod environment;
mod eras;
mod generated;
mod groups;
mod heap;
mod history;
mod job_end;
mod job_rows;
mod jobs;
mod keys;
mod keyspace;
mod leaf;
mod options;
mod pages;
mod primary;
mod quota;
mod reclaim;
mod reclaim_work;
mod records;
mod scan;
mod snapshot;
mod sorted;
mod store;
mod tables;
mod transaction;
mod writer;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::{Semaphore, mpsc, oneshot};

use self::environment::{Environment, Snapshot};
pub use self::options::EmbeddedOptions;
use self::transaction::Transaction;
use self::writer::{Call, Message, Writer};
use jobhost_model::Clock;
use jobhost_model::table::{Catalog, TableName};
use jobhost_store::KeySource;
use jobhost_store::{StoreError, StoreErrorKind};

/// Requests that wait for the writer.
const QUEUE_REQUESTS: usize = 4096;

/// A store in a directory of its own, for one process.
pub struct EmbeddedStore {
    shared: Arc<Shared>,
    queue: Option<mpsc::Sender<Message>>,
    room: Arc<Semaphore>,
    writer: Option<std::thread::JoinHandle<()>>,
}

/// What readers and the writer share.
struct Shared {
    environment: Environment,
    catalog: RwLock<Arc<Catalog>>,
    clock: Arc<dyn Clock>,
    keys: KeySource,
    options: EmbeddedOptions,
}

impl Shared {
    fn catalog(&self) -> Arc<Catalog> {
        Arc::clone(&self.catalog.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// To be asked when the snapshot that will be read is open. A catalog that is older than the snapshot might name a
    /// dropped table of which the snapshot has a part; one that is younger at worst does not name it.
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
    /// Open the store in `dir`, which is made if it is not there. Refused while another process has it open.
    pub fn open(dir: &Path, options: EmbeddedOptions, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        let environment = Environment::open(dir, &options)?;
        let (catalog, reclaims) = {
            let snapshot = environment.read()?;
            (tables::read_catalog(&environment.dbs, &snapshot)?, reclaim::unfinished(&environment.dbs, &snapshot)?)
        };
        let keys = KeySource::new(Arc::clone(&clock));
        let shared = Arc::new(Shared { environment, catalog: RwLock::new(Arc::new(catalog)), clock, keys, options });
        let (queue, messages) = mpsc::channel(QUEUE_REQUESTS);
        let writer = Writer {
            shared: Arc::clone(&shared),
            messages,
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

    /// Have the writer do something, and wait until it is durable.
    async fn submit<T, F>(&self, bytes: usize, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&mut Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        // What is larger than the whole queue waits until it is alone.
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

    /// Read where it may take a while.
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
    /// Waits until everything that was handed over is durable.
    fn drop(&mut self) {
        self.queue = None;
        if let Some(writer) = self.writer.take()
            && writer.join().is_err()
        {
            tracing::error!("the store's writer panicked");
        }
    }
}
