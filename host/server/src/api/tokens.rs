//! `create_authentication_tokens` and `refresh_operation_token`: the operations that check credentials themselves.

use std::net::IpAddr;

use axum::http::HeaderMap;
use serde_json::{Value, json};

use super::ApiState;
use super::authenticate::{Credentials, user_of};
use super::envelope::Envelope;
use super::error::ApiError;
use super::reply::Reply;
use jobhost_access::{AuthenticationError, TokenUse, User};

/// Creates tokens for a username and password in the request, or for the user of the `Authorization` header.
pub(super) async fn create(
    state: &ApiState,
    envelope: &Envelope,
    headers: &HeaderMap,
    source: Option<IpAddr>,
) -> Result<Reply, ApiError> {
    let user = if envelope.has("username") || envelope.has("password") {
        user_in(state, envelope, source).await?
    } else {
        user_of(&state.access, headers, source).await?
    };
    Reply::json(&state.access.create_tokens(&user)?)
}

async fn user_in(state: &ApiState, envelope: &Envelope, source: Option<IpAddr>) -> Result<User, ApiError> {
    let mut credentials = Vec::with_capacity(2);
    for name in ["username", "password"] {
        match envelope.value(name)? {
            Some(Value::String(text)) => credentials.push(text),
            // A request with only one of the two fails like one with wrong credentials.
            None => return Err(ApiError::unauthorized("invalid credentials")),
            Some(Value::Null) => return Err(ApiError::bad_request(format!("{name} is required"))),
            Some(_) => return Err(ApiError::bad_request(format!("{name} must be a string"))),
        }
    }
    let [username, password] = credentials.as_slice() else {
        return Err(ApiError::unauthorized("invalid credentials"));
    };
    state.access.authenticate_basic(username, password, source).await.map_err(|error| match error {
        AuthenticationError::LoginFailed => ApiError::unauthorized("invalid credentials"),
        other => other.into(),
    })
}

/// Issues a token to the bearer of a refresh token, sent in the header or as `refresh_token` in the request.
pub(super) fn refresh(state: &ApiState, envelope: &Envelope, headers: &HeaderMap) -> Result<Reply, ApiError> {
    let required = || ApiError::bad_request("'refresh_token' is required");
    let token = match envelope.value("refresh_token")? {
        Some(Value::String(token)) => token,
        Some(_) => return Err(ApiError::bad_request("'refresh_token' must be a string")),
        None => match Credentials::from_headers(headers)? {
            Credentials::Bearer(token) => token,
            Credentials::Basic { .. } => return Err(required()),
        },
    };
    match state.access.read_token(&token)? {
        (user, TokenUse::Refresh) => {
            Reply::json(&json!({ "operation_token": state.access.create_operation_token(&user)? }))
        }
        (_, TokenUse::Operation) => Err(required()),
    }
}
