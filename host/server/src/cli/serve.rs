//! Starts the host and shuts it down: the only module that knows every part.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{error, info, warn};

use super::private_files;
use super::signals::{Asked, Signals};
use crate::api::{self, ApiState};
use crate::config::{self, Config};
use jobhost_access::{Access, AccessError, AccessErrorKind, AccessOptions, FirstAdmin, SigningKey, random_password};
use jobhost_budget::{BudgetOptions, Budgets};
use jobhost_jobs::{JobLimits, JobParts, Jobs, Sealer};
use jobhost_metrics::Metrics;
use jobhost_model::{Clock, SystemClock};
use jobhost_objects::{AddressGuard, Directories, DownloadLimits, Downloader, ExportDirectories, S3, S3Options};
use jobhost_registry::{Catalogue, CompileCache, Compiler, Loader, PluginFolder};
use jobhost_sandbox::{Engine, engine};
use jobhost_search::SearchLimits;
use jobhost_search::sql::SqlLimits;
use jobhost_store::{Store, StoreError};
use jobhost_store_lmdb::{EmbeddedOptions, EmbeddedStore};

/// What the ready line waits for at most: plugins that come with the host or that the configuration knows.
const READY_PATIENCE: Duration = Duration::from_secs(20);
/// After SIGTERM, requests that are being answered have so long; then the host stops all the same.
const DRAIN_TIME: Duration = Duration::from_secs(10);

/// The heap of SQL is as large as this, or as so many statements take, and at most one in so many of the memory budget.
const SQL_HEAP_BYTES: usize = 256 << 20;
const SQL_HEAP_STATEMENTS: usize = 8;
const SQL_HEAP_PART: u64 = 8;
/// How far threads that compute stand back behind those that answer.
const COMPUTING_NICENESS: i32 = 10;
/// More than ever have a turn at once.
const COMPUTING_THREADS: usize = 1024;
/// What is kept of the disk for the store.
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

fn part<E: std::error::Error + Send + Sync + 'static>(what: &'static str) -> impl Fn(E) -> ServeError {
    move |source| ServeError::Part { what, source: Box::new(source) }
}

/// Runs the host until it is told to stop.
pub fn serve(config: &Config, metrics: Arc<Metrics>) -> Result<(), ServeError> {
    jobhost_budget::memory::keep_large_pieces_apart();
    let runtime_failed = part("the runtime could not be started");
    // Guests compute on threads of their own, so that requests are answered in their usual time meanwhile.
    let for_jobs = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(config::cores())
        .thread_name("job")
        // A guest that computes keeps its thread for an epoch at a time: timers and the network are looked at in between, not
        // after dozens of those.
        .event_interval(1)
        .global_queue_interval(1)
        .enable_all()
        .build()
        .map_err(&runtime_failed)?;
    let for_requests = tokio::runtime::Builder::new_multi_thread()
        .thread_name("request")
        .enable_all()
        .build()
        .map_err(&runtime_failed)?;
    // Nothing runs on it but what blocks. Guests' threads are no part of it: standing back costs a small job more changes of
    // threads than it has work.
    let for_computing = tokio::runtime::Builder::new_current_thread()
        .thread_name("computing")
        .max_blocking_threads(COMPUTING_THREADS)
        .on_thread_start(lower_priority)
        .build()
        .map_err(&runtime_failed)?;
    let handles = Handles { jobs: for_jobs.handle(), computing: for_computing.handle() };
    let served = for_requests.block_on(serve_on(config, metrics, handles));
    for_computing.shutdown_timeout(Duration::from_secs(1));
    for_jobs.shutdown_timeout(Duration::from_secs(5));
    for_requests.shutdown_timeout(Duration::from_secs(5));
    served
}

/// For a thread that computes. In the terms of nice(1); a failure leaves the thread as it is.
fn lower_priority() {
    let _as_it_was = rustix::process::nice(COMPUTING_NICENESS);
}

/// The runtimes besides the one that answers.
struct Handles<'r> {
    jobs: &'r tokio::runtime::Handle,
    computing: &'r tokio::runtime::Handle,
}

