//! The request: one source, the options of a CSV load, and how many records to show.

use jobhost_csv::{Reading, options};
use jobhost_load_plugin::{Asked, CSV_MEDIA_TYPES, Place, asked, check_compression, check_s3, check_target, is_action};
use jobhost_plugin::{PlannedSource, Refusal, Request, TableName};
use serde_json::Value;

pub(crate) const URL: Place = Place::Url { field: "csv_url" };
pub(crate) const DEFAULT_ROWS: u64 = 10;
pub(crate) const MAX_ROWS: u64 = 1000;
const SOURCES: [&str; 4] = ["data", "file_path", "csv_url", "s3"];
const DEFAULT_KEY: &str = "id";

/// A valid request.
#[derive(Debug)]
pub(crate) struct PreviewRequest {
    pub(crate) source: PlannedSource,
    /// `None`: a table without declared types.
    pub(crate) table: Option<TableName>,
    /// For a request without a table.
    pub(crate) primary_key: String,
    pub(crate) action: Asked,
    pub(crate) reading: Reading,
    /// Cells that are JSON objects or arrays become that, as in every load but `csv_data_load`.
    pub(crate) parses_json: bool,
    pub(crate) rows: usize,
}

impl PreviewRequest {
    pub(crate) fn check(request: &Request) -> Result<Self, Refusal> {
        let mut problems = Vec::new();
        let table = request.get("table").map(|_| request.table_name());
        if table.is_some() {
            problems.extend(check_target(request));
        }
        if !is_action(request.get("action")) {
            problems.push("'action' must be \"insert\", \"update\" or \"upsert\"".to_owned());
        }
        let (source, parses_json) = match source(request) {
            Ok(found) => found,
            Err(wrong) => {
                problems.extend(wrong);
                (PlannedSource::RequestField, false)
            }
        };
        let rows = match request.get("rows") {
            None => DEFAULT_ROWS,
            Some(value) => value.as_u64().filter(|rows| (1..=MAX_ROWS).contains(rows)).unwrap_or_else(|| {
                problems.push(format!("'rows' must be a number from 1 to {MAX_ROWS}, not {value}"));
                DEFAULT_ROWS
            }),
        };
        let primary_key = match request.get("primary_key") {
            None => DEFAULT_KEY,
            Some(Value::String(name)) if !name.is_empty() => name,
            Some(value) => {
                problems.push(format!("'primary_key' must be the name of an attribute, not {value}"));
                DEFAULT_KEY
            }
        };
        let reading = options::reading(request.fields(), |field| request.raw(field)).unwrap_or_else(|wrong| {
            problems.extend(wrong);
            Reading::default()
        });
        if !problems.is_empty() {
            return Err(Refusal::new(problems.join(". ")));
        }
        let rows = usize::try_from(rows).unwrap_or_default();
        let (primary_key, action) = (primary_key.to_owned(), asked(request));
        Ok(PreviewRequest { source, table, primary_key, action, reading, parses_json, rows })
    }
}

/// Returns the only source of a request, and whether its cells may be JSON.
fn source(request: &Request) -> Result<(PlannedSource, bool), Vec<String>> {
    let named: Vec<&str> = SOURCES.into_iter().filter(|field| request.get(field).is_some()).collect();
    let [field] = named[..] else {
        let found = if named.is_empty() { "none".to_owned() } else { named.join(", ") };
        return Err(vec![format!("exactly one of 'data', 'file_path', 'csv_url' and 's3' is required, not {found}")]);
    };
    let compression = check_compression(request, field == "data").map_err(|wrong| vec![wrong]);
    let place = match field {
        "data" => Place::Data,
        "file_path" => Place::File,
        "csv_url" => URL,
        _ => return Ok((check_s3(request, compression?)?, true)),
    };
    let problems = place.check(request);
    match compression {
        Ok(compression) if problems.is_empty() => {
            Ok((place.source(request, &CSV_MEDIA_TYPES, compression), place != Place::Data))
        }
        compression => Err([problems, compression.err().unwrap_or_default()].concat()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(request: Value) -> Result<PreviewRequest, String> {
        let request = Request::parse(&request.to_string()).unwrap();
        PreviewRequest::check(&request).map_err(|refusal| refusal.message)
    }

    #[test]
    fn a_request_names_one_source() {
        let data = check(json!({"data": "id\n1"})).unwrap();
        assert!(matches!(data.source, PlannedSource::RequestField) && !data.parses_json && data.table.is_none());
        assert_eq!((data.rows, data.primary_key.as_str()), (10, "id"));
        let file = check(json!({"file_path": "/a.csv", "table": "t", "rows": 3})).unwrap();
        assert!(matches!(file.source, PlannedSource::File(_)) && file.parses_json);
        assert_eq!((file.rows, file.table.unwrap().table.as_str()), (3, "t"));
        assert!(check(json!({})).unwrap_err().ends_with("not none"));
        assert!(check(json!({"data": "x", "s3": {}})).unwrap_err().ends_with("not data, s3"));
        assert!(check(json!({"s3": {}})).unwrap_err().contains("'s3.bucket' is required"));
    }

    #[test]
    fn every_problem_is_reported() {
        let told =
            check(json!({"data": "x", "rows": 0, "primary_key": 1, "delimiter": "ab", "action": "x", "table": "a/b"}));
        let told = told.unwrap_err();
        for part in ["'rows' must", "'primary_key' must", "'delimiter' must", "'action' must", "Table names cannot"] {
            assert!(told.contains(part), "{told}");
        }
    }
}
