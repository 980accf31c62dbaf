//! csv-spectrum, a public collection of diverse CSV files, loaded over HTTP.

use jobhost_tests::{Host, Options, artifacts};
use serde_json::{Value, json};

/// The collection's expected text is wrong here: the number in the CSV differs from the one in the JSON.
const NOT_OF_THIS_FILE: (&str, &str) = ("location_coordinates", "Contact Phone Number");

#[test]
fn every_file_produces_the_rows_that_the_collection_expects() {
    let host = Host::start(Options::new());
    let mut names = 0;
    for entry in std::fs::read_dir(artifacts::in_package("data/csv-spectrum/csvs")).expect("the collection") {
        let path = entry.expect("an entry").path();
        let name = path.file_stem().and_then(|name| name.to_str()).expect("a name");
        let csv = std::fs::read(&path).expect("a file");
        let expected = expected(name);

        host.create_table(name);
        let path = host.file(&format!("{name}.csv"), &csv);
        host.run_ok(&json!({"operation": "csv_file_load", "database": "gold", "table": name, "file_path": path}));
        let mut rows = host.rows(name);
        assert_eq!(rows.len(), expected.len(), "{name}: {rows:?}");
        for (row, expected) in rows.iter_mut().zip(&expected) {
            let row = row.as_object_mut().expect("an object");
            assert!(row.remove("id").is_some_and(|id| id.is_number()), "{name}: a generated key is a number");
            if name == NOT_OF_THIS_FILE.0 {
                row.remove(NOT_OF_THIS_FILE.1);
            }
            assert_eq!(&Value::Object(row.clone()), expected, "{name}");
        }
        names += 1;
    }
    assert_eq!(names, 12);
}

/// The rows of the collection, with values typed as the host types the cells of untyped tables.
fn expected(name: &str) -> Vec<Value> {
    let path = artifacts::in_package(&format!("data/csv-spectrum/json/{name}.json"));
    let text = String::from_utf8_lossy(&std::fs::read(path).expect("a file")).into_owned();
    let rows: Value = serde_json::from_str(&text).expect("JSON");
    let rows = match rows {
        Value::Array(rows) => rows,
        row => vec![row],
    };
    let typed = |row: &Value| {
        let cells = row.as_object().expect("an object").iter();
        let cells = cells.filter(|(column, _)| (name, column.as_str()) != NOT_OF_THIS_FILE);
        Value::Object(cells.map(|(column, cell)| (column.clone(), typed(cell.as_str().expect("text")))).collect())
    };
    rows.iter().map(typed).collect()
}

fn typed(cell: &str) -> Value {
    match cell.parse::<u64>() {
        Ok(number) if number.to_string() == cell => json!(number),
        _ if cell.starts_with('{') => serde_json::from_str(cell).expect("JSON"),
        _ => json!(cell),
    }
}
