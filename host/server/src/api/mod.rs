//! The Operations API over HTTP: `POST /` with an `operation`, and `GET /health`.
//!
//! Depends on access, jobs, the plugin folder and records, but not on sandboxes or storage engines. Requests are
//! parsed into typed values here; the modules below implement the operations. The reference is `docs/operations.md`.

mod aside;
mod authenticate;
mod body;
mod call;
mod completion;
mod describe;
mod dispatch;
mod envelope;
mod error;
mod error_code;
mod jobs;
mod names;
mod operations;
mod plugins;
mod read_ahead;
mod reply;
mod roles;
mod rows;
mod search;
pub mod server;
mod sql;
mod structure;
mod tokens;
mod users;
mod write;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tokio_util::task::TaskTracker;

use jobhost_access::Access;
use jobhost_budget::Budgets;
use jobhost_jobs::Jobs;
use jobhost_metrics::{Looked, Metrics};
use jobhost_model::Clock;
use jobhost_objects::Directories;
use jobhost_registry::PluginFolder;
use jobhost_search::SearchLimits;
use jobhost_store::{BatchLimits, Store};

use error::ApiError;
pub use operations::is_builtin;

const METRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Everything that the API depends on.
pub struct ApiState {
    pub store: Arc<dyn Store>,
    pub access: Arc<Access>,
    pub jobs: Arc<Jobs>,
    pub plugins: Arc<PluginFolder>,
    /// The directories from which add_plugin may read a component by its path.
    pub directories: Directories,
    pub clock: Arc<dyn Clock>,
    /// `server.max_body_bytes`.
    pub max_body_bytes: usize,
    /// Time for each MiB of a body: `server.body_seconds`.
    pub body_time: Duration,
    /// `data.max_bytes`.
    pub max_store_bytes: u64,
    /// `server.max_write_records`.
    pub max_write_records: usize,
    /// `sandbox.record_bytes` and `sandbox.record_depth`, which `insert` and its like have in common with jobs.
    pub record_limits: BatchLimits,
    pub search_limits: SearchLimits,
    pub budgets: Budgets,
    /// `data.user_max_bytes`.
    pub user_store_bytes: Option<u64>,
    /// Requests that change data. They continue after their client disconnects, and the host waits for them when it
    /// stops.
    pub changes: TaskTracker,
    /// Runs expensive computations on threads of lower priority than those that answer.
    pub computing: tokio::runtime::Handle,
    pub metrics: Arc<Metrics>,
}

/// Builds the service.
pub fn router(state: Arc<ApiState>) -> Router {
    Router::new()
        .route("/", post(operation).fallback(not_found))
        .route("/health", get(health).fallback(not_found))
        .route("/metrics", get(metrics).fallback(not_found))
        .fallback(not_found)
        .with_state(state)
}

async fn operation(State(state): State<Arc<ApiState>>, request: Request) -> Response {
    let response = match dispatch::answer(&state, request).await {
        Ok(reply) => reply.into_response(),
        Err(error) => error.into_response(),
    };
    state.metrics.responded(response.status().as_u16());
    signed(response)
}

async fn health() -> Response {
    signed(text(StatusCode::OK, "HarperDB is running."))
}

/// Returns the host's metrics in Prometheus's text format. They name no users, tables or files, so no login is
/// required, as Prometheus servers expect.
async fn metrics(State(state): State<Arc<ApiState>>) -> Response {
    let files = state.plugins.files();
    let count = |serves: bool, failed: bool| {
        files.iter().filter(|file| file.plugin.is_some() == serves && file.failure.is_some() == failed).count()
    };
    let looked = Looked {
        plugins_in_service: count(true, false),
        plugins_previous_in_service: count(true, true),
        plugins_failed: count(false, true),
        store_bytes: state.store.size().await.unwrap_or_default(),
        store_max_bytes: state.max_store_bytes,
        changes: state.changes.len(),
    };
    signed(match state.metrics.show(looked, &state.budgets) {
        Ok(text) => ([(header::CONTENT_TYPE, METRICS_TYPE)], text).into_response(),
        Err(error) => ApiError::internal(&error).into_response(),
    })
}

async fn not_found() -> Response {
    signed(text(StatusCode::NOT_FOUND, "Not found\n"))
}

fn text(status: StatusCode, text: &'static str) -> Response {
    (status, [(header::CONTENT_TYPE, "text/plain")], text).into_response()
}

fn signed(mut response: Response) -> Response {
    response.headers_mut().insert(header::SERVER, HeaderValue::from_static("jobhost"));
    response
}
