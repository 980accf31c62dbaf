//! The headers that a job's request adds to a download.

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::{ObjectError, ObjectErrorKind};

/// Headers that say how the request itself is framed, routed or encoded, which is the client's business alone.
const RESERVED_HEADERS: [&str; 12] = [
    "accept-encoding",
    "connection",
    "content-length",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "range",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Builds the headers of a request from an object of strings.
pub fn headers_from(object: &serde_json::Map<String, serde_json::Value>) -> Result<HeaderMap, ObjectError> {
    let mut headers = HeaderMap::new();
    for (name, value) in object {
        let invalid = |what: &str| ObjectError::new(ObjectErrorKind::Invalid, format!("header '{name}' {what}"));
        let text = match value {
            serde_json::Value::String(text) => text.clone(),
            serde_json::Value::Number(number) => number.to_string(),
            serde_json::Value::Bool(flag) => flag.to_string(),
            _ => return Err(invalid("must have a string as its value")),
        };
        let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| invalid("is not a header name"))?;
        if RESERVED_HEADERS.contains(&header.as_str()) || header.as_str().starts_with("proxy-") {
            return Err(invalid("describes the request itself and cannot be passed on; remove it"));
        }
        let mut value = HeaderValue::from_str(&text).map_err(|_| invalid("has a value that a header cannot carry"))?;
        value.set_sensitive(true);
        headers.insert(header, value);
    }
    Ok(headers)
}
