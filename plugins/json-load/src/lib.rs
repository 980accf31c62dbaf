//! The plugin `json-load`: jobs that read JSON from the request, a file or a URL and write its objects to a table.
//!
//! The crate `jobhost-json` reads the records, and `jobhost-load-plugin` contains what all loads share. This crate adds
//! the requests and the error messages for invalid input.

mod describe;
mod request;

use jobhost_json::{LoadError, Options, Shape, load};
use jobhost_load_plugin::{GuestHost, JsonOptions, KEY_REQUIRED, failure};
use jobhost_plugin::{Description, Error, Failure, Outcome, Plan, Plugin, Refusal, Request};

use crate::request::LoadRequest;

/// Media types that may hold JSON.
const MEDIA_TYPES: [&str; 12] = [
    "application/json",
    "application/x-ndjson",
    "application/ndjson",
    "application/jsonl",
    "application/x-jsonlines",
    "application/jsonlines",
    "text/json",
    "text/plain",
    "application/octet-stream",
    // As it is stored: the host decodes it.
    "application/gzip",
    "application/x-gzip",
    "application/zstd",
];

struct JsonLoad;

impl Plugin for JsonLoad {
    fn describe() -> Description {
        describe::description()
    }

    fn plan(operation: &str, request: &Request) -> Result<Plan, Refusal> {
        let load = LoadRequest::check(operation, request)?;
        Ok(load.action.plan(load.table, load.place.source(request, &MEDIA_TYPES, load.compression)))
    }

    fn run(operation: &str, request: &Request, resume: Option<Vec<u8>>) -> Result<Outcome, Failure> {
        let request = LoadRequest::check(operation, request)?;
        let JsonOptions { columns, encoding } = request.options;
        let key_required = request.action.key_required(KEY_REQUIRED);
        let options = Options { shape: Shape::Detect, key_required, columns, encoding };
        let is_first_attempt = resume.is_none();
        let mut host = GuestHost::new(request.table, request.action);
        match load(&mut host, options, resume.as_deref()) {
            Ok(_) => Ok(Outcome::loaded()),
            Err(error) => Err(ended(&host, error, is_first_attempt)),
        }
    }
}

/// Converts a failed load. Problems with the input are reported with their position.
fn ended(host: &GuestHost, error: LoadError<Error>, is_first_attempt: bool) -> Failure {
    match (&error, host.last_reject()) {
        (LoadError::Input(_), Some(reject)) => {
            let member = reject.column.as_deref().map(|name| format!(", member '{name}'")).unwrap_or_default();
            let place = format!("record at line {}, byte {}{member}", reject.line, reject.byte_offset);
            Failure::invalid_input(format!("{} ({place})", reject.reason))
        }
        _ => failure(error, is_first_attempt),
    }
}

jobhost_plugin::export!(JsonLoad);
