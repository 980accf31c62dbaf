//! Error responses: a status and a body in Harper's formats. Must never contain the text of an internal error or a
//! secret.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tracing::{error, warn};

use super::error_code::ErrorCode;
use jobhost_access::{AccessError, AccessErrorKind, AuthenticationError, Denial};
use jobhost_budget::{Exhausted, Holder};
use jobhost_jobs::SubmitError;
use jobhost_model::KeyError;
use jobhost_search::SearchError;
use jobhost_search::query::QueryError;
use jobhost_store::{BatchError, BatchErrorKind, StoreError, StoreErrorKind};

/// `Retry-After` for a busy host.
const BUSY_RETRY_SECONDS: u64 = 1;

/// An error response.
#[derive(Debug)]
pub(super) struct ApiError {
    code: ErrorCode,
    status: StatusCode,
    body: Value,
    retry_after_seconds: Option<u64>,
}

impl ApiError {
    pub fn new(code: ErrorCode, sentence: impl Into<String>) -> Self {
        ApiError::with_body(code, json!({ "error": sentence.into() }))
    }

    fn with_body(code: ErrorCode, body: Value) -> Self {
        ApiError { code, status: code.status(), body, retry_after_seconds: None }
    }

    pub fn bad_request(sentence: impl Into<String>) -> Self {
        ApiError::new(ErrorCode::InvalidRequest, sentence)
    }

    pub fn not_found(sentence: impl Into<String>) -> Self {
        ApiError::new(ErrorCode::NotFound, sentence)
    }

    pub fn unauthorized(sentence: impl Into<String>) -> Self {
        ApiError::new(ErrorCode::AuthenticationFailed, sentence)
    }

    /// The other format of a 400 response, which Harper uses for bodies that are not an object with members.
    pub fn bad_body(sentence: &str) -> Self {
        let body = json!({ "statusCode": 400, "error": "Bad Request", "message": sentence });
        ApiError::with_body(ErrorCode::InvalidRequest, body)
    }

    pub fn busy(sentence: impl Into<String>) -> Self {
        ApiError { retry_after_seconds: Some(BUSY_RETRY_SECONDS), ..ApiError::new(ErrorCode::HostBusy, sentence) }
    }

