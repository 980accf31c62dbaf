//! The plugin `csv-load`: jobs that read CSV from the request, a file or a URL and write its rows to a table.
//!
//! Rows become records by the crate `jobhost-csv`; what loads have in common is in `jobhost-load-plugin`; here are only the
//! requests.

mod describe;
mod request;

use jobhost_csv::EncodeOptions;
use jobhost_csv::load::{Loaded, load};
use jobhost_load_plugin::{CSV_MEDIA_TYPES, GuestHost, failure};
use jobhost_plugin::{
    Description, Failure, FileSource, Outcome, Plan, PlannedSource, Plugin, Refusal, Request, UrlSource,
};

use crate::request::{LoadRequest, Operation};

const NO_RECORDS: &str = "No records parsed from csv file.";

struct CsvLoad;

impl Plugin for CsvLoad {
    fn describe() -> Description {
        describe::description()
    }

    fn plan(operation: &str, request: &Request) -> Result<Plan, Refusal> {
        let request = LoadRequest::check(operation, request)?;
        let source = match request.operation {
            Operation::Data => PlannedSource::RequestField,
            Operation::File => {
                PlannedSource::File(FileSource { path: request.location, encoding: request.compression })
            }
            Operation::Url => PlannedSource::Url(UrlSource {
                url: request.location,
                headers: request.has_headers.then(|| "/passthrough_headers".to_owned()),
                media_types: CSV_MEDIA_TYPES.map(str::to_owned).to_vec(),
                encoding: request.compression,
            }),
        };
        Ok(request.action.plan(request.table, source))
    }

    fn run(operation: &str, request: &Request, resume: Option<Vec<u8>>) -> Result<Outcome, Failure> {
        let request = LoadRequest::check(operation, request)?;
        let options = EncodeOptions {
            parse_json: request.operation != Operation::Data,
            key_required: request.action.key_required(request.operation.key_required()),
        };
        let is_first_attempt = resume.is_none();
        let mut host = GuestHost::new(request.table, request.action);
        let loaded = load(&mut host, options, request.reading, resume.as_deref())
            .map_err(|error| failure(error, is_first_attempt))?;
        if loaded == Loaded::Nothing && request.operation == Operation::Data {
            return Ok(Outcome::message(NO_RECORDS));
        }
        Ok(Outcome::loaded())
    }
}

jobhost_plugin::export!(CsvLoad);
