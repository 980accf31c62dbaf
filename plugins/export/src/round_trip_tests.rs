//! A CSV export that is loaded with the same options gives the same records.

use jobhost_csv::{EncodeOptions, Reading, options};
use jobhost_load::memory::MemoryHost;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::csv_style::{CsvStyle, Restyler};
use crate::format::Format;
use crate::format::writer::RowWriter;
use jobhost_plugin::Request;

/// JSON scalars, including texts that look like other types.
fn scalar() -> impl Strategy<Value = Value> {
    let words = [
        "",
        " ",
        "5",
        "-1.5",
        "1e21",
        "true",
        "FALSE",
        "null",
        "NULL",
        "NaN",
        "undefined",
        "NA",
        "2021-01-02T03:04:05Z",
    ];
    let words = proptest::sample::select(words.to_vec());
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_filter_map("JSON has no such number", number),
        (-1000_i32..1000).prop_filter_map("JSON has no such number", |cents| number(f64::from(cents) / 100.0)),
        words.prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[\\\\\"',;\t\r\n{}\\[\\]x]{0,8}".prop_map(Value::from),
    ]
}

/// Excludes whole numbers with a decimal point: `1.0` is 1, as in JavaScript.
fn number(number: f64) -> Option<Value> {
    let is_whole = number.fract() == 0.0 && number.abs() < 1e16;
    serde_json::Number::from_f64(number).filter(|_| !is_whole).map(Value::Number)
}

/// Any JSON value.
fn any_value() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(3, 20, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((any::<String>(), inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Different names of attributes, including names that CSV must quote.
fn names() -> impl Strategy<Value = [String; 3]> {
    let odd = ["a", "b c", "x,y", "x;y", "q\"q", "\"", " lead", "trail ", "ü|", "#c", "ID", "sep=;", "5", "a\tb"];
    proptest::sample::subsequence(odd.to_vec(), 2).prop_map(|two| {
        [Some("id"), two.first().copied(), two.get(1).copied()].map(|name| name.unwrap_or("c").to_owned())
    })
}

/// Different keys: numbers, and texts that look like numbers or words.
fn keys() -> impl Strategy<Value = Vec<Value>> {
    let odd =
        ["1", "007", "1.10", "1.1", "+41", " 5", "5.", "true", "null", "", "x", "1e3", "2021-01-02", "[1]", "\"q\""];
    let odd = odd.into_iter().filter(|key| !key.is_empty()).map(Value::from);
    let keys: Vec<Value> = odd.chain((1..6).map(Value::from)).chain([json!(1.5), json!(-3)]).collect();
    proptest::sample::subsequence(keys, 1..15)
}

/// The options of an export and those of the matching load.
fn styles() -> impl Strategy<Value = (Value, Value)> {
    let styles = [
        (json!({}), json!({})),
        (json!({"delimiter": ";", "line_end": "crlf"}), json!({"delimiter": ";"})),
        (json!({"delimiter": "tab", "null_value": "NA"}), json!({"delimiter": "tab", "null_values": ["NA"]})),
        (json!({"header": false}), json!({"header": false})),
    ];
    proptest::sample::select(styles.to_vec())
}

fn exported(names: &[String], rows: &[Vec<Value>], options: &Value) -> Vec<u8> {
    let style = CsvStyle::of(&Request::parse(&options.to_string()).unwrap(), true).unwrap();
    let mut writer = match style.has_json_cells() {
        true => RowWriter::json_cells(names),
        false => RowWriter::new(Format::Csv, names),
    };
    let (mut restyler, mut text) = (Restyler::new(style), Vec::new());
    // One row per chunk, to test the ends of chunks.
    for row in rows {
        let chunk = writer.rows(format!("{}\n", json!(row)).into_bytes()).unwrap().to_vec();
        text.extend_from_slice(restyler.chunk(&chunk));
    }
    text
}

fn loaded(names: &[String], text: Vec<u8>, options: &Value) -> Vec<Value> {
    let mut options = options.as_object().cloned().unwrap_or_default();
    if options.get("header") == Some(&Value::Bool(false)) {
        options.insert("header".to_owned(), json!(names));
    }
    let reading: Reading = options::reading(options.keys().map(String::as_str), |field| options.get(field)).unwrap();
    let mut host = MemoryHost::new(text);
    jobhost_csv::load::load(&mut host, EncodeOptions::default(), reading, None).unwrap();
    host.records()
}

fn records(names: &[String], rows: &[Vec<Value>]) -> Vec<Value> {
    let record = |row: &Vec<Value>| {
        Value::Object(names.iter().cloned().zip(row.iter().cloned()).collect::<Map<String, Value>>())
    };
    rows.iter().map(record).collect()
}

fn rows(keys: Vec<Value>, cells: Vec<(Value, Value)>) -> Vec<Vec<Value>> {
    keys.into_iter().zip(cells).map(|(key, (a, b))| vec![key, a, b]).collect()
}

proptest! {
    #[test]
    fn an_export_of_scalars_that_is_loaded_again_is_what_it_was(
        names in names(),
        keys in keys(),
        cells in proptest::collection::vec((scalar(), scalar()), 15),
        (export, mut load) in styles(),
    ) {
        let rows = rows(keys, cells);
        load["quoted_text"] = true.into();
        prop_assert_eq!(loaded(&names, exported(&names, &rows, &export), &load), records(&names, &rows));
    }

    #[test]
    fn an_export_of_json_cells_that_is_loaded_again_is_what_it_was(
        names in names(),
        keys in keys(),
        cells in proptest::collection::vec((any_value(), any_value()), 15),
        (mut export, mut load) in styles(),
    ) {
        let rows = rows(keys, cells);
        export["types"] = "json".into();
        load["types"] = "json".into();
        prop_assert_eq!(loaded(&names, exported(&names, &rows, &export), &load), records(&names, &rows));
    }
}
