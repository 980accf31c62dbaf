//! Requests: their fields, the rules for them, and the error message for each broken rule. The messages are Harper's.

use jobhost_json_text::date;
use jobhost_plugin::{Refusal, Request, TableName};
use serde_json::Value;

const MAX_NAME_CHARACTERS: usize = 250;

/// A valid request.
#[derive(Debug)]
pub(crate) struct DeleteRequest {
    pub(crate) table: TableName,
    /// In milliseconds since the Unix epoch.
    pub(crate) created_before: u64,
}

impl DeleteRequest {
    pub(crate) fn check(request: &Request) -> Result<Self, Refusal> {
        let database = ["database", "schema"].into_iter().find(|field| request.get(field).is_some());
        let date = check_date(request);
        let problems: Vec<String> = [
            database.and_then(|field| check_name(field, request)),
            check_name("table", request),
            date.as_ref().err().map(|problem| (*problem).to_owned()),
        ]
        .into_iter()
        .flatten()
        .collect();
        match date {
            Ok(instant) if problems.is_empty() => {
                // No record was created before the epoch.
                Ok(DeleteRequest { table: request.table_name(), created_before: u64::try_from(instant).unwrap_or(0) })
            }
            _ => Err(Refusal::new(problems.join(". "))),
        }
    }
}

/// Rounds down, so that no record is deleted too early.
fn milliseconds(micros: i64) -> i64 {
    micros.div_euclid(1000)
}

fn check_date(request: &Request) -> Result<i64, &'static str> {
    match request.get("date") {
        Some(Value::String(text)) => {
            date::parse(text).map(milliseconds).ok_or("'date' must be in ISO 8601 date format")
        }
        None if !request.names("date") => Err("'date' is required"),
        _ => Err("'date' must be a valid date"),
    }
}

/// Returns the problem with the name of a database or table.
fn check_name(field: &str, request: &Request) -> Option<String> {
    match request.get(field) {
        Some(Value::String(name)) if name.is_empty() => Some(format!("'{field}' is not allowed to be empty")),
        Some(Value::String(name)) => (name.encode_utf16().count() > MAX_NAME_CHARACTERS)
            .then(|| format!("'{field}' length must be less than or equal to {MAX_NAME_CHARACTERS} characters long")),
        None if !request.names(field) => Some(format!("'{field}' is required")),
        _ => Some(format!("'{field}' must be a string")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(request: &Value) -> Result<DeleteRequest, String> {
        DeleteRequest::check(&Request::parse(&request.to_string()).unwrap()).map_err(|refusal| refusal.message)
    }

    #[test]
    fn refusals_equal_the_recorded_ones() {
        let iso = "'date' must be in ISO 8601 date format";
        let valid = "'date' must be a valid date";
        let dates = [
            (json!("2021-W04-1"), iso),
            (json!("20210125"), iso),
            (json!("01/25/2021"), iso),
            (json!("1611615798782"), iso),
            (json!("2021-13-45"), iso),
            (json!(""), iso),
            (json!(1_611_615_798_782_u64), valid),
            (json!(null), valid),
            (json!(true), valid),
            (json!(["2021"]), valid),
        ];
        for (date, sentence) in dates {
            let request = json!({"schema": "gold", "table": "dl", "date": date});
            assert_eq!(check(&request).unwrap_err(), sentence, "{date}");
        }
        assert_eq!(check(&json!({"table": "dl"})).unwrap_err(), "'date' is required");
        assert_eq!(check(&json!({"date": "2021-01-01"})).unwrap_err(), "'table' is required");
        assert_eq!(check(&json!({})).unwrap_err(), "'table' is required. 'date' is required");
    }

    #[test]
    fn names_are_checked() {
        let request = json!({"database": 5, "table": "", "date": "2021"});
        assert_eq!(check(&request).unwrap_err(), "'database' must be a string. 'table' is not allowed to be empty");
        let request = json!({"schema": "", "table": null, "date": "2021"});
        assert_eq!(check(&request).unwrap_err(), "'schema' is not allowed to be empty. 'table' must be a string");
        let request = json!({"table": "x".repeat(251), "date": "2021"});
        assert_eq!(check(&request).unwrap_err(), "'table' length must be less than or equal to 250 characters long");
    }

    #[test]
    fn fuzz_request() {
        let values = [
            json!(null),
            json!(""),
            json!(true),
            json!(-1.5),
            json!([]),
            json!({}),
            json!("t"),
            json!("2021"),
            json!("9999-12-31T24:00-23:59"),
            json!("0000"),
            json!("\0"),
            json!("\u{1f600}".repeat(126)),
        ];
        let input = bolero::produce::<Vec<(u8, u8)>>().with().len(0usize..6);
        bolero::check!().with_iterations(3_000).with_generator(input).for_each(|changes| {
            let mut request = json!({"table": "t", "date": "2021-01-02"});
            for (field, value) in changes {
                let field = ["database", "schema", "table", "date"][usize::from(*field % 4)];
                request[field] = values[usize::from(*value) % values.len()].clone();
            }
            if let Ok(planned) = check(&request) {
                assert!(!planned.table.table.is_empty() && !planned.table.database.is_empty(), "{request}");
            }
        });
    }

    #[test]
    fn a_valid_request_is_parsed() {
        let request = check(&json!({"table": "deft", "date": "2021"})).unwrap();
        assert_eq!((request.table.database.as_str(), request.table.table.as_str()), ("data", "deft"));
        assert_eq!(request.created_before, 1_609_459_200_000);
        let request = check(&json!({"schema": "s", "database": "gold", "table": "dl", "date": "1969-12-31"})).unwrap();
        assert_eq!((request.table.database.as_str(), request.created_before), ("gold", 0));
    }
}
