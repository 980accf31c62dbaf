//! The `Authorization` header: Basic and Bearer.

use std::net::IpAddr;

use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::error::ApiError;
use jobhost_access::{Access, TokenUse, User};

/// The credentials that a client presents, not yet verified.
pub(super) enum Credentials {
    Basic { username: String, password: String },
    Bearer(String),
}

impl Credentials {
    pub fn from_headers(headers: &HeaderMap) -> Result<Self, ApiError> {
        let must_login = || ApiError::unauthorized("Must login");
        let header = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).ok_or_else(must_login)?;
        let (scheme, rest) = header.split_once(' ').ok_or_else(must_login)?;
        let rest = rest.trim();
        if scheme.eq_ignore_ascii_case("bearer") {
            return Ok(Credentials::Bearer(rest.to_owned()));
        }
        if !scheme.eq_ignore_ascii_case("basic") {
            return Err(must_login());
        }
        let decoded = STANDARD.decode(rest).map_err(|_| ApiError::unauthorized("Invalid character"))?;
        let decoded = String::from_utf8(decoded).map_err(|_| ApiError::unauthorized("Login failed"))?;
        let (username, password) = decoded.split_once(':').ok_or_else(|| ApiError::unauthorized("Login failed"))?;
        Ok(Credentials::Basic { username: username.to_owned(), password: password.to_owned() })
    }

    pub async fn user(&self, access: &Access, source: Option<IpAddr>) -> Result<User, ApiError> {
        Ok(match self {
            Credentials::Basic { username, password } => access.authenticate_basic(username, password, source).await?,
            Credentials::Bearer(token) => access.authenticate_token(token, TokenUse::Operation)?,
        })
    }
}

/// Returns the authenticated user of a request. `source` is the client's address.
pub(super) async fn user_of(access: &Access, headers: &HeaderMap, source: Option<IpAddr>) -> Result<User, ApiError> {
    Credentials::from_headers(headers)?.user(access, source).await
}