    /// An error of the host itself. The client learns only that; the cause goes to the log.
    pub fn internal(cause: &dyn std::fmt::Display) -> Self {
        error!(%cause, "a request failed");
        ApiError::new(ErrorCode::Internal, "There was an error processing your request. Check logs and try again.")
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut body = self.body;
        if let Value::Object(members) = &mut body {
            members.insert("code".to_owned(), self.code.word().into());
        }
        let mut response =
            (self.status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response();
        if let Some(seconds) = self.retry_after_seconds {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// A user whose own requests and jobs exhaust the share is asked to send less; other users are asked to retry.
impl From<Exhausted> for ApiError {
    fn from(exhausted: Exhausted) -> Self {
        let code = match exhausted.holder {
            Holder::Asker => ErrorCode::ShareExhausted,
            Holder::Everybody => ErrorCode::HostBusy,
        };
        ApiError { retry_after_seconds: Some(BUSY_RETRY_SECONDS), ..ApiError::new(code, exhausted.to_string()) }
    }
}

impl From<Denial> for ApiError {
    fn from(denial: Denial) -> Self {
        let body = serde_json::to_value(&denial).unwrap_or_else(|_| json!({ "error": denial.to_string() }));
        ApiError::with_body(ErrorCode::PermissionDenied, body)
    }
}

impl From<AuthenticationError> for ApiError {
    fn from(error: AuthenticationError) -> Self {
        match error {
            AuthenticationError::Busy | AuthenticationError::Unavailable => ApiError::busy(error.to_string()),
            _ => ApiError::unauthorized(error.to_string()),
        }
    }
}

impl From<AccessError> for ApiError {
    fn from(error: AccessError) -> Self {
        if let Some(errors) = &error.role_errors {
            let body = json!({
                "error": error.message,
                "main_permissions": errors.main_permissions,
                "schema_permissions": errors.schema_permissions,
            });
            return ApiError::with_body(ErrorCode::InvalidRequest, body);
        }
        match error.kind {
            AccessErrorKind::Invalid => ApiError::bad_request(error.message),
            AccessErrorKind::NotFound => ApiError::not_found(error.message),
            AccessErrorKind::Conflict => ApiError::new(ErrorCode::Conflict, error.message),
            AccessErrorKind::Busy => ApiError::busy(error.message),
            AccessErrorKind::Unavailable => {
                error!(error = &error as &dyn std::error::Error, "users or roles are unavailable");
                ApiError::new(ErrorCode::Unavailable, error.message)
            }
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error.kind {
            StoreErrorKind::NotFound => ApiError::not_found(error.message),
            StoreErrorKind::AlreadyExists => ApiError::new(ErrorCode::AlreadyExists, error.message),
            StoreErrorKind::Invalid => ApiError::bad_request(error.message),
            StoreErrorKind::LeaseLost => ApiError::internal(&error),
            StoreErrorKind::OverQuota => ApiError::new(ErrorCode::QuotaExceeded, error.message),
            StoreErrorKind::Full => {
                warn!(error = &error as &dyn std::error::Error, "the store is full");
                ApiError::new(ErrorCode::StoreFull, error.message)
            }
            StoreErrorKind::Unavailable => {
                error!(error = &error as &dyn std::error::Error, "the store is unavailable");
                ApiError::new(ErrorCode::Unavailable, error.message)
            }
        }
    }
}

impl From<QueryError> for ApiError {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::Invalid(sentence) | QueryError::TooLarge(sentence) => ApiError::bad_request(sentence),
            QueryError::Store(error) => error.into(),
            QueryError::Exhausted(exhausted) => exhausted.into(),
        }
    }
}

impl From<SearchError> for ApiError {
    fn from(error: SearchError) -> Self {
        match error {
            SearchError::Invalid(sentence) => ApiError::bad_request(sentence),
            SearchError::NotFound(sentence) => ApiError::not_found(sentence),
            SearchError::Denied(denial) => denial.into(),
            SearchError::Store(error) => error.into(),
            SearchError::Exhausted(exhausted) => exhausted.into(),
        }
    }
}

impl From<BatchError> for ApiError {
    fn from(error: BatchError) -> Self {
        ApiError::bad_request(match &error.kind {
            BatchErrorKind::Limit(reached) => format!("{error} ({})", reached.key),
            BatchErrorKind::FixedLimit | BatchErrorKind::Invalid => error.to_string(),
        })
    }
}

impl From<KeyError> for ApiError {
    fn from(error: KeyError) -> Self {
        ApiError::bad_request(error.to_string())
    }
}

impl From<SubmitError> for ApiError {
    fn from(error: SubmitError) -> Self {
        let sentence = error.to_string();
        match error {
            SubmitError::Refused(_) => ApiError::bad_request(sentence),
            // Harper's status for this case.
            SubmitError::NotFound(_) => ApiError { status: StatusCode::BAD_REQUEST, ..ApiError::not_found(sentence) },
            SubmitError::Denied(denial) => denial.into(),
            SubmitError::NotGranted(_) => ApiError::new(ErrorCode::NotGranted, sentence),
            SubmitError::QueueFull { retry_after_seconds, .. } => ApiError {
                retry_after_seconds: Some(retry_after_seconds),
                ..ApiError::new(ErrorCode::QueueFull, sentence)
            },
            SubmitError::ShareFull { retry_after_seconds, .. } => ApiError {
                retry_after_seconds: Some(retry_after_seconds),
                ..ApiError::new(ErrorCode::ShareExhausted, sentence)
            },
            SubmitError::Exhausted(exhausted) => exhausted.into(),
            SubmitError::Plugin { plugin, .. } => {
                let body = json!({ "error": sentence, "kind": "plugin", "plugin": plugin });
                ApiError::with_body(ErrorCode::PluginFault, body)
            }
            SubmitError::Unavailable(_) => {
                error!(error = %sentence, "an operation of a plugin is unavailable");
                ApiError::new(ErrorCode::Unavailable, sentence)
            }
        }
    }
}
