//! Cell by cell what Harper stores, from its own recordings; and what we do better.

use serde_json::{Value, json};

use crate::host::{FILE, MemoryHost, loaded, loaded_with};
use jobhost_csv::EncodeOptions;

fn assert_recorded(options: EncodeOptions, expected: &str) {
    let mut host = MemoryHost::new(include_bytes!("../data/cast.csv"));
    host.load(options).unwrap();
    let expected: Vec<Value> = serde_json::from_str(expected).unwrap();
    let records = host.records();
    assert_eq!(records.len(), expected.len());
    for (record, expected) in records.iter().zip(&expected) {
        assert_eq!(rounded(record), rounded(expected));
    }
}

/// With numbers as doubles: Harper has no others, we keep the digits.
fn rounded(record: &Value) -> Value {
    let fields = record.as_object().unwrap().iter();
    let value = |value: &Value| value.as_f64().map_or_else(|| value.clone(), |number| json!(number));
    Value::Object(fields.map(|(name, field)| (name.clone(), value(field))).collect())
}

#[test]
fn every_cell_of_a_data_load_is_what_harper_stores() {
    assert_recorded(EncodeOptions::default(), include_str!("../data/cast-data-load.json"));
}

#[test]
fn every_cell_of_a_file_load_is_what_harper_stores() {
    assert_recorded(FILE, include_str!("../data/cast-file-load.json"));
}

#[test]
fn numbers_are_written_as_javascript_writes_them_unless_digits_would_be_lost() {
    let mut host =
        MemoryHost::new("id,v\n1,9007199254740993\n2,12345678901234567890\n3,1.10\n4,-0\n5,0.1e30\n6,0.00000001\n");
    host.load(FILE).unwrap();
    let lines = [
        r#"{"id":1,"v":9007199254740993}"#,
        r#"{"id":2,"v":12345678901234567890}"#,
        r#"{"id":3,"v":1.1}"#,
        r#"{"id":4,"v":0}"#,
        r#"{"id":5,"v":1e+29}"#,
        r#"{"id":6,"v":1e-8}"#,
    ];
    assert_eq!(host.lines, lines);
}

#[test]
fn names_of_javascript_are_plain_texts() {
    for word in ["constructor", "toString", "valueOf", "__proto__", "hasOwnProperty"] {
        let records = loaded(&format!("id,v\n{word},{word}\n")).unwrap();
        assert_eq!(records, [json!({"id": word, "v": word})]);
    }
}

#[test]
fn dates_that_do_not_exist_stay_text() {
    let records = loaded("id,v\n1,2021-19-39T29:59:59Z\n2,2021-02-30T00:00:00Z\n").unwrap();
    assert_eq!(records[0]["v"], "2021-19-39T29:59:59Z");
    assert_eq!(records[1]["v"], "2021-02-30T00:00:00Z");
}

#[test]
fn json_cells_keep_their_digits_and_inner_strings() {
    let records = loaded_with("id,v\n1,\"{\"\"a\"\" : [ 1 , \"\"2\"\" ,\n 3.50 ]}\"\n", FILE).unwrap();
    assert_eq!(records, [json!({"id": 1, "v": {"a": [1, "2", 3.50]}})]);
    let mut host = MemoryHost::new("id;v\n1;[12345678901234567890123, 1.50]\n");
    host.load(FILE).unwrap();
    assert_eq!(host.lines, [r#"{"id":1,"v":[12345678901234567890123,1.50]}"#]);
}
