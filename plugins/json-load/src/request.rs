//! Requests: their fields, the rules for them, and the error message for each broken rule.

use jobhost_load_plugin::{Asked, JsonOptions, Place, asked, check_compression, check_json_options, check_load};
use jobhost_plugin::{Encoding, Refusal, Request, TableName};

pub(crate) const DATA_LOAD: &str = "json_data_load";
pub(crate) const FILE_LOAD: &str = "json_file_load";
pub(crate) const URL_LOAD: &str = "json_url_load";
pub(crate) const URL: Place = Place::Url { field: "json_url" };

/// A valid request.
#[derive(Debug)]
pub(crate) struct LoadRequest {
    pub(crate) place: Place,
    pub(crate) table: TableName,
    pub(crate) action: Asked,
    pub(crate) compression: Option<Encoding>,
    pub(crate) options: JsonOptions,
}

impl LoadRequest {
    pub(crate) fn check(operation: &str, request: &Request) -> Result<Self, Refusal> {
        let place = match operation {
            DATA_LOAD => Place::Data,
            FILE_LOAD => Place::File,
            URL_LOAD => URL,
            _ => return Err(Refusal::new(format!("Operation '{operation}' not found"))),
        };
        let mut problems = check_load(request);
        problems.extend(place.check(request));
        let compression = check_compression(request, place == Place::Data).unwrap_or_else(|wrong| {
            problems.push(wrong);
            None
        });
        let options = check_json_options(request).unwrap_or_else(|wrong| {
            problems.extend(wrong);
            JsonOptions::default()
        });
        if !problems.is_empty() {
            return Err(Refusal::new(problems.join(". ")));
        }
        Ok(LoadRequest { place, table: request.table_name(), action: asked(request), compression, options })
    }
}

#[cfg(test)]
mod tests {
    use jobhost_plugin::Action;
    use serde_json::{Value, json};

    use super::*;

    fn check(operation: &str, request: Value) -> Result<LoadRequest, String> {
        let request = Request::parse(&request.to_string()).unwrap();
        LoadRequest::check(operation, &request).map_err(|refusal| refusal.message)
    }

    #[test]
    fn every_problem_with_a_request_is_reported() {
        assert_eq!(check(DATA_LOAD, json!({})).unwrap_err(), "Table can't be blank. 'data' is required");
        let told = check(FILE_LOAD, json!({"table": "t", "action": "merge"})).unwrap_err();
        assert!(told.starts_with("Action is required") && told.ends_with("'file_path' is required"), "{told}");
        let told = check(URL_LOAD, json!({"table": "t", "json_url": "ftp://h/x"})).unwrap_err();
        assert_eq!(told, "'json_url' must be a valid url: it must begin with http:// or https://");
        assert!(check("json_load", json!({"table": "t"})).is_err());
    }

    #[test]
    fn a_valid_request_is_parsed() {
        let load = check(DATA_LOAD, json!({"database": "gold", "table": "t", "data": "[]"})).unwrap();
        assert_eq!((load.table.database.as_str(), load.table.table.as_str()), ("gold", "t"));
        assert_eq!((load.action.planned(), load.action.run()), (Action::Upsert, Action::Insert));
        let load = check(URL_LOAD, json!({"table": "t", "action": "update", "json_url": "http://h/x"})).unwrap();
        assert_eq!((load.place, load.action.run()), (URL, Action::Update));
    }
}
