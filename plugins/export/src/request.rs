//! Requests: their fields, the rules for them, and the error message for each broken rule. Where Harper has a message,
//! it is Harper's. Harper reports it in the failed job; here it is the reply to the request.

use std::time::{SystemTime, UNIX_EPOCH};

use jobhost_plugin::{Encoding, FileSink, PlannedSink, Refusal, Request, S3Credentials, S3Object, S3Sink};
use serde_json::{Map, Value};

use crate::csv_style::CsvStyle;
use crate::output::Output;

/// The media type that Harper sets for objects.
const MEDIA_TYPE: &str = "application/octet-stream";
/// File systems limit names to 255 bytes, which include the extensions.
const MAX_NAME_BYTES: usize = 200;
const SEARCHES: [&str; 5] = ["search_by_value", "search_by_hash", "search_by_id", "sql", "search_by_conditions"];

/// A valid request.
#[derive(Debug)]
pub(crate) struct ExportRequest {
    pub(crate) output: Output,
    pub(crate) style: CsvStyle,
    /// The search as JSON text.
    pub(crate) search: String,
    pub(crate) target: Target,
}

/// Where to write the rows.
#[derive(Debug)]
pub(crate) enum Target {
    File { directory: String, name: String },
    S3(S3Object),
}

impl ExportRequest {
    pub(crate) fn check(operation: &str, request: &Request) -> Result<Self, Refusal> {
        // The order of the checks is Harper's.
        match operation {
            "export_local" => {
                let (output, style, search) = check_common(request)?;
                let directory = check_path(request)?;
                let name = format!("{}{}", check_filename(request)?, output.suffix());
                Ok(ExportRequest { output, style, search, target: Target::File { directory, name } })
            }
            "export_to_s3" => {
                let mut object = check_s3(request)?;
                let (output, style, search) = check_common(request)?;
                object.key.push_str(&output.suffix());
                Ok(ExportRequest { output, style, search, target: Target::S3(object) })
            }
            _ => refuse(format!("Operation '{operation}' not found")),
        }
    }

    pub(crate) fn sink(self) -> PlannedSink {
        let encoding = self.output.encoding();
        match self.target {
            Target::File { directory, name } => PlannedSink::File(FileSink { directory, name, encoding }),
            Target::S3(object) => PlannedSink::S3(S3Sink { object, media_type: MEDIA_TYPE.to_owned(), encoding }),
        }
    }
}

fn refuse<T>(message: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::new(message))
}

/// The rules of both operations.
fn check_common(request: &Request) -> Result<(Output, CsvStyle, String), Refusal> {
    let Some(format) = request.get("format") else { return refuse("format missing") };
    let Some(output) = format.as_str().and_then(|name| Output::named(name, Encoding::Identity)) else {
        return refuse("format invalid. must be one of the following values: json, csv, jsonl, parquet");
    };
    let search = match request.get("search_operation") {
        Some(Value::Object(search)) => search,
        Some(_) => {
            return refuse(
                "'search_operation' must be an object, for example {\"operation\":\"sql\",\"sql\":\"SELECT * FROM data.dog\"}",
            );
        }
        None => return refuse("search_operation is missing."),
    };
    match search.get("operation") {
        None | Some(Value::Null) => refuse("search_operation.operation missing"),
        Some(Value::String(name)) if SEARCHES.contains(&name.as_str()) => {
            let encoding = check_compression(request)?;
            let output = format.as_str().and_then(|name| Output::named(name, encoding)).unwrap_or(output);
            let style = CsvStyle::of(request, format.as_str() == Some("csv")).map_err(Refusal::new)?;
            Ok((output, style, Value::Object(search.clone()).to_string()))
        }
        Some(_) => {
            refuse(format!("search_operation.operation must be one of the following values: {}", SEARCHES.join(", ")))
        }
    }
}

fn check_compression(request: &Request) -> Result<Encoding, Refusal> {
    match request.get("compression") {
        None => Ok(Encoding::Identity),
        Some(Value::String(name)) if name == "gzip" => Ok(Encoding::Gzip),
        Some(Value::String(name)) if name == "zstd" => Ok(Encoding::Zstd),
        Some(other) => {
            refuse(format!("'compression' must be one of [gzip, zstd] or be left out; it is {}", shown(other)))
        }
    }
}

