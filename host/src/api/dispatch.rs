//! The way of a request: JSON, operation named, who is it, operation exists, may they, is it valid, run. In this order,
//! because clients see which check came first.

use axum::extract::Request;
use serde_json::json;

use super::ApiState;
use super::authenticate;
use super::body::{self, Reader, Room, UNAUTHENTICATED_BYTES};
use super::envelope::Envelope;
use super::error::ApiError;
use super::operations::{self, Operation, Permission};
use super::reply::Reply;
use crate::access::{Denial, User};

/// Parsing more than this would hold up other requests, so it is done on a thread for such things.
pub(super) const BLOCKING_BYTES: usize = 256 * 1024;
/// An unknown name is repeated to the client, but not all of a long one.
const SHOWN_NAME_CHARACTERS: usize = 250;

/// Whether a plugin brings the operation is not known yet.
const STILL_LOADING: &str = "The host is still loading its plugins. Try the request again in a moment.";

/// What a handler is given.
pub(super) struct Call<'a> {
    pub state: &'a ApiState,
    pub user: &'a User,
    pub envelope: &'a Envelope,
}

pub(super) async fn answer(state: &ApiState, room: &Room, request: Request) -> Result<Reply, ApiError> {
    let (parts, body) = request.into_parts();
    let headers = parts.headers;
    body::check_content_type(&headers)?;
    let mut reader = Reader::new(&headers, body, state.max_body_bytes, state.body_time)?;
    let mut user = None;
    // Kept until the request is answered, because the body or what was made of it lives as long.
    let mut _taken = None;
    if !reader.read(UNAUTHENTICATED_BYTES).await? {
        user = Some(authenticate::user_of(&state.access, &headers).await?);
        _taken = Some(room.take(reader.declared()).await?);
        reader.read(usize::MAX).await?;
    }
    let body = reader.into_bytes();
    let envelope = blocking_if(body.len(), move || Envelope::parse(body)).await??;
    if let Some(reply) = operations::run_unauthenticated(state, &envelope, &headers).await {
        return reply;
    }
    let user = match user {
        Some(user) => user,
        None => authenticate::user_of(&state.access, &headers).await?,
    };
    let builtin = operations::named(envelope.operation());
    if builtin.is_none() && !state.plugins.knows(envelope.operation()).await {
        return Err(ApiError::busy(STILL_LOADING));
    }
    match builtin {
        Some(operation) => run(state, &user, operation, &envelope).await,
        None if state.jobs.has_operation(envelope.operation()) => submit(state, &user, envelope).await,
        None => {
            let name: String = envelope.operation().chars().take(SHOWN_NAME_CHARACTERS).collect();
            Err(ApiError::bad_request(format!("Operation '{name}' not found")))
        }
    }
}

async fn run(state: &ApiState, user: &User, operation: &Operation, envelope: &Envelope) -> Result<Reply, ApiError> {
    match operation.permission {
        Permission::SuperUser if !user.role.is_super_user() => {
            return Err(Denial::super_user_only(envelope.operation()).into());
        }
        Permission::SuperUser | Permission::Anyone | Permission::ByRole => {}
    }
    (operation.run)(&Call { state, user, envelope }).await
}

async fn submit(state: &ApiState, user: &User, envelope: Envelope) -> Result<Reply, ApiError> {
    let operation = envelope.operation().to_owned();
    let request = blocking_if(envelope.size(), move || envelope.into_map()).await??;
    let id = state.jobs.submit(user, &operation, request).await?;
    Reply::json(&json!({ "message": format!("Starting job with id {id}"), "job_id": id }))
}

/// Computes here, or on a thread of its own if there are many bytes to look at.
pub(super) async fn blocking_if<T: Send + 'static>(
    bytes: usize,
    compute: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ApiError> {
    if bytes < BLOCKING_BYTES {
        return Ok(compute());
    }
    tokio::task::spawn_blocking(compute).await.map_err(|error| ApiError::internal(&error))
}
