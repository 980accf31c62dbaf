//! The media type of a body: what its header says, or else the name at the end of the URL's path.

use http::HeaderMap;
use http::header::CONTENT_TYPE;
use url::Url;

use super::failure::{FAILED, shown};
use crate::{ObjectError, ObjectErrorKind, media_type};

/// What the end of the path says, before `.gz` or `.zst`.
fn type_of_name(url: &Url) -> Option<&'static str> {
    let name = url.path_segments()?.next_back()?.to_ascii_lowercase();
    let name = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(&name);
    match name.rsplit_once('.')?.1 {
        "csv" | "tsv" => Some("text/csv"),
        "json" => Some("application/json"),
        "jsonl" | "ndjson" => Some("application/x-ndjson"),
        "parquet" => Some("application/vnd.apache.parquet"),
        _ => None,
    }
}

/// The media type of the response, with its parameters.
pub(super) fn media_type(headers: &HeaderMap) -> Option<String> {
    media_type::named(headers.get(CONTENT_TYPE)?.to_str().ok()?)
}

/// The media type without its parameters, lower case.
fn essence(media_type: &str) -> Option<String> {
    let essence = media_type.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    (!essence.is_empty()).then_some(essence)
}

pub(super) fn check_media_type(url: &Url, accepted: &[String], found: Option<&str>) -> Result<(), ObjectError> {
    // Without a type the name has to say it.
    let found = found.and_then(essence);
    let found = found.as_deref().or_else(|| type_of_name(url));
    if accepted.is_empty() || found.is_some_and(|found| accepted.iter().any(|one| one == found)) {
        return Ok(());
    }
    Err(ObjectError::new(
        ObjectErrorKind::Invalid,
        format!("{FAILED}: {}, unsupported content type: {}", shown(url), found.unwrap_or("undefined")),
    ))
}
