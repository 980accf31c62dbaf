//! The Operations API over HTTP: `POST /` with an `operation`, and `GET /health`.
//!
//! Knows access, jobs and records, and nothing of plugins, sandboxes or storage engines. Requests become typed values
//! here, at the edge; what an operation does is decided by the modules below. The reference is `docs/operations.md`.

mod authenticate;
mod body;
mod describe;
mod dispatch;
mod envelope;
mod error;
mod iso_date;
mod jobs;
mod names;
mod operations;
mod reply;
mod roles;
mod rows;
mod search;
mod structure;
mod tokens;
mod users;
mod write;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

use crate::access::Access;
use crate::jobs::Jobs;
use crate::records::{Clock, Store};

pub use operations::is_builtin;

/// What the API stands on.
pub struct ApiState {
    pub store: Arc<dyn Store>,
    pub access: Arc<Access>,
    pub jobs: Arc<Jobs>,
    pub clock: Arc<dyn Clock>,
    /// `server.max_body_bytes`.
    pub max_body_bytes: usize,
}

/// What the requests of one router share.
struct Service {
    state: Arc<ApiState>,
    room: body::Room,
}

/// The service, ready for a listener.
pub fn router(state: Arc<ApiState>) -> Router {
    let service = Arc::new(Service { room: body::Room::new(state.max_body_bytes), state });
    Router::new()
        .route("/", post(operation).fallback(not_found))
        .route("/health", get(health).fallback(not_found))
        .fallback(not_found)
        .with_state(service)
}

async fn operation(State(service): State<Arc<Service>>, request: Request) -> Response {
    let response = match dispatch::answer(&service.state, &service.room, request).await {
        Ok(reply) => reply.into_response(),
        Err(error) => error.into_response(),
    };
    signed(response)
}

async fn health() -> Response {
    signed(text(StatusCode::OK, "HarperDB is running."))
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
