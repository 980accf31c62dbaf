//! The stable error codes that a program matches on, beside the message for a person. Each has a section in
//! `docs/errors.md`. A code never changes its meaning; a new kind of error gets a new code.

use axum::http::StatusCode;

/// Why a request was rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ErrorCode {
    InvalidRequest,
    NotFound,
    AlreadyExists,
    Conflict,
    AuthenticationFailed,
    PermissionDenied,
    NotGranted,
    UnsupportedMediaType,
    RequestTooLarge,
    RequestTooSlow,
    QueueFull,
    ShareExhausted,
    HostBusy,
    QuotaExceeded,
    StoreFull,
    Unavailable,
    PluginFault,
    Internal,
}

impl ErrorCode {
    #[cfg(test)]
    pub const ALL: [ErrorCode; 18] = [
        ErrorCode::InvalidRequest,
        ErrorCode::NotFound,
        ErrorCode::AlreadyExists,
        ErrorCode::Conflict,
        ErrorCode::AuthenticationFailed,
        ErrorCode::PermissionDenied,
        ErrorCode::NotGranted,
        ErrorCode::UnsupportedMediaType,
        ErrorCode::RequestTooLarge,
        ErrorCode::RequestTooSlow,
        ErrorCode::QueueFull,
        ErrorCode::ShareExhausted,
        ErrorCode::HostBusy,
        ErrorCode::QuotaExceeded,
        ErrorCode::StoreFull,
        ErrorCode::Unavailable,
        ErrorCode::PluginFault,
        ErrorCode::Internal,
    ];

    /// The code as clients see it.
    pub fn word(self) -> &'static str {
        match self {
            ErrorCode::InvalidRequest => "invalid_request",
            ErrorCode::NotFound => "not_found",
            ErrorCode::AlreadyExists => "already_exists",
            ErrorCode::Conflict => "conflict",
            ErrorCode::AuthenticationFailed => "authentication_failed",
            ErrorCode::PermissionDenied => "permission_denied",
            ErrorCode::NotGranted => "not_granted",
            ErrorCode::UnsupportedMediaType => "unsupported_media_type",
            ErrorCode::RequestTooLarge => "request_too_large",
            ErrorCode::RequestTooSlow => "request_too_slow",
            ErrorCode::QueueFull => "queue_full",
            ErrorCode::ShareExhausted => "share_exhausted",
            ErrorCode::HostBusy => "host_busy",
            ErrorCode::QuotaExceeded => "quota_exceeded",
            ErrorCode::StoreFull => "store_full",
            ErrorCode::Unavailable => "unavailable",
            ErrorCode::PluginFault => "plugin_fault",
            ErrorCode::Internal => "internal",
        }
    }

    /// The status of the response, unless Harper uses another one for the case.
    pub fn status(self) -> StatusCode {
        match self {
            ErrorCode::InvalidRequest | ErrorCode::AlreadyExists => StatusCode::BAD_REQUEST,
            ErrorCode::NotFound => StatusCode::NOT_FOUND,
            ErrorCode::Conflict => StatusCode::CONFLICT,
            ErrorCode::AuthenticationFailed => StatusCode::UNAUTHORIZED,
            ErrorCode::PermissionDenied | ErrorCode::NotGranted => StatusCode::FORBIDDEN,
            ErrorCode::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            ErrorCode::RequestTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            ErrorCode::RequestTooSlow => StatusCode::REQUEST_TIMEOUT,
            ErrorCode::QueueFull | ErrorCode::ShareExhausted => StatusCode::TOO_MANY_REQUESTS,
            ErrorCode::HostBusy | ErrorCode::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            ErrorCode::QuotaExceeded | ErrorCode::StoreFull => StatusCode::INSUFFICIENT_STORAGE,
            ErrorCode::PluginFault | ErrorCode::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_code_is_documented_with_its_status() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/errors.md");
        let document = std::fs::read_to_string(path).unwrap();
        let documented: Vec<&str> = document.lines().filter_map(|line| line.strip_prefix("## `")).collect();
        assert_eq!(documented.len(), ErrorCode::ALL.len(), "{documented:?}");
        for code in ErrorCode::ALL {
            let heading = format!("{}` ({})", code.word(), code.status().as_u16());
            assert!(documented.contains(&heading.as_str()), "docs/errors.md has no section ## `{heading}");
        }
    }
}
