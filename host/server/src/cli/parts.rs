//! Assembles the host from its configuration. The only module that knows every part.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use secrecy::ExposeSecret;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::api;
use crate::config::{self, Config};
use jobhost_access::{Access, AccessError, AccessErrorKind, AccessOptions, FirstAdmin, SigningKey, random_password};
use jobhost_budget::{BudgetOptions, Budgets};
use jobhost_jobs::{JobParts, Sealer};
use jobhost_metrics::Metrics;
use jobhost_model::{Clock, SystemClock};
use jobhost_objects::{AddressGuard, Directories, Downloader, ExportDirectories, S3, S3Options};
use jobhost_registry::{CompileCache, Compiler, Loader, PluginFolder, Registry};
use jobhost_sandbox::{Engine, engine};
use jobhost_search::SearchLimits;
use jobhost_search::sql::SqlLimits;
use jobhost_store::{Store, StoreError};
use jobhost_store_lmdb::{EmbeddedOptions, EmbeddedStore};

/// Size of SQL's heap: the larger of this and the memory of `SQL_HEAP_STATEMENTS` statements, limited to a fraction of
/// the memory budget.
const SQL_HEAP_BYTES: usize = 256 << 20;
const SQL_HEAP_STATEMENTS: usize = 8;
const SQL_HEAP_PART: u64 = 8;

/// Disk space reserved for the store.
const RESERVE_BYTES: u64 = 1 << 30;

#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error(
        "data.dir = {path}: it cannot be made, or not be kept from other users of this machine: {source}; choose another \
             directory, or give it to the host's user with mode 0700"
    )]
    DataDirectory { path: String, source: io::Error },
    #[error(
        "{path} holds a secret and cannot be kept from other users of this machine: {source}; give it to the host's user \
             with mode 0600"
    )]
    SecretFile { path: String, source: io::Error },
    #[error(
        "server.listen = {address}: cannot bind: {source}; choose another address, or stop the process that uses it"
    )]
    Listen { address: SocketAddr, source: io::Error },
    #[error("{what}: {source}")]
    Part { what: &'static str, source: Box<dyn std::error::Error + Send + Sync> },
}

pub fn part<E: std::error::Error + Send + Sync + 'static>(what: &'static str) -> impl Fn(E) -> ServeError {
    move |source| ServeError::Part { what, source: Box::new(source) }
}

/// What jobs and requests need.
pub struct OpenParts {
    pub parts: JobParts,
    pub plugins: Arc<PluginFolder>,
}

/// Opens everything on disk and everything that can fail. No job runs yet, and no request is answered.
pub async fn open_parts(
    config: &Config,
    metrics: Arc<Metrics>,
    computing: &tokio::runtime::Handle,
    stop: CancellationToken,
) -> Result<OpenParts, ServeError> {
    keep_private(&config.data_dir)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let store = open_store(config, Arc::clone(&clock)).map_err(part("the store cannot be opened"))?;
    let budgets = open_budgets(config).map_err(part("the budgets"))?;
    let access = open_access(config, Arc::clone(&store), Arc::clone(&clock), computing).await?;
    let engine = engine::start(config.sandbox.stack_bytes.size())
        .map_err(|error| ServeError::Part { what: "the engine", source: error.into() })?;
    let registry = Arc::new(Registry::default());
    let plugins = Arc::new(plugin_folder(config, engine, Arc::clone(&registry), stop));
    let directories = Directories::open(&config.file_directories).map_err(part("the configuration"))?;
    let directories = directories.with_max_bytes(config.file_max_bytes.clone());
    let exports = ExportDirectories::open(&config.export_directories).map_err(part("the configuration"))?;
    let parts = JobParts {
        store,
        access,
        plugins: registry,
        directories,
        exports,
        downloader: downloader(config),
        s3: open_s3(config)?,
        search_limits: search_limits(config, &budgets),
        metrics,
        sealer: match &config.sealing_key {
            Some(key) => Sealer::with_key(key.expose_secret()),
            None => Sealer::open(&config.data_dir.join("sealing-key")).map_err(part("the sealing key"))?,
        },
        clock,
        spool_dir: config.data_dir.join("spool"),
        guest_limits: config.guest.clone(),
        budgets,
        user_store_bytes: (config.user_store_bytes > 0).then_some(config.user_store_bytes),
    };
    Ok(OpenParts { parts, plugins })
}

fn downloader(config: &Config) -> Downloader {
    let guard = AddressGuard::new(config.allowed_addresses.clone());
    Downloader::new(guard, config.downloads.clone())
}

fn search_limits(config: &Config, budgets: &Budgets) -> SearchLimits {
    let sql = SqlLimits {
        memory_bytes: config.sql_memory_bytes.clone(),
        spill_bytes: config.sql_spill_bytes.clone(),
        spill_dir: config.data_dir.join("spill"),
        time: config.sql_timeout.clone(),
        heap_bytes: sql_heap_bytes(config.sql_memory_bytes.size(), budgets),
        spill: None,
    };
    SearchLimits { sql, ..SearchLimits::default() }
}

