//! The plugin `export`: jobs that write the rows of a search to a file on the server or to an object on an S3 server.
//!
//! [`format`] contains the text formats, `request` the requests. This module copies from the query to the sink.

mod csv_style;
mod describe;
pub mod format;
mod output;
mod parquet;
mod request;

use jobhost_plugin::progress::{self, Unit};
use jobhost_plugin::{Description, Failure, Outcome, Plan, Plugin, Query, Receipt, Refusal, Request, RowShape, Sink};
use serde_json::{Map, Value, json};

use crate::csv_style::{CsvStyle, Restyler};
use crate::format::Format;
use crate::format::writer::RowWriter;
use crate::output::Output;
use crate::request::{ExportRequest, Target};

struct Export;

impl Plugin for Export {
    fn describe() -> Description {
        describe::description()
    }

    fn plan(operation: &str, request: &Request) -> Result<Plan, Refusal> {
        let request = ExportRequest::check(operation, request)?;
        Ok(Plan { queries: vec![request.search.clone()], sinks: vec![request.sink()], ..Plan::default() })
    }

    // An export becomes visible only when it is complete. A second attempt starts over, so it needs no checkpoint.
    fn run(operation: &str, request: &Request, _resume: Option<Vec<u8>>) -> Result<Outcome, Failure> {
        let request = ExportRequest::check(operation, request)?;
        let (receipt, records) = match request.output {
            Output::Text(format, _) => copy(format, request.style.clone())?,
            Output::Parquet(compression) => parquet::copy(compression)?,
        };
        Ok(Outcome::result(&result(&request, &receipt, records)))
    }
}

/// Write all rows of the query into the sink; returns how many there are.
fn copy(format: Format, style: CsvStyle) -> Result<(Receipt, u64), Failure> {
    let shape = if format == Format::Csv { RowShape::Arrays } else { RowShape::Objects };
    let mut query = Query::open(0, shape)?;
    let mut sink = Sink::create(0)?;
    let mut writer = match style.has_json_cells() {
        true => RowWriter::json_cells(query.columns()),
        false => RowWriter::new(format, query.columns()),
    };
    let mut restyler = Restyler::new(style);
    loop {
        if progress::cancelled() {
            return Err(Failure::interrupted());
        }
        let rows = query.rows()?;
        if rows.is_empty() {
            break;
        }
        sink.write(restyler.chunk(writer.rows(rows).map_err(Failure::internal)?))?;
        progress::report(writer.count(), None, Unit::Records);
    }
    sink.write(writer.finish())?;
    Ok((sink.finish()?, writer.count()))
}

/// The result for the client: the members that Harper returns, and some for checking the file.
fn result(request: &ExportRequest, receipt: &Receipt, records: u64) -> Value {
    let mut result = match &request.target {
        Target::File { .. } => json!({
            "message": format!("Successfully exported {} locally.", request.output.word()),
            "path": receipt.location,
            "checksum_crc32": receipt.checksum_crc32,
        }),
        Target::S3(object) => json!({
            "$metadata": { "httpStatusCode": 200 },
            "ETag": receipt.etag.as_ref().map(|etag| format!("\"{etag}\"")),
            "ChecksumCRC32": receipt.checksum_crc32,
            "Bucket": object.bucket,
            "Key": object.key,
            "Location": receipt.location,
        }),
    };
    if let Some(members) = result.as_object_mut() {
        members.retain(|_, value| !value.is_null());
        members
            .extend(Map::from_iter([("size".to_owned(), receipt.size.into()), ("records".to_owned(), records.into())]));
    }
    result
}

jobhost_plugin::export!(Export);

#[cfg(test)]
mod round_trip_tests;

#[cfg(test)]
mod tests {
    use super::*;

    fn receipt(etag: Option<&str>) -> Receipt {
        let (checksum_crc32, location) = ("BsWAgw==".to_owned(), "where".to_owned());
        Receipt { size: 9, etag: etag.map(str::to_owned), checksum_crc32, location }
    }

    #[test]
    fn results_have_the_members_that_clients_expect() {
        let search = json!({"operation": "sql", "sql": "SELECT 1"});
        let local = json!({"format": "csv", "path": "/x", "filename": "f", "search_operation": search});
        let local = ExportRequest::check("export_local", &Request::parse(&local.to_string()).unwrap()).unwrap();
        assert_eq!(
            result(&local, &receipt(None), 3),
            json!({
                "message": "Successfully exported CSV locally.",
                "path": "where",
                "checksum_crc32": "BsWAgw==",
                "size": 9,
                "records": 3
            })
        );
        let s3 = json!({"bucket": "b", "key": "out/k", "region": "r", "profile": "p"});
        let s3 = json!({"format": "json", "s3": s3, "search_operation": search});
        let s3 = ExportRequest::check("export_to_s3", &Request::parse(&s3.to_string()).unwrap()).unwrap();
        assert_eq!(
            result(&s3, &receipt(Some("abc-2")), 3),
            json!({
                "$metadata": {"httpStatusCode": 200},
                "ETag": "\"abc-2\"",
                "ChecksumCRC32": "BsWAgw==",
                "Bucket": "b",
                "Key": "out/k.json",
                "Location": "where",
                "size": 9,
                "records": 3
            })
        );
        assert!(result(&s3, &receipt(None), 3).get("ETag").is_none());
    }
}
