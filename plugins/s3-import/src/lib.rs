//! The plugin `s3-import`: the job that reads an object of an S3 server and writes its records to a table.
//!
//! Records come from the crates `jobhost-csv` and `jobhost-json`; here are only the request and the choice of the format.
//! The host decompresses: nothing here sees a compressed byte, or a key of S3.

mod describe;
mod request;

use jobhost_csv::EncodeOptions;
use jobhost_json::Shape;
use jobhost_load_plugin::{GuestHost, JsonOptions, KEY_REQUIRED, failure};
use jobhost_plugin::{Description, Failure, Outcome, Plan, PlannedSource, Plugin, Refusal, Request, S3Source};

use crate::request::{Format, ImportRequest};

struct S3Import;

impl Plugin for S3Import {
    fn describe() -> Description {
        describe::description()
    }

    fn plan(_operation: &str, request: &Request) -> Result<Plan, Refusal> {
        let request = ImportRequest::check(request)?;
        let source = S3Source { object: request.object, encoding: request.compression };
        Ok(request.action.plan(request.table, PlannedSource::S3(source)))
    }

    fn run(_operation: &str, request: &Request, resume: Option<Vec<u8>>) -> Result<Outcome, Failure> {
        let request = ImportRequest::check(request)?;
        let key_required = request.action.key_required(KEY_REQUIRED);
        let is_first_attempt = resume.is_none();
        let resume = resume.as_deref();
        let mut host = GuestHost::new(request.table, request.action);
        let JsonOptions { columns, encoding } = request.json;
        let json = |shape| jobhost_json::Options { shape, key_required, columns, encoding };
        match request.format {
            Format::Csv => jobhost_csv::load::load(
                &mut host,
                EncodeOptions { parse_json: true, key_required },
                request.reading,
                resume,
            )
            .map_err(|error| failure(error, is_first_attempt))?,
            Format::Json => jobhost_json::load(&mut host, json(Shape::Array), resume)
                .map_err(|error| failure(error, is_first_attempt))?,
            Format::JsonLines => jobhost_json::load(&mut host, json(Shape::Lines), resume)
                .map_err(|error| failure(error, is_first_attempt))?,
        };
        Ok(Outcome::loaded())
    }
}

jobhost_plugin::export!(S3Import);
