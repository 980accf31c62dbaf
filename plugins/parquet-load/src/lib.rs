//! The plugin `parquet-load`: jobs that read Parquet from a file, a URL or an S3 server and write its rows to a table.
//!
//! The crate `jobhost-parquet` reads the records, and `jobhost-load-plugin` contains what all loads share. This crate
//! adds the requests. Reading Parquet takes ten times as much code as the other loads, so `import_from_s3` does not
//! include it.

mod describe;
mod request;

use jobhost_load_plugin::{GuestHost, GuestSource, KEY_REQUIRED, failure};
use jobhost_parquet::{Options, load};
use jobhost_plugin::{Description, Failure, Outcome, Plan, Plugin, Refusal, Request};

use crate::request::LoadRequest;

struct ParquetLoad;

impl Plugin for ParquetLoad {
    fn describe() -> Description {
        describe::description()
    }

    fn plan(operation: &str, request: &Request) -> Result<Plan, Refusal> {
        let load = LoadRequest::check(operation, request)?;
        Ok(load.action.plan(load.table, load.source))
    }

    fn run(operation: &str, request: &Request, resume: Option<Vec<u8>>) -> Result<Outcome, Failure> {
        let request = LoadRequest::check(operation, request)?;
        let options = Options { columns: request.columns, key_required: request.action.key_required(KEY_REQUIRED) };
        let mut host = GuestHost::new(request.table, request.action);
        load(&mut host, GuestSource, &options, resume.as_deref()).map_err(|error| failure(error, resume.is_none()))?;
        Ok(Outcome::loaded())
    }
}

jobhost_plugin::export!(ParquetLoad);
