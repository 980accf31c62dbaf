//! The plugin `csv-preview`: shows how a CSV load would read its input, and writes nothing.
//!
//! The preview comes from the crate `jobhost-csv`, and so from the code of the loads. This crate contains the request.

mod describe;
mod request;

use jobhost_csv::EncodeOptions;
use jobhost_csv::preview::preview;
use jobhost_load_plugin::{GuestSource, KEY_REQUIRED, described};
use jobhost_plugin::{Description, Failure, Outcome, Plan, Plugin, Refusal, Request, TableUse};

use crate::request::PreviewRequest;

struct CsvPreview;

impl Plugin for CsvPreview {
    fn describe() -> Description {
        describe::description()
    }

    fn plan(_operation: &str, request: &Request) -> Result<Plan, Refusal> {
        let request = PreviewRequest::check(request)?;
        let tables = request.table.map(|table| TableUse { table, rights: Vec::new() });
        Ok(Plan { tables: tables.into_iter().collect(), sources: vec![request.source], ..Plan::default() })
    }

    fn run(_operation: &str, request: &Request, _resume: Option<Vec<u8>>) -> Result<Outcome, Failure> {
        let request = PreviewRequest::check(request)?;
        let table = match &request.table {
            Some(table) => described(table)?,
            None => jobhost_load_plugin::Table::untyped(&request.primary_key),
        };
        let key_required = request.action.key_required(KEY_REQUIRED);
        let options = EncodeOptions { parse_json: request.parses_json, key_required };
        let preview = preview(&GuestSource, table, options, request.reading, request.rows)?;
        Ok(Outcome { message: None, result: Some(preview.to_json()) })
    }
}

jobhost_plugin::export!(CsvPreview);
