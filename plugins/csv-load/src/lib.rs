//! The plugin `csv-load`: jobs that read CSV from the request, a file or a URL and write its rows to a table.
//!
//! Rows become records by the crate `jobhost-csv`; here are only the requests and the way to the host.

mod describe;
mod host;
mod request;

use jobhost_csv::EncodeOptions;
use jobhost_csv::load::{LoadError, load};
use jobhost_plugin::{
    Description, Error, Failure, FailureKind, Outcome, Plan, PlannedSource, Plugin, Refusal, Request, TableUse,
    UrlSource,
};

use crate::host::GuestHost;
use crate::request::{LoadRequest, Operation};

/// Media types that may hold CSV.
const MEDIA_TYPES: [&str; 4] = ["text/csv", "application/octet-stream", "text/plain", "application/vnd.ms-excel"];
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
            Operation::File => PlannedSource::File(request.location),
            Operation::Url => PlannedSource::Url(UrlSource {
                url: request.location,
                headers: request.has_headers.then(|| "/passthrough_headers".to_owned()),
                media_types: MEDIA_TYPES.map(str::to_owned).to_vec(),
            }),
        };
        let tables = vec![TableUse { table: request.table, actions: vec![request.action.planned()] }];
        Ok(Plan { tables, sources: vec![source] })
    }

    fn run(operation: &str, request: &Request, resume: Option<Vec<u8>>) -> Result<Outcome, Failure> {
        let request = LoadRequest::check(operation, request)?;
        let options = EncodeOptions {
            parse_json: request.operation != Operation::Data,
            key_required: request.action.key_required(request.operation),
        };
        let is_first_attempt = resume.is_none();
        let mut host = GuestHost::new(request.table, request.action.run());
        let tally = load(&mut host, options, resume.as_deref()).map_err(|error| failure(error, is_first_attempt))?;
        if tally.received == 0 && request.operation == Operation::Data {
            return Ok(Outcome::message(NO_RECORDS));
        }
        Ok(Outcome::message(format!("successfully loaded {} of {} records", tally.written, tally.received)))
    }
}

fn failure(error: LoadError<Error>, is_first_attempt: bool) -> Failure {
    match error {
        LoadError::Host(error) => error.into(),
        LoadError::Input(problem) => Failure::invalid_input(problem),
        LoadError::Cancelled => Failure::interrupted(),
        // A checkpoint of other content stays useless; without one the next attempt starts over.
        LoadError::Changed | LoadError::Checkpoint(_) => {
            Failure { kind: FailureKind::Unavailable, message: error.to_string(), retryable: is_first_attempt }
        }
    }
}

jobhost_plugin::export!(CsvLoad);
