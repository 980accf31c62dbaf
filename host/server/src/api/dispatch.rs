//! Processes a request in this order: JSON, operation name, authentication, existence of the operation, permission,
//! fields, execution. The order matters, because clients see which check failed first.
//!
//! Requests that change data run in their own task: they complete or change nothing, even if the client disconnects.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::Request;
use axum::http::{HeaderMap, header};
use serde_json::json;

use super::ApiState;
use super::aside::aside_if_large;
use super::authenticate;
use super::body::{self, Reader, UNAUTHENTICATED_BYTES};
use super::call::Call;
use super::completion::to_completion;
use super::envelope::Envelope;
use super::error::ApiError;
use super::operations::{self, Operation, Permission};
use super::reply::Reply;
use super::server::ClientAddress;
use jobhost_access::{Denial, User};
use jobhost_budget::{Account, Held, Owner};
use jobhost_jobs::OperationReply;

/// How much of an unknown name is repeated to the client.
const SHOWN_NAME_CHARACTERS: usize = 250;
/// The initial charge of every request: its small members, its response, its task.
const REQUEST_BYTES: u64 = 32 << 10;

/// It is not yet known whether a plugin provides the operation.
const STILL_LOADING: &str = "The host is still loading its plugins. Try the request again in a moment.";

/// Like [`Call`], for a task that may outlive the connection.
struct OwnedCall {
    state: Arc<ApiState>,
    user: User,
    envelope: Envelope,
    account: Account,
    held: Held,
}

impl OwnedCall {
    async fn run(&self, operation: &'static Operation) -> Result<Reply, ApiError> {
        let OwnedCall { state, user, envelope, account, held } = self;
        (operation.run)(&Call { state, user, envelope, account, held }).await
    }
}

pub(super) async fn answer(state: &Arc<ApiState>, request: Request) -> Result<Reply, ApiError> {
    let (parts, body) = request.into_parts();
    let source = parts.extensions.get::<ClientAddress>().map(|address| address.0);
    body::check_content_type(&parts.headers)?;
    let mut reader = Reader::new(&parts, body, state.max_body_bytes, state.body_time)?;
    let headers = parts.headers;
    let mut known = None;
    // If the declared length is large, the client is authenticated before any of the body is read.
    if reader.declared() > UNAUTHENTICATED_BYTES || !reader.read(UNAUTHENTICATED_BYTES).await? {
        match read_for_somebody(state, &headers, source, &mut reader).await {
            Ok(somebody) => known = Some(somebody),
            Err(refused) => {
                // A client that sent `Expect: 100-continue` sends no body after a rejection.
                if !headers.contains_key(header::EXPECT) {
                    reader.discard().await;
                }
                return Err(refused);
            }
        }
    }
    let body = reader.into_bytes();
    let mut envelope = match &known {
        None => Envelope::parse(body, None)?,
        Some((_, account, held)) => {
            let held = held.clone();
            aside_if_large(state, account, body.len(), move || Envelope::parse(body, Some(held))).await??
        }
    };
    if let Some(reply) = operations::run_unauthenticated(state, &envelope, &headers, source).await {
        return reply;
    }
    let operation = operations::named(envelope.operation());
    let (user, account, held) = match known {
        Some(known) => known,
        None => {
            let user = authenticate::user_of(&state.access, &headers, source).await?;
            let urgent = operation.is_some_and(|operation| operation.urgent);
            let account = state.budgets.of(if urgent { Owner::Host } else { Owner::user(&user.username) });
            let held = account.held(REQUEST_BYTES)?;
            envelope.charge(held.clone());
            (user, account, held)
        }
    };
    if operation.is_none() && !state.plugins.knows(envelope.operation()).await {
        return Err(ApiError::busy(STILL_LOADING));
    }
    let call = OwnedCall { state: Arc::clone(state), user, envelope, account, held };
    if let Some(operation) = operation {
        return run(call, operation).await;
    }
    match state.jobs.reply_of(call.envelope.operation()) {
        Some(OperationReply::JobId) => submit(call).await,
        Some(OperationReply::Outcome) => answer_by_plugin(call).await,
        None => {
            let name: String = call.envelope.operation().chars().take(SHOWN_NAME_CHARACTERS).collect();
            Err(ApiError::bad_request(format!("Operation '{name}' not found")))
        }
    }
}

/// Authenticates the sender of a large body, then reads the body and charges it to the sender.
async fn read_for_somebody(
    state: &ApiState,
    headers: &HeaderMap,
    source: Option<IpAddr>,
    reader: &mut Reader,
) -> Result<(User, Account, Held), ApiError> {
    let user = authenticate::user_of(&state.access, headers, source).await?;
    let account = state.budgets.of(Owner::user(&user.username));
    let held = account.held(REQUEST_BYTES)?;
    reader.charge(held.clone());
    reader.read(usize::MAX).await?;
    Ok((user, account, held))
}

async fn run(call: OwnedCall, operation: &'static Operation) -> Result<Reply, ApiError> {
    match operation.permission {
        Permission::SuperUser if !call.user.role.is_super_user() => {
            return Err(Denial::super_user_only(call.envelope.operation()).into());
        }
        Permission::SuperUser | Permission::Anyone | Permission::ByRole => {}
    }
    let held = call.held.clone();
    let reply = if operation.changes {
        let state = Arc::clone(&call.state);
        to_completion(&state, async move { call.run(operation).await }).await
    } else {
        call.run(operation).await
    };
    reply.map(|reply| reply.holding(held))
}

/// The client waits for the outcome. If it disconnects, the guest is stopped.
async fn answer_by_plugin(call: OwnedCall) -> Result<Reply, ApiError> {
    let OwnedCall { state, user, envelope, account, held } = call;
    let operation = envelope.operation().to_owned();
    let request = jobhost_jobs::JobRequest { members: envelope.into_members(), account, held: held.clone() };
    let outcome = state.jobs.answer(&user, &operation, request).await?;
    Ok(Reply::json(&outcome)?.holding(held))
}

async fn submit(call: OwnedCall) -> Result<Reply, ApiError> {
    let state = Arc::clone(&call.state);
    let submitted = to_completion(&state, async move {
        let OwnedCall { state, user, envelope, account, held } = call;
        let operation = envelope.operation().to_owned();
        let request = jobhost_jobs::JobRequest { members: envelope.into_members(), account, held };
        Ok(state.jobs.submit(&user, &operation, request).await?)
    });
    let id = submitted.await?;
    Reply::json(&json!({ "message": format!("Starting job with id {id}"), "job_id": id }))
}
