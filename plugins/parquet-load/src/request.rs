//! Requests: their fields, the rules for them, and the error message for each broken rule.

use jobhost_load_plugin::{Asked, Place, asked, check_columns, check_load, check_s3};
use jobhost_plugin::{Encoding, PlannedSource, Refusal, Request, TableName};

pub(crate) const FILE_LOAD: &str = "parquet_file_load";
pub(crate) const URL_LOAD: &str = "parquet_url_load";
pub(crate) const S3_LOAD: &str = "parquet_s3_load";
pub(crate) const URL: Place = Place::Url { field: "parquet_url" };

/// Media types of Parquet files. Servers that do not know Parquet send one of the last two.
const MEDIA_TYPES: [&str; 5] = [
    "application/vnd.apache.parquet",
    "application/x-parquet",
    "application/parquet",
    "application/octet-stream",
    "binary/octet-stream",
];

/// Parquet is read from its end, which a compressed file has no way to. A download is decompressed before it is read.
const AS_STORED: Option<Encoding> = Some(Encoding::Identity);

/// A valid request.
#[derive(Debug)]
pub(crate) struct LoadRequest {
    pub(crate) source: PlannedSource,
    pub(crate) table: TableName,
    pub(crate) action: Asked,
    pub(crate) columns: Option<Vec<String>>,
}

impl LoadRequest {
    pub(crate) fn check(operation: &str, request: &Request) -> Result<Self, Refusal> {
        let mut problems = check_load(request);
        let at = |place: Place, encoding| match place.check(request) {
            problems if problems.is_empty() => Ok(place.source(request, &MEDIA_TYPES, encoding)),
            problems => Err(problems),
        };
        let source = match operation {
            FILE_LOAD => at(Place::File, AS_STORED),
            URL_LOAD => at(URL, None),
            S3_LOAD => check_s3(request, AS_STORED),
            _ => return Err(Refusal::new(format!("Operation '{operation}' not found"))),
        };
        let source = source.map_err(|found| problems.extend(found)).ok();
        let columns = check_columns(request).unwrap_or_else(|refusal| {
            problems.push(refusal.message);
            None
        });
        match source.filter(|_| problems.is_empty()) {
            Some(source) => Ok(LoadRequest { source, table: request.table_name(), action: asked(request), columns }),
            None => Err(Refusal::new(problems.join(". "))),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn check(operation: &str, request: Value) -> Result<LoadRequest, String> {
        let request = Request::parse(&request.to_string()).unwrap();
        LoadRequest::check(operation, &request).map_err(|refusal| refusal.message)
    }

    #[test]
    fn every_problem_with_a_request_is_reported() {
        let told = check(FILE_LOAD, json!({"columns": 5})).unwrap_err();
        assert!(told.starts_with("Table can't be blank. 'file_path' is required. 'columns' must be"), "{told}");
        assert_eq!(check(URL_LOAD, json!({"table": "t"})).unwrap_err(), "'parquet_url' is required");
        assert!(check("parquet_data_load", json!({"table": "t"})).is_err());
        let load = check(FILE_LOAD, json!({"table": "t", "file_path": "/x", "columns": ["a"]})).unwrap();
        assert!(matches!(&load.source, PlannedSource::File(file) if file.path == "/x"));
        assert_eq!(load.columns, Some(vec!["a".to_owned()]));
        let s3 = json!({"bucket": "b", "key": "k.parquet", "profile": "p"});
        assert!(matches!(check(S3_LOAD, json!({"table": "t", "s3": s3})).unwrap().source, PlannedSource::S3(_)));
    }
}
