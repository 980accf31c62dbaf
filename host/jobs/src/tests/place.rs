//! Jobs without a server: the shipped plugins, a store that can fail, and a temporary directory.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde_json::{Map, Value, json};
use tempfile::TempDir;
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::faulty::FaultyStore;
use crate::{Backoff, JobLimits, JobParts, JobRequest, Jobs, Sealer, SubmitError};
use jobhost_access::{Access, AccessOptions, FirstAdmin, HashCost, SigningKey, User};
use jobhost_budget::{Budgets, Owner};
use jobhost_capabilities::CapabilityLimits;
use jobhost_model::jobs::JobRow;
use jobhost_model::json::Members;
use jobhost_model::{SystemClock, TableName};
use jobhost_objects::{AddressGuard, Directories, DownloadLimits, Downloader, ExportDirectories, S3, S3Options};
use jobhost_registry::registry::concurrent_plans;
use jobhost_registry::{Plugin, PluginGrants, Registry};
use jobhost_sandbox::{ContractVersion, GuestComponent, SandboxLimits, engine};
use jobhost_search::SearchLimits;
use jobhost_store::{CatalogChange, DocumentStore, MemoryStore, Store};

/// Only a failing test waits this long.
const DEADLINE: Duration = Duration::from_secs(120);

const PLUGINS: &[(&str, &[&str])] = &[
    ("csv-load", &["insert *", "update *", "read-file *"]),
    ("delete-records-before", &["delete *"]),
    ("export", &["query *", "write-file *"]),
];

/// Compiled once for all tests.
async fn plugins() -> Vec<Arc<Plugin>> {
    static COMPILED: OnceLock<Vec<GuestComponent>> = OnceLock::new();
    let compiled = COMPILED.get_or_init(|| {
        let limits = Arc::new(SandboxLimits {
            plan: SandboxLimits::DEFAULT.plan.with_value(60_000),
            ..SandboxLimits::default()
        });
        let engine = engine::start(limits.stack_bytes.size()).unwrap();
        let compile = |(name, _): &(&str, &[&str])| {
            let bytes = shipped(name);
            let version = ContractVersion::of(&bytes).unwrap();
            let compiled = engine.precompile_component(&bytes).unwrap();
            GuestComponent::precompiled(&engine, version, &compiled, Arc::clone(&limits)).unwrap()
        };
        PLUGINS.iter().map(compile).collect()
    });
    let mut plugins = Vec::new();
    for (component, (_, grants)) in compiled.iter().zip(PLUGINS) {
        let grants = PluginGrants::parse(grants.iter().map(|line| (*line).to_owned()).collect()).unwrap();
        plugins.push(Arc::new(Plugin {
            description: component.describe().await.unwrap(),
            digest: "of the tests".to_owned(),
            component: component.clone(),
            grants: Arc::new(grants),
            plans: Arc::new(Semaphore::new(concurrent_plans())),
        }));
    }
    plugins
}

fn shipped(name: &str) -> Vec<u8> {
    let built = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/plugins");
    let folder = std::env::var_os("JOBHOST_PLUGINS").map_or(built, PathBuf::from);
    let file = folder.join(format!("{name}.wasm"));
    std::fs::read(&file).unwrap_or_else(|error| panic!("{} ({error}): run `cargo xtask plugins`", file.display()))
}

pub struct Place {
    pub jobs: Arc<Jobs>,
    pub store: Arc<FaultyStore>,
    pub user: User,
    pub budgets: Budgets,
    parts: JobParts,
    directory: TempDir,
}

pub fn limits(workers: usize) -> JobLimits {
    JobLimits {
        workers,
        max_queued: 100,
        cancel_grace: Duration::from_millis(10),
        progress_interval: Duration::from_millis(2),
        backoff: Backoff {
            first: Duration::from_millis(1),
            most: Duration::from_millis(4),
            patience: Duration::from_millis(10),
            hold: Duration::from_millis(5),
        },
    }
}

async fn start(parts: JobParts, workers: usize) -> Arc<Jobs> {
    Jobs::start(parts, limits(workers), &tokio::runtime::Handle::current()).await.unwrap()
}