async fn serve_on(config: &Config, metrics: Arc<Metrics>, runtimes: Handles<'_>) -> Result<(), ServeError> {
    // First of all, so that a signal during the start is heard and not fatal.
    let signals = Signals::listen().map_err(part("cannot listen for signals"))?;
    // Before anything is made on disk: another host may have the address.
    let unheard = |source| ServeError::Listen { address: config.listen, source };
    let listener = TcpListener::bind(config.listen).await.map_err(unheard)?;
    let address = listener.local_addr().map_err(unheard)?;
    keep_private(&config.data_dir)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let store = open_store(config, Arc::clone(&clock)).map_err(part("the store cannot be opened"))?;
    let budgets = open_budgets(config).map_err(part("the budgets"))?;
    let access = open_access(config, Arc::clone(&store), Arc::clone(&clock), runtimes.computing).await?;
    let engine = engine::start(config.sandbox.stack_bytes)
        .map_err(|error| ServeError::Part { what: "the engine", source: error.into() })?;
    let catalogue = Arc::new(Catalogue::default());
    let stop = CancellationToken::new();
    let plugins = Arc::new(plugin_folder(config, engine, Arc::clone(&catalogue), stop.clone()));

    let guard = AddressGuard::new(config.allowed_addresses.clone());
    let downloads = DownloadLimits {
        max_bytes: config.url_max_bytes,
        timeout: config.url_timeout,
        max_redirects: config.url_max_redirects,
    };
    let directories = Directories::open(&config.file_directories).map_err(part("the configuration"))?;
    let search_limits = SearchLimits {
        sql: SqlLimits {
            memory_bytes: config.sql_memory_bytes,
            spill_bytes: config.sql_spill_bytes,
            spill_dir: config.data_dir.join("spill"),
            time: config.sql_timeout,
            heap_bytes: sql_heap_bytes(config.sql_memory_bytes, &budgets),
            spill: None,
        },
        ..SearchLimits::default()
    };
    let parts = JobParts {
        store: Arc::clone(&store),
        access: Arc::clone(&access),
        plugins: catalogue,
        directories: directories.clone(),
        exports: ExportDirectories::open(&config.export_directories).map_err(part("the configuration"))?,
        downloader: Downloader::new(guard, downloads),
        s3: open_s3(config)?,
        search_limits: search_limits.clone(),
        metrics: Arc::clone(&metrics),
        sealer: match &config.sealing_key {
            Some(key) => Sealer::with_key(&key.0),
            None => Sealer::open(&config.data_dir.join("sealing-key")).map_err(part("the sealing key"))?,
        },
        clock: Arc::clone(&clock),
        spool_dir: config.data_dir.join("spool"),
        guest_limits: config.guest.clone(),
        budgets: budgets.clone(),
        user_store_bytes: bound(config.user_store_bytes),
    };
    let job_limits = JobLimits {
        workers: config.workers,
        max_queued: config.max_queued,
        cancel_grace: config.cancel_grace,
        ..JobLimits::default()
    };
    let jobs = Jobs::start(parts, job_limits, runtimes.jobs).await.map_err(part("jobs could not be started"))?;
    let changes = TaskTracker::new();
    let state = ApiState {
        store,
        access,
        jobs: Arc::clone(&jobs),
        plugins: Arc::clone(&plugins),
        directories,
        clock,
        max_body_bytes: config.max_body_bytes,
        body_time: config.body_time,
        max_store_bytes: config.max_store_bytes,
        max_write_records: config.max_write_records,
        search_limits,
        budgets: budgets.clone(),
        user_store_bytes: bound(config.user_store_bytes),
        changes: changes.clone(),
        computing: runtimes.computing.clone(),
        metrics,
    };
    let router = api::router(Arc::new(state));
    let connections = config.connections.within(budgets.memory.total());
    let server = tokio::spawn(api::server::serve(listener, router, connections, stop.clone(), DRAIN_TIME));
    let loading = tokio::spawn(load_plugins(Arc::clone(&plugins), Arc::clone(&jobs), stop.clone()));
    until_stopped(signals, &plugins, address, config.workers).await;
    info!("stopping");
    stop.cancel();
    if !server.await.unwrap_or(false) {
        warn!("some requests were not answered within {DRAIN_TIME:?}");
    }
    // What changes something completes, whether its client is still there or not.
    changes.close();
    if tokio::time::timeout(DRAIN_TIME, changes.wait()).await.is_err() {
        warn!("some write requests were not completed within {DRAIN_TIME:?}");
    }
    jobs.stop().await;
    if let Err(error) = loading.await {
        error!(%error, "watching the plugin folder ended with an error");
    }
    info!("stopped");
    Ok(())
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

/// 0 stands for none.
fn bound(number: u64) -> Option<u64> {
    (number > 0).then_some(number)
}

/// Memory of all SQL statements together: so many that each take what one may, and no more than a part of the budget.
fn sql_heap_bytes(of_one: usize, budgets: &Budgets) -> usize {
    let part = usize::try_from(budgets.memory.total() / SQL_HEAP_PART).unwrap_or(usize::MAX);
    of_one.saturating_mul(SQL_HEAP_STATEMENTS).max(SQL_HEAP_BYTES).min(part.max(of_one))
}

/// The first load, which nothing waits for but requests for the operations that it provides, and then the changes of the folder.
async fn load_plugins(plugins: Arc<PluginFolder>, jobs: Arc<Jobs>, stop: CancellationToken) {
    let all = async {
        // Whether an unfinished job can go on depends on what its plugin says. Jobs of plugins that are known do not wait for
        // those that nobody knows.
        let recover_known = async {
            plugins.standing_loaded(READY_PATIENCE).await;
            jobs.recover_known().await
        };
        let (_files, known) = tokio::join!(plugins.reload(), recover_known);
        if let Err(error) = known.and(jobs.recover().await) {
            error!(error = &error as &dyn std::error::Error, "unfinished jobs could not be recovered");
        }
        plugins.watch().await;
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = all => {}
    }
}

/// Says when the host is ready, and does what signals ask for.
async fn until_stopped(mut signals: Signals, plugins: &Arc<PluginFolder>, address: SocketAddr, workers: usize) {
    let loaded = plugins.standing_loaded(READY_PATIENCE);
    tokio::pin!(loaded);
    let mut is_ready = false;
    loop {
        tokio::select! {
            loaded = &mut loaded, if !is_ready => {
                is_ready = true;
                if !loaded {
                    warn!("plugins are still being loaded; requests for their operations wait for them");
                }
                announce(address);
                info!(%address, workers, "ready");
            }
            asked = signals.next() => match asked {
                Asked::Stop => return,
                Asked::Reload => {
                    info!("received SIGHUP; reloading the plugin folder");
                    let plugins = Arc::clone(plugins);
                    tokio::spawn(async move { plugins.reload().await });
                }
            },
        }
    }
}

fn plugin_folder(config: &Config, engine: Engine, catalogue: Arc<Catalogue>, stop: CancellationToken) -> PluginFolder {
    let directory = config.plugin_cache_dir.clone().unwrap_or_else(|| config.data_dir.join("compile-cache"));
    let cache = CompileCache::open(&directory, &engine);
    if let Err(error) = &cache {
        warn!(%error, directory = %directory.display(), "the compile cache cannot be used; plugins are compiled again at every start");
    }
    let loader = Loader {
        engine,
        limits: Arc::new(config.sandbox.clone()),
        compiler: Compiler::new(config.compile),
        cache: cache.ok().map(Arc::new),
        trust: Arc::new(config.trust.clone()),
        grants: Arc::new(config.grants.clone()),
        component_bytes: config.component_bytes,
        builtin: api::is_builtin,
        stop,
    };
    PluginFolder::new(config.plugins_dir.clone(), loader, catalogue)
}

fn open_s3(config: &Config) -> Result<S3, ServeError> {
    let guard = AddressGuard::new(config.s3_allowed_addresses.clone());
    let options = S3Options {
        endpoint: config.s3_endpoint.clone(),
        max_bytes: config.s3_max_bytes,
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

/// Slots for every search and every cursor of a job that may be open, and as many as there can be threads that read a row.
fn readers(config: &Config) -> u32 {
    let cursors = config.workers.saturating_mul(config.guest.cursors) as u64;
    let all = config.max_searches.saturating_add(cursors).saturating_add(THREADS);
    u32::try_from(all).unwrap_or(u32::MAX).clamp(1024, MAX_READERS)
}

/// The runtimes' threads for what blocks, and those that answer.
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

/// The administrator of the first start. A password that nobody chose goes to a file that only the owner can read.
fn first_admin(config: &Config) -> Result<FirstAdmin, AccessError> {
    let username = config.admin_username.clone();
    if let Some(password) = &config.admin_password {
        return Ok(FirstAdmin { username, password: password.0.clone() });
    }
    let password = random_password();
    let path = config.data_dir.join("admin-password");
    private_files::write(&path, &password).map_err(|error| {
        let message = format!("the administrator's password cannot be written to {}: {error}", path.display());
        AccessError::new(AccessErrorKind::Unavailable, message)
    })?;
    info!(username, password_file = %path.display(), "created the administrator; the file contains the password");
    Ok(FirstAdmin { username, password })
}

/// The data directory and the secrets in it are for the host's user alone.
fn keep_private(data: &Path) -> Result<(), ServeError> {
    private_files::open_directory(data)
        .map_err(|source| ServeError::DataDirectory { path: data.display().to_string(), source })?;
    for name in ["token-key", "sealing-key", "admin-password"] {
        let path = data.join(name);
        private_files::keep_private(&path)
            .map_err(|source| ServeError::SecretFile { path: path.display().to_string(), source })?;
    }
    Ok(())
}

/// The one line on stdout, for whoever started the host and waits for it. From a thread of its own: stdout may be a pipe that
/// is full and not read.
fn announce(address: SocketAddr) {
    let print = move || {
        let mut stdout = io::stdout().lock();
        if let Err(error) = writeln!(stdout, "ready http://{address}").and_then(|()| stdout.flush()) {
            warn!(%error, "the ready line could not be printed");
        }
    };
    if let Err(error) = std::thread::Builder::new().name("ready-line".to_owned()).spawn(print) {
        warn!(%error, "the ready line could not be printed");
    }
}