fn open_budgets(config: &Config) -> io::Result<Budgets> {
    let or = |set: u64, default: u64| if set == 0 { default } else { set };
    let free = jobhost_budget::free_bytes(&config.data_dir).unwrap_or(u64::MAX);
    let budgets = Budgets::new(&BudgetOptions {
        memory_bytes: or(config.memory_bytes, jobhost_budget::memory::available_bytes() / 2),
        searches: config.max_searches,
        sql: config.max_sql,
        spool_bytes: or(config.spool_bytes, free / 2),
        spill_bytes: or(config.sql_spill_total_bytes, free / 4),
        keep_free_bytes: or(config.reserve_bytes, RESERVE_BYTES.min(free / 20)),
        directory: config.data_dir.clone(),
        cores: config::cores(),
    });
    jobhost_budget::memory::watch(&budgets.memory)?;
    Ok(budgets)
}

/// The memory of all SQL statements together: enough for several statements at their maximum, limited to a fraction of
/// the budget.
fn sql_heap_bytes(of_one: usize, budgets: &Budgets) -> usize {
    let part = usize::try_from(budgets.memory.total() / SQL_HEAP_PART).unwrap_or(usize::MAX);
    of_one.saturating_mul(SQL_HEAP_STATEMENTS).max(SQL_HEAP_BYTES).min(part.max(of_one))
}

fn plugin_folder(config: &Config, engine: Engine, registry: Arc<Registry>, stop: CancellationToken) -> PluginFolder {
    let directory = config.plugin_cache_dir.clone().unwrap_or_else(|| config.data_dir.join("compile-cache"));
    let cache = CompileCache::open(&directory, &engine);
    if let Err(error) = &cache {
        warn!(%error, directory = %directory.display(), "the compile cache cannot be used; plugins are compiled again at every start");
    }
    let loader = Loader {
        engine,
        limits: Arc::new(config.sandbox.clone()),
        compiler: Compiler::new(config.compile.clone()),
        cache: cache.ok().map(Arc::new),
        trust: Arc::new(config.trust.clone()),
        grants: Arc::new(config.grants.clone()),
        component_bytes: config.component_bytes,
        builtin: api::is_builtin,
        stop,
    };
    PluginFolder::new(config.plugins_dir.clone(), loader, registry)
}

fn open_s3(config: &Config) -> Result<S3, ServeError> {
    let guard = AddressGuard::new(config.s3_allowed_addresses.clone());
    let options = S3Options {
        endpoint: config.s3_endpoint.clone(),
        max_bytes: config.s3_max_bytes.clone(),
        timeout: config.s3_timeout,
        credentials_file: config.s3_credentials_file.clone(),
    };
    S3::new(guard, options).map_err(part("s3.endpoint"))
}

fn open_store(config: &Config, clock: Arc<dyn Clock>) -> Result<Arc<dyn Store>, StoreError> {
    let options = EmbeddedOptions {
        max_bytes: config.max_store_bytes,
        max_readers: readers(config),
        history_bytes: config.history_bytes,
        ..EmbeddedOptions::default()
    };
    Ok(Arc::new(EmbeddedStore::open(&config.data_dir.join("store"), options, clock)?))
}

/// Slots for every search and every cursor that jobs can have open, and for every thread that can read a row.
fn readers(config: &Config) -> u32 {
    let cursors = config.workers.saturating_mul(config.guest.cursors.size()) as u64;
    let all = config.max_searches.saturating_add(cursors).saturating_add(THREADS);
    u32::try_from(all).unwrap_or(u32::MAX).clamp(1024, MAX_READERS)
}

/// Maximum threads of the runtimes: blocking ones and those that answer.
const THREADS: u64 = 2 * 512 + 256;
const MAX_READERS: u32 = 1 << 16;

async fn open_access(
    config: &Config,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    computing: &tokio::runtime::Handle,
) -> Result<Arc<Access>, ServeError> {
    let key = SigningKey::from_file(&config.data_dir.join("token-key")).map_err(part("the token key"))?;
    let options = AccessOptions {
        operation_token_seconds: config.operation_token_seconds,
        refresh_token_seconds: config.refresh_token_seconds,
        computing: Some(computing.clone()),
        ..AccessOptions::default()
    };
    let first_admin = || first_admin(config);
    let access = Access::open(store, clock, &key, options, first_admin).await.map_err(part("users cannot be read"))?;
    Ok(Arc::new(access))
}

/// The administrator of the first start. A generated password goes to a file that only the owner can read.
fn first_admin(config: &Config) -> Result<FirstAdmin, AccessError> {
    let username = config.admin_username.clone();
    if let Some(password) = &config.admin_password {
        return Ok(FirstAdmin { username, password: password.expose_secret().to_owned() });
    }
    let password = random_password();
    let path = config.data_dir.join("admin-password");
    jobhost_private_files::replace(&path, &[password.as_bytes(), b"\n"]).map_err(|error| {
        let message = format!("the administrator's password cannot be written to {}: {error}", path.display());
        AccessError::new(AccessErrorKind::Unavailable, message)
    })?;
    info!(username, password_file = %path.display(), "created the administrator; the file contains the password");
    Ok(FirstAdmin { username, password })
}

/// Only the host's user may access the data directory and the secrets in it.
fn keep_private(data: &Path) -> Result<(), ServeError> {
    jobhost_private_files::open_directory(data)
        .map_err(|source| ServeError::DataDirectory { path: data.display().to_string(), source })?;
    for name in ["token-key", "sealing-key", "admin-password"] {
        let path = data.join(name);
        jobhost_private_files::keep_private(&path)
            .map_err(|source| ServeError::SecretFile { path: path.display().to_string(), source })?;
    }
    Ok(())
}
