//! Previews.

use jobhost_csv::preview::preview;
use jobhost_csv::{EncodeOptions, options};
use jobhost_load::memory::{MemoryHost, MemoryInput, Stop};
use jobhost_load::{Host, Open, Table};
use serde_json::{Value, json};

struct Source(MemoryHost);

impl Open for Source {
    type Error = Stop;
    type Input = MemoryInput;

    fn open(&self, offset: u64) -> Result<MemoryInput, Stop> {
        self.0.clone().open(offset)
    }
}

fn shown(text: &str, request: Value, rows: usize) -> Value {
    let request = request.as_object().unwrap().clone();
    let reading = options::reading(request.keys().map(String::as_str), |field| request.get(field)).unwrap();
    let source = Source(MemoryHost::new(text));
    let options = EncodeOptions { parse_json: true, key_required: None };
    serde_json::from_str(&preview(&source, Table::untyped("id"), options, reading, rows).unwrap().to_json()).unwrap()
}

#[test]
fn a_preview_shows_the_dialect_and_the_evidence_for_it() {
    let shown = shown("id;tags\n1;red,green\n2;blue,red\n", json!({}), 10);
    assert_eq!(shown["dialect"]["delimiter"], ";");
    assert_eq!(shown["dialect"]["delimiter_from"], "input");
    let candidates = json!([
        {"delimiter": ";", "columns": 2, "records": 3, "records_with_as_many": 3},
    ]);
    assert_eq!(shown["dialect"]["candidates"], candidates);
    assert_eq!((&shown["dialect"]["line_end"], &shown["dialect"]["encoding"]), (&json!("lf"), &json!("UTF-8")));
    assert_eq!(shown["records"], json!([{"id": 1, "tags": "red,green"}, {"id": 2, "tags": "blue,red"}]));
    assert_eq!(shown["complete"], true);
    assert_eq!(shown["rejected"], Value::Null);
    let attributes = json!([
        {"attribute": "id", "types": {"number": 2}},
        {"attribute": "tags", "types": {"string": 2}},
    ]);
    assert_eq!(shown["attributes"], attributes);
}

#[test]
fn a_preview_has_warnings_and_the_first_record_that_would_be_rejected() {
    let shown = shown("key,n\n1,2,3\n1,2,3\n2,x\n", json!({"types": {"n": "Int"}}), 10);
    assert_eq!(shown["records"].as_array().unwrap().len(), 2);
    let codes: Vec<&Value> = shown["warnings"].as_array().unwrap().iter().map(|warning| &warning["code"]).collect();
    assert_eq!(codes, ["key-missing", "surplus-cells"]);
    assert_eq!((&shown["warnings"][1]["count"], &shown["warnings"][1]["lines"]), (&json!(2), &json!([2, 3])));
    assert_eq!((&shown["rejected"]["line"], &shown["rejected"]["column"]), (&json!(4), &json!("n")));
    assert_eq!(shown["complete"], false);
}

#[test]
fn a_preview_is_bounded() {
    let long = "id,a\n".to_owned() + &"1,xxxxxxxxxx\n".repeat(1_000_000);
    let shown_ten = shown(&long, json!({"delimiter": ","}), 10);
    assert_eq!((shown_ten["records"].as_array().unwrap().len(), &shown_ten["complete"]), (10, &json!(false)));
    assert_eq!(shown_ten["dialect"]["delimiter_from"], "request");
    let wide = "id,a\n".to_owned() + &format!("1,{}\n", "x".repeat(100_000)).repeat(5);
    let shown = shown(&wide, json!({}), 10);
    assert_eq!((shown["records"].as_array().unwrap().len(), &shown["complete"]), (1, &json!(false)));
    let digits = "id,a\n1,208310224003697457\n";
    let source = Source(MemoryHost::new(digits));
    let preview = preview(&source, Table::untyped("id"), EncodeOptions::default(), Default::default(), 10).unwrap();
    assert!(preview.to_json().contains("208310224003697457"));
}

#[test]
fn what_is_no_csv_is_rejected() {
    let shown = shown("PK\u{3}\u{4}xxxxxxxxxxxxxxxxxxxx", json!({}), 10);
    assert!(shown["rejected"]["reason"].as_str().unwrap().contains("Excel"));
    assert_eq!(shown["records"], json!([]));
}