fn check_path(request: &Request) -> Result<String, Refusal> {
    match request.get("path") {
        Some(Value::String(path)) if !path.is_empty() => {
            let trimmed = path.trim_end_matches('/');
            Ok(if trimmed.is_empty() { "/" } else { trimmed }.to_owned())
        }
        None | Some(Value::String(_)) => refuse("path is missing."),
        Some(other) => refuse(format!("'path' must be a string, the path of a directory; it is {}", shown(other))),
    }
}

/// Returns the name of the file without its extension.
fn check_filename(request: &Request) -> Result<String, Refusal> {
    let Some(name) = request.get("filename") else {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        return Ok(now.as_millis().to_string());
    };
    let Value::String(name) = name else {
        return refuse(format!("'filename' must be a string; it is {}", shown(name)));
    };
    let is_plain = !name.is_empty()
        && !matches!(name.as_str(), "." | "..")
        && !name.chars().any(|character| matches!(character, '/' | '\\') || character.is_control());
    if !is_plain {
        return refuse(format!(
            "'filename' must be a plain name without '/', '\\' and control characters, and not '..'; it is {}. Name the \
             directory in 'path'",
            shown(&Value::String(name.clone()))
        ));
    }
    if name.len() > MAX_NAME_BYTES {
        return refuse(format!(
            "'filename' can have {MAX_NAME_BYTES} bytes, without the extension; it has {}. Use a shorter one",
            name.len()
        ));
    }
    Ok(name.clone())
}

fn check_s3(request: &Request) -> Result<S3Object, Refusal> {
    let s3 = match request.get("s3") {
        Some(Value::Object(s3)) if !s3.is_empty() => s3,
        None | Some(Value::Object(_)) => return refuse("S3 object is missing."),
        Some(other) => return refuse(format!("'s3' must be an object; it is {}", shown(other))),
    };
    let credentials = check_credentials(s3)?;
    let bucket = required(s3, "bucket")?;
    let key = required(s3, "key")?;
    // The region may come from the profile.
    let region = match &credentials {
        S3Credentials::Profile(_) => optional(s3, "region")?.unwrap_or_default(),
        S3Credentials::Request(_) => required(s3, "region")?,
    };
    let path_style = match given(s3, "path_style") {
        None => None,
        Some(Value::Bool(path_style)) => Some(*path_style),
        Some(other) => return refuse(format!("'s3.path_style' must be true or false; it is {}", shown(other))),
    };
    Ok(S3Object { bucket, key, region, endpoint: optional(s3, "endpoint")?, path_style, credentials })
}

/// Returns the access keys, of which the plugin sees only handles, or the name of a profile.
fn check_credentials(s3: &Map<String, Value>) -> Result<S3Credentials, Refusal> {
    const KEYS: [&str; 2] = ["aws_access_key_id", "aws_secret_access_key"];
    if let Some(profile) = optional(s3, "profile")? {
        return match KEYS.into_iter().find(|key| given(s3, key).is_some()) {
            Some(key) => refuse(format!(
                "'s3.profile' and 's3.{key}' cannot be used together: send both keys, or name a profile and send none"
            )),
            None => Ok(S3Credentials::Profile(profile)),
        };
    }
    match KEYS.into_iter().find(|key| given(s3, key).is_none()) {
        Some(key) => refuse(format!("{key} is missing.")),
        None => Ok(S3Credentials::Request("/s3".to_owned())),
    }
}

/// Returns a member that is present and neither null nor empty.
fn given<'a>(s3: &'a Map<String, Value>, member: &str) -> Option<&'a Value> {
    s3.get(member).filter(|value| !value.is_null() && value.as_str() != Some(""))
}

fn optional(s3: &Map<String, Value>, member: &str) -> Result<Option<String>, Refusal> {
    match given(s3, member) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(other) => refuse(format!("'s3.{member}' must be a string; it is {}", shown(other))),
    }
}

fn required(s3: &Map<String, Value>, member: &str) -> Result<String, Refusal> {
    optional(s3, member)?.map_or_else(|| refuse(format!("{member} is missing.")), Ok)
}

/// Returns the start of a value as JSON.
fn shown(value: &Value) -> String {
    const SHOWN_CHARACTERS: usize = 100;
    let text = value.to_string();
    match text.char_indices().nth(SHOWN_CHARACTERS) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

#[cfg(test)]
mod tests;
