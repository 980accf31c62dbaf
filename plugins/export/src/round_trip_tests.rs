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

/// The options of an export and those of the matching load.
fn styles() -> impl Strategy<Value = (Value, Value)> {
    let styles = [
        (json!({}), json!({})),
        (json!({"delimiter": ";", "line_end": "crlf"}), json!({"delimiter": ";"})),
        (json!({"delimiter": "tab", "null_value": "NA"}), json!({"delimiter": "tab", "null_values": ["NA"]})),
        (json!({"header": false}), json!({"header": ["id", "a", "b c"]})),
    ];
    proptest::sample::select(styles.to_vec())
}

fn exported(rows: &[[Value; 3]], options: &Value) -> Vec<u8> {
    let mut writer = RowWriter::new(Format::Csv, &["id".to_owned(), "a".to_owned(), "b c".to_owned()]);
    let style = CsvStyle::of(&Request::parse(&options.to_string()).unwrap(), true).unwrap();
    let (mut restyler, mut text) = (Restyler::new(style), Vec::new());
    // One row per chunk, to test the ends of chunks.
    for row in rows {
        let chunk = writer.rows(format!("{}\n", json!(row)).into_bytes()).unwrap().to_vec();
        text.extend_from_slice(restyler.chunk(&chunk));
    }
    text
}

fn loaded(text: Vec<u8>, options: &Value) -> Vec<Value> {
    let mut options = options.as_object().cloned().unwrap_or_default();
    options.insert("quoted_text".to_owned(), true.into());
    let reading: Reading = options::reading(options.keys().map(String::as_str), |field| options.get(field)).unwrap();
    let mut host = MemoryHost::new(text);
    jobhost_csv::load::load(&mut host, EncodeOptions::default(), reading, None).unwrap();
    host.records()
}

proptest! {
    #[test]
    fn an_export_that_is_loaded_again_is_what_it_was(
        cells in proptest::collection::vec((scalar(), scalar()), 1..20),
        (export, load) in styles(),
    ) {
        // Keys are numbers; the other cells have any type.
        let rows: Vec<[Value; 3]> =
            cells.into_iter().zip(1..).map(|((a, b), number)| [json!(number), a, b]).collect();
        let expected: Vec<Value> = rows
            .iter()
            .map(|[id, a, b]| {
                let pairs = [("id", id), ("a", a), ("b c", b)];
                Value::Object(pairs.into_iter().map(|(name, value)| (name.to_owned(), value.clone())).collect::<Map<_, _>>())
            })
            .collect();
        prop_assert_eq!(loaded(exported(&rows, &export), &load), expected);
    }
}
