//! Requests exports and imports, and compares the files.

use serde_json::{Value, json};

use crate::client::Client;
use crate::host::Host;
use crate::s3::S3Server;
use crate::tables::DATABASE;

/// A search for all records of a table with all attributes.
pub fn everything(table: &str) -> Value {
    json!({
        "operation": "search_by_value", "database": DATABASE, "table": table,
        "attribute": "id", "value": "*", "get_attributes": ["*"],
    })
}

pub fn sql(text: &str) -> Value {
    json!({"operation": "sql", "sql": text})
}

/// A request for an export to a file in the host's export directory.
pub fn export_local(host: &Host, format: &str, filename: &str, search: Value) -> Value {
    json!({
        "operation": "export_local", "format": format, "path": host.exports(), "filename": filename,
        "search_operation": search,
    })
}

/// A request for an export to an object in the server's first bucket.
pub fn export_to_s3(server: &S3Server, format: &str, key: &str, search: Value) -> Value {
    json!({"operation": "export_to_s3", "format": format, "s3": server.object(key), "search_operation": search})
}

/// A request for a load of an object in the server's first bucket.
pub fn import_from_s3(server: &S3Server, table: &str, key: &str) -> Value {
    json!({
        "operation": "import_from_s3", "database": DATABASE, "table": table, "action": "upsert",
        "s3": server.object(key),
    })
}

impl Client {
    /// Runs a job that must succeed, and returns its result.
    #[track_caller]
    pub fn run_for_result(&self, request: &Value) -> Value {
        let row = self.run(request);
        assert_eq!(row["status"], "COMPLETE", "{row:#}");
        row["result"].clone()
    }

    /// Returns the rows of a query.
    #[track_caller]
    pub fn sql(&self, text: &str) -> Value {
        self.post(&sql(text)).ok()
    }
}

/// Normalizes an export: replaces values that change from run to run, and sorts the rows of a search without an order,
/// which come in the order of the store. Everything else is compared byte by byte: order of members, quoting, white
/// space.
pub fn comparable(format: &str, ordered: bool, text: &str) -> String {
    let text = without_times(text);
    if ordered || text.is_empty() {
        return text;
    }
    let (first, rows, separator, last) = match format {
        "json" => ("[", json_rows(&text), ",", "]"),
        _ => ("", csv_records(&text), "\n", ""),
    };
    let (header, mut rows) = if format == "csv" { (rows[..1].to_vec(), rows[1..].to_vec()) } else { (vec![], rows) };
    rows.sort();
    format!("{first}{}{last}", [header, rows].concat().join(separator))
}

/// Returns the rows of a JSON export as written. Text that is not an export is returned in one piece.
fn json_rows(text: &str) -> Vec<String> {
    let parsed: Result<Vec<&serde_json::value::RawValue>, _> = serde_json::from_str(text);
    match parsed {
        // If joining the rows restores the text, there is no white space between them.
        Ok(rows) if format!("[{}]", rows.iter().map(|row| row.get()).collect::<Vec<_>>().join(",")) == text => {
            rows.iter().map(|row| row.get().to_owned()).collect()
        }
        _ => vec![text.to_owned()],
    }
}

/// Returns the records of a CSV file as written. A line break inside of quotes does not end a record.
pub fn csv_records(text: &str) -> Vec<String> {
    let mut records = vec![String::new()];
    let mut quoted = false;
    for character in text.chars() {
        quoted ^= character == '"';
        if character == '\n' && !quoted {
            records.push(String::new());
        } else if let Some(record) = records.last_mut() {
            record.push(character);
        }
    }
    records
}

/// Replaces numbers with 13 digits before the decimal point, which are current times in milliseconds, by another
/// number.
fn without_times(text: &str) -> String {
    const TIME: &str = "1000000000000";
    let mut result = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(|character: char| character.is_ascii_digit()) {
        let (before, number) = rest.split_at(start);
        let end = number.find(|character: char| !character.is_ascii_digit() && character != '.');
        let (number, after) = number.split_at(end.unwrap_or(number.len()));
        let whole = number.split('.').next().unwrap_or_default();
        result.push_str(before);
        result.push_str(if whole.len() == TIME.len() { TIME } else { number });
        rest = after;
    }
    result + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_order_and_times_are_ignored() {
        let json = |text| comparable("json", false, text);
        assert_eq!(json(r#"[{"a":1,"t":1795479454795.6333},{"a":0}]"#), json(r#"[{"a":0},{"a":1,"t":1795479454000}]"#));
        assert_ne!(json(r#"[{"a":1,"b":2}]"#), json(r#"[{"b":2,"a":1}]"#));
        assert_ne!(json(r#"[{"a":1},{"a":2}]"#), json(r#"[{"a":1}, {"a":2}]"#));
        let csv = |text| comparable("csv", false, text);
        assert_eq!(csv("\"a\"\n\"x\ny\"\n1"), csv("\"a\"\n1\n\"x\ny\""));
        assert_ne!(csv("\"a\"\n1"), csv("\"a\"\n1\n"));
        assert_ne!(comparable("csv", true, "\"a\"\n1\n2"), comparable("csv", true, "\"a\"\n2\n1"));
    }
}