impl Place {
    pub async fn new(workers: usize) -> Self {
        let directory = tempfile::tempdir().unwrap();
        for name in ["files", "exports"] {
            std::fs::create_dir(directory.path().join(name)).unwrap();
        }
        let clock = Arc::new(SystemClock);
        let inner = MemoryStore::new(clock.clone(), 1 << 30);
        let store = Arc::new(FaultyStore::new(inner));
        let as_store: Arc<dyn Store> = Arc::clone(&store) as Arc<dyn Store>;
        let key = SigningKey::from_bytes(vec![7; 64]).unwrap();
        let cheap = AccessOptions { hash_cost: HashCost { memory_kib: 8, passes: 1 }, ..AccessOptions::default() };
        let admin = || Ok(FirstAdmin { username: "ann".to_owned(), password: "password".to_owned() });
        let access = Access::open(Arc::clone(&store) as Arc<dyn DocumentStore>, clock.clone(), &key, cheap, admin)
            .await
            .unwrap();
        let user = access.user("ann").unwrap();
        let registry = Arc::new(Registry::default());
        registry.publish_plugins(plugins().await);
        let guard = AddressGuard::new(Vec::new());
        let downloads =
            DownloadLimits { max_bytes: DownloadLimits::DEFAULT.max_bytes.with_value(0), ..DownloadLimits::DEFAULT };
        let s3 = S3Options {
            endpoint: None,
            max_bytes: S3Options::MAX_BYTES,
            timeout: Duration::from_secs(1),
            credentials_file: None,
        };
        let budgets = Budgets::ample();
        let parts = JobParts {
            store: as_store,
            access: Arc::new(access),
            plugins: registry,
            directories: Directories::open(&[directory.path().join("files")]).unwrap(),
            exports: ExportDirectories::open(&[directory.path().join("exports")]).unwrap(),
            downloader: Downloader::new(guard.clone(), downloads),
            s3: S3::new(guard, s3).unwrap(),
            search_limits: SearchLimits::default(),
            metrics: Arc::default(),
            sealer: Sealer::with_key(&[7; 32]),
            clock,
            spool_dir: directory.path().join("spool"),
            // Small commit groups make a small job take many steps.
            guest_limits: CapabilityLimits { group_records: 1000, ..CapabilityLimits::default() },
            budgets: budgets.clone(),
            user_store_bytes: None,
        };
        let jobs = start(parts.clone(), workers).await;
        Place { jobs, store, user, budgets, parts, directory }
    }

    /// Restarts the host. Unfinished jobs wait for `recover`.
    pub async fn restart(&mut self, workers: usize) {
        self.stop().await;
        self.jobs = start(self.parts.clone(), workers).await;
    }

    pub async fn create_table(&self, name: &str) -> TableName {
        let table = TableName::new("gold", name);
        let change = CatalogChange::CreateTable {
            name: table.clone(),
            primary_key: "id".to_owned(),
            schema_defined: false,
            attributes: Vec::new(),
        };
        self.store.inner.change_catalog(change).await.unwrap();
        table
    }

    pub async fn count(&self, table: &TableName) -> u64 {
        self.store.inner.statistics(table).await.unwrap().record_count
    }

    pub fn file(&self, name: &str, text: &str) -> String {
        let path = self.directory.path().join("files").join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    pub fn exports(&self) -> PathBuf {
        self.directory.path().join("exports")
    }

    pub async fn submit(&self, operation: &str, request: Value) -> Result<Uuid, SubmitError> {
        let mut fields: Map<String, Value> = request.as_object().unwrap().clone();
        fields.insert("operation".to_owned(), json!(operation));
        let members = Members::parse(Value::Object(fields).to_string().into()).unwrap();
        let account = self.budgets.of(Owner::user(&self.user.username));
        let held = account.held(0).unwrap();
        self.jobs.submit(&self.user, operation, JobRequest { members, account, held }).await
    }

    /// Waits until the job has ended and returns its row.
    pub async fn ended(&self, id: Uuid) -> JobRow {
        self.row_when(id, |row| row.status.is_final()).await
    }

    pub async fn row_when(&self, id: Uuid, wanted: impl Fn(&JobRow) -> bool) -> JobRow {
        let mut last = None;
        let found = eventually(async || {
            last = self.store.inner.job(id).await.unwrap();
            last.clone().filter(&wanted)
        });
        match found.await {
            Some(row) => row,
            None => panic!("the job does not come as far as is wanted: {last:#?}"),
        }
    }

    /// Waits until no job runs or waits, and checks that all resources are released.
    pub async fn is_tidy(&self) {
        let idle = async || (self.jobs.queue.in_use() == (0, 0, 0) && self.jobs.running.is_empty()).then_some(());
        let idle = eventually(idle).await;
        assert!(idle.is_some(), "jobs, places, turns: {:?}", self.jobs.queue.in_use());
        let spooled =
            async || std::fs::read_dir(self.directory.path().join("spool")).unwrap().next().is_none().then_some(());
        assert!(eventually(spooled).await.is_some(), "something is left in the spool");
        let charged = async || (self.budgets.memory.used() == 0 && self.budgets.spool.pool().used() == 0).then_some(());
        assert!(eventually(charged).await.is_some(), "something is still charged: {:?}", self.budgets);
        assert!(self.store.inner.unfinished_jobs().await.unwrap().is_empty(), "a job has no end");
    }

    pub async fn stop(&self) {
        tokio::time::timeout(DEADLINE, self.jobs.stop()).await.expect("a task is stuck");
    }
}

pub async fn eventually<T>(mut ask: impl AsyncFnMut() -> Option<T>) -> Option<T> {
    let begun = std::time::Instant::now();
    while begun.elapsed() < DEADLINE {
        if let Some(answer) = ask().await {
            return Some(answer);
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    None
}
