//! Why a download failed: the sentence for the client, and whether another try may succeed. No sentence shows the parts of a
//! URL that may hold credentials.

use std::time::Duration;

use http::header::RETRY_AFTER;
use http::{HeaderMap, StatusCode};
use url::Url;

use crate::body::Unsupported;
use crate::guarded_client::Refused;
use crate::{ObjectError, ObjectErrorKind};

/// Sentences begin as Harper's do, because clients look for them.
pub(super) const FAILED: &str = "CSV Load failed from URL";

/// A failed attempt.
pub(super) struct Failed {
    pub(super) error: ObjectError,
    /// `Some` if a retry may succeed, with the delay that the server requests.
    pub(super) passing: Option<Option<Duration>>,
}

impl Failed {
    pub(super) fn network(error: ObjectError) -> Self {
        let passing = (error.kind == ObjectErrorKind::Unavailable).then_some(None);
        Failed { error, passing }
    }
}

impl From<ObjectError> for Failed {
    fn from(error: ObjectError) -> Self {
        Failed { error, passing: None }
    }
}

/// The server answered with another status than 200.
pub(super) fn refused_by_server(url: &Url, status: StatusCode, headers: &HeaderMap) -> Failed {
    let reason = status.canonical_reason().unwrap_or("");
    let kind = if status.is_client_error() && !is_passing(status) {
        ObjectErrorKind::NotFound
    } else {
        ObjectErrorKind::Unavailable
    };
    let sentence = format!("{FAILED}: {}, status code: {}, message: {reason}", shown(url), status.as_u16());
    let passing = is_passing(status).then(|| retry_after(headers));
    Failed { error: ObjectError::new(kind, sentence), passing }
}

fn is_passing(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504)
}

/// The wait that a server asks for, in seconds. One that names a date is not heard: clocks differ.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// Reading the body failed: the connection, or what it said of its encoding.
pub(super) fn undecodable(url: &Url, error: std::io::Error) -> Failed {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<reqwest::Error>()) {
        Some(network) => Failed::network(unreachable(url, network)),
        None => ObjectError::new(
            ObjectErrorKind::Invalid,
            format!("{FAILED}: {}, its body cannot be decoded: {error}", shown(url)),
        )
        .into(),
    }
}

/// Harper has loads of CSV only, and its sentence says so; that of a load of another format does not.
pub(super) fn of_its_format(media_types: &[String], mut error: ObjectError) -> ObjectError {
    if !media_types.iter().any(|media_type| media_type == "text/csv") {
        error.message = error.message.strip_prefix("CSV ").unwrap_or(&error.message).to_owned();
    }
    error
}

pub(super) fn not_granted(url: &Url) -> ObjectError {
    let (host, port) = (url.host_str().unwrap_or(""), url.port_or_known_default().unwrap_or(0));
    let message = format!(
        "{FAILED}: {}, the plugin is not granted {host}:{port}. To allow it, add \"fetch-url {host}:{port}\" to \
         the plugin's key in [grants] of the configuration and restart the host",
        shown(url)
    );
    ObjectError::new(ObjectErrorKind::Denied, message)
}

pub(super) fn unsupported_encoding(url: &Url, Unsupported(name): &Unsupported) -> ObjectError {
    ObjectError::new(
        ObjectErrorKind::Invalid,
        format!("{FAILED}: {}, unsupported content encoding: {name}; gzip, deflate, br and zstd are read", shown(url)),
    )
}

/// The URL as messages show it: without user, password, query and fragment, which may hold credentials.
pub fn shown(url: &Url) -> String {
    let mut shown = url.clone();
    let had_query = shown.query().is_some();
    shown.set_query(None);
    shown.set_fragment(None);
    // Neither can fail for a URL that has a host, and one without has neither.
    let _ = shown.set_username("");
    let _ = shown.set_password(None);
    if had_query { format!("{shown}?…") } else { shown.to_string() }
}

pub(super) fn refused(url: &Url) -> ObjectError {
    let port = url.port_or_known_default().unwrap_or(0);
    let host = url.host_str().unwrap_or("");
    ObjectError::new(
        ObjectErrorKind::Denied,
        format!(
            "{FAILED}: {}, its address is private or reserved, where jobs may not connect. To allow it, add this to the \
             configuration and restart the host: [urls] allow = [\"{host}:{port}\"]",
            shown(url)
        ),
    )
}

pub(super) fn unreachable(url: &Url, error: &reqwest::Error) -> ObjectError {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        if deeper.is::<Refused>() {
            return refused(url);
        }
        cause = deeper;
    }
    if cause.is::<Refused>() {
        return refused(url);
    }
    // Only the innermost cause is shown: the outer ones repeat the URL with everything in it.
    ObjectError::new(ObjectErrorKind::Unavailable, format!("{FAILED}: {}, {cause}", shown(url)))
}
