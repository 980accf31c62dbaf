//! Errors of access control: a kind, a message and a cause.

use super::validate::RoleErrors;
use jobhost_store::StoreError;

/// The kind of an access error, for callers to match on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessErrorKind {
    /// A field is missing or invalid.
    Invalid,
    /// The user or role does not exist.
    NotFound,
    /// The user or role exists already, or is still in use.
    Conflict,
    /// Too many passwords are being checked; try again.
    Busy,
    /// The store or the machine failed.
    Unavailable,
}

/// A rejected change of users or roles.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct AccessError {
    pub kind: AccessErrorKind,
    pub message: String,
    /// All errors in the permissions of a role, if that is the reason.
    pub role_errors: Option<Box<RoleErrors>>,
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl AccessError {
    pub fn new(kind: AccessErrorKind, message: impl Into<String>) -> Self {
        AccessError { kind, message: message.into(), role_errors: None, source: None }
    }

    pub fn invalid(message: impl Into<String>) -> Self {
        AccessError::new(AccessErrorKind::Invalid, message)
    }

    pub(super) fn caused_by(message: &str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        AccessError { source: Some(source.into()), ..AccessError::new(AccessErrorKind::Unavailable, message) }
    }
}

impl From<StoreError> for AccessError {
    fn from(error: StoreError) -> Self {
        AccessError::caused_by("Users and roles cannot be read or written", error)
    }
}

impl From<RoleErrors> for AccessError {
    fn from(errors: RoleErrors) -> Self {
        AccessError {
            role_errors: Some(Box::new(errors)),
            ..AccessError::invalid("Errors in the role permissions JSON provided")
        }
    }
}

/// Why authentication failed. The messages are Harper's and reveal as little as possible.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthenticationError {
    /// Unknown user or wrong password. The two are not distinguished.
    #[error("Login failed")]
    LoginFailed,
    #[error("Cannot complete request: User is inactive")]
    Inactive,
    #[error("invalid token")]
    InvalidToken,
    #[error("token expired")]
    TokenExpired,
    /// The queue of password checks is full.
    #[error("Too many logins are being checked at once; try again in a moment")]
    Busy,
    #[error("Logins cannot be checked at the moment")]
    Unavailable,
}
