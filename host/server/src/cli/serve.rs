//! Runs the host: runtimes, startup, signals, shutdown.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{error, info, warn};

use super::parts::{OpenParts, ServeError, open_parts, part};
use super::signals::{Asked, Signals};
use crate::api::{self, ApiState};
use crate::config::settings::{SETTINGS, Setting};
use crate::config::{self, Config};
use jobhost_jobs::{JobLimits, JobParts, Jobs};
use jobhost_metrics::Metrics;
use jobhost_registry::PluginFolder;

/// How long the ready line waits for plugins that ship with the host or are named in the configuration.
const READY_PATIENCE: Duration = Duration::from_secs(20);
/// How long running requests may continue after SIGTERM before the host stops anyway.
const DRAIN_TIME: Duration = Duration::from_secs(10);

/// The niceness of threads that run expensive computations.
const COMPUTING_NICENESS: i32 = 10;
/// Exceeds the number of slots, so that no slot waits for a thread.
const COMPUTING_THREADS: usize = 1024;
/// Runs the host until it is told to stop.
pub fn serve(config: &Config, metrics: Arc<Metrics>) -> Result<(), ServeError> {
    jobhost_budget::memory::keep_large_pieces_apart();
    let runtime_failed = part("the runtime could not be started");
    // Guests run on threads of their own, so that they do not delay responses.
    let for_jobs = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(config::cores())
        .thread_name("job")
        // A computing guest occupies its thread for a whole epoch. Timers and the network are polled after each epoch
        // instead of after dozens.
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
    // Only blocking tasks run on this runtime. Guests do not: at lower priority, a small job would switch threads more
    // often than its work is worth.
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

/// Lowers the priority of a computing thread, as nice(1) does. A failure leaves the priority unchanged.
fn lower_priority() {
    let _as_it_was = rustix::process::nice(COMPUTING_NICENESS);
}

/// The runtimes other than the one that answers requests.
struct Handles<'r> {
    jobs: &'r tokio::runtime::Handle,
    computing: &'r tokio::runtime::Handle,
}

async fn serve_on(config: &Config, metrics: Arc<Metrics>, runtimes: Handles<'_>) -> Result<(), ServeError> {
    // Listen first, so that a signal during startup is handled rather than fatal.
    let signals = Signals::listen().map_err(part("cannot listen for signals"))?;
    // Bind before creating anything on disk: another host may be using the address.
    let unheard = |source| ServeError::Listen { address: config.listen, source };
    let listener = TcpListener::bind(config.listen).await.map_err(unheard)?;
    let address = listener.local_addr().map_err(unheard)?;
    let stop = CancellationToken::new();
    show_limits(&metrics);
    let opened = open_parts(config, metrics, runtimes.computing, stop.clone()).await?;
    let OpenParts { parts, plugins } = opened;
    let job_limits = JobLimits {
        workers: config.workers,
        max_queued: config.max_queued,
        cancel_grace: config.cancel_grace,
        ..JobLimits::default()
    };
    let jobs = Jobs::start(parts.clone(), job_limits, runtimes.jobs).await;
    let jobs = jobs.map_err(part("jobs could not be started"))?;
    let changes = TaskTracker::new();
    let connections = config.connections.within(parts.budgets.memory.total());
    let state = api_state(config, parts, &jobs, &plugins, &changes, runtimes.computing);
    let router = api::router(Arc::new(state));
    let server = tokio::spawn(api::server::serve(listener, router, connections, stop.clone(), DRAIN_TIME));
    let loading = tokio::spawn(load_plugins(Arc::clone(&plugins), Arc::clone(&jobs), stop.clone()));
    until_stopped(signals, &plugins, address, config.workers).await;
    info!("stopping");
    stop.cancel();
    if !server.await.unwrap_or(false) {
        warn!("some requests were not answered within {DRAIN_TIME:?}");
    }
    // Requests that change data complete even if their client has disconnected.
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

/// The limits of plugins are among the metrics before the first of them is reached.
fn show_limits(metrics: &Metrics) {
    let limits = SETTINGS.iter().filter(|setting| setting.section() == "sandbox").filter_map(Setting::default_limit);
    limits.for_each(|limit| metrics.expect_limit(limit.key()));
}

fn api_state(
    config: &Config,
    parts: JobParts,
    jobs: &Arc<Jobs>,
    plugins: &Arc<PluginFolder>,
    changes: &TaskTracker,
    computing: &tokio::runtime::Handle,
) -> ApiState {
    let JobParts { store, access, directories, clock, search_limits, budgets, metrics, user_store_bytes, .. } = parts;
    ApiState {
        store,
        access,
        jobs: Arc::clone(jobs),
        plugins: Arc::clone(plugins),
        directories,
        clock,
        max_body_bytes: config.max_body_bytes,
        body_time: config.body_time,
        max_store_bytes: config.max_store_bytes,
        max_write_records: config.max_write_records,
        record_limits: config.guest.batch.clone(),
        search_limits,
        budgets,
        user_store_bytes,
        changes: changes.clone(),
        computing: computing.clone(),
        metrics,
    }
}

/// Loads the plugins, then watches the folder. Only requests for operations of plugins that are still loading wait for
/// this.
async fn load_plugins(plugins: Arc<PluginFolder>, jobs: Arc<Jobs>, stop: CancellationToken) {
    let all = async {
        // Whether an unfinished job can resume depends on its plugin's description. Jobs of known plugins do not wait
        // for unknown plugins.
        let recover_known = async {
            plugins.standing_loaded(READY_PATIENCE).await;
            jobs.recover_known().await
        };
        let (files, known) = tokio::join!(plugins.reload(), recover_known);
        let names = files.iter().filter_map(|file| file.plugin.as_ref()).map(|plugin| plugin.description.name.as_str());
        for unknown in plugins.loader().grants.without_plugin(names) {
            warn!(plugin = unknown, "the configuration grants something to a plugin that is not in the plugin folder");
        }
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

/// Reports when the host is ready, and handles signals.
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

/// Prints the one line on stdout, for the process that started the host and waits for it. Uses a separate thread,
/// because stdout may be a full pipe that nobody reads.
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
