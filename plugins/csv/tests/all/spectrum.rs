//! The cases of csv-spectrum: a CSV file and the records that any good parser finds in it.

use jobhost_csv::{Reader, Step};
use serde_json::{Map, Value};

/// Records as objects of strings, as csv-spectrum has them.
fn objects(text: &[u8]) -> Vec<Value> {
    let mut reader = Reader::new();
    reader.feed(text);
    reader.end();
    let mut header: Vec<String> = Vec::new();
    let mut objects = Vec::new();
    while reader.advance().unwrap() == Step::Record {
        let cells: Vec<String> = reader.record().cells().map(|cell| cell.text()).collect();
        if header.is_empty() {
            header = cells;
            continue;
        }
        let fields = header.iter().cloned().zip(cells.into_iter().map(Value::String));
        objects.push(Value::Object(fields.collect::<Map<_, _>>()));
    }
    objects
}

#[test]
fn every_case_of_csv_spectrum() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/csv-spectrum");
    let mut cases = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "csv") {
            let expected = std::fs::read_to_string(path.with_extension("json")).unwrap();
            // A case with a single record has it without an array.
            let expected = match serde_json::from_str(&expected).unwrap() {
                Value::Array(records) => records,
                record => vec![record],
            };
            assert_eq!(objects(&std::fs::read(&path).unwrap()), expected, "{}", path.display());
            cases += 1;
        }
    }
    assert_eq!(cases, 12);
}
