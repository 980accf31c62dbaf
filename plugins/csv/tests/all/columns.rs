//! What a request says of the columns and their cells.

use encoding_rs::Encoding;
use jobhost_csv::columns::{CellOptions, Columns, HeaderSource, Types};
use jobhost_csv::{AttributeType, EncodeOptions, Reading};
use serde_json::{Value, json};

use crate::host::MemoryHost;

fn loaded(text: &str, columns: Columns) -> Result<Vec<Value>, String> {
    let mut host = MemoryHost::new(text).reading(Reading { columns, ..Reading::default() });
    match host.load(EncodeOptions::default()) {
        Ok(_) => Ok(host.records()),
        Err(error) => {
            assert!(host.lines.is_empty());
            Err(error.to_string())
        }
    }
}

fn named(types: &[(&str, AttributeType)]) -> Columns {
    let types = types.iter().map(|(name, kind)| ((*name).to_owned(), *kind)).collect();
    Columns { types: Types::Named(types), ..Columns::default() }
}

fn selected(pairs: &[(&str, &str)]) -> Columns {
    let pairs = pairs.iter().map(|(name, attribute)| ((*name).to_owned(), (*attribute).to_owned())).collect();
    Columns { selected: Some(pairs), ..Columns::default() }
}

#[test]
fn a_text_without_a_header_is_loaded_from_its_first_record() {
    let numbered = Columns { header: HeaderSource::Numbered, ..selected(&[("column1", "id"), ("column2", "a")]) };
    assert_eq!(loaded("1,x\n2,y\n", numbered), Ok(vec![json!({"id": 1, "a": "x"}), json!({"id": 2, "a": "y"})]));
    let given = HeaderSource::Given(vec!["id".to_owned(), "a".to_owned()]);
    let given = Columns { header: given, ..Columns::default() };
    assert_eq!(loaded("1,x\n2,y", given.clone()), Ok(vec![json!({"id": 1, "a": "x"}), json!({"id": 2, "a": "y"})]));
    assert_eq!(loaded("", given), Ok(vec![]));
}

#[test]
fn a_load_without_a_header_goes_on_from_any_batch() {
    let text: String = (1..=40_000).map(|number| format!("{number},x\n")).collect();
    let columns = Columns { header: HeaderSource::Given(vec!["id".to_owned(), "a".to_owned()]), ..Columns::default() };
    let reading = Reading { columns, ..Reading::default() };
    let mut host = MemoryHost::new(text).reading(reading);
    for batch in 0..2 {
        host.crash_at_batch = Some(batch);
        host.load(EncodeOptions::default()).unwrap_err();
    }
    host.crash_at_batch = None;
    host.load(EncodeOptions::default()).unwrap();
    let keys: Vec<u64> = host.records().iter().map(|record| record["id"].as_u64().unwrap()).collect();
    assert_eq!(keys, (1..=40_000).collect::<Vec<_>>());
}

#[test]
fn columns_are_chosen_and_renamed() {
    let text = "Id,name,,note\n1,a,z,n\n2,b,,m\n";
    let rows = loaded(text, selected(&[("Id", "id"), ("note", "remark")]));
    assert_eq!(rows, Ok(vec![json!({"id": 1, "remark": "n"}), json!({"id": 2, "remark": "m"})]));
    let error = loaded(text, selected(&[("id", "id")])).unwrap_err();
    assert_eq!(error, "'columns' names 'id', which is no column; the columns are: Id, name, note");
    let error = loaded(text, selected(&[("Id", "a/b")])).unwrap_err();
    assert_eq!(error, "Invalid column name 'a/b', cancelling load operation");
}

#[test]
fn types_are_as_the_request_says() {
    let text = "id,city,zip,n\n007,TRUE,01234,1.10\n7,5,,2\n";
    let all = Columns { types: Types::Text, ..Columns::default() };
    assert_eq!(loaded(text, all).unwrap()[0], json!({"id": "007", "city": "TRUE", "zip": "01234", "n": "1.10"}));
    let some = named(&[("city", AttributeType::String), ("n", AttributeType::Float)]);
    assert_eq!(loaded(text, some).unwrap()[1], json!({"id": 7, "city": "5", "zip": "", "n": 2}));
    let error = loaded(text, named(&[("city", AttributeType::Int)])).unwrap_err();
    assert!(error.contains("city") && error.contains("TRUE") && error.ends_with("at line 2"), "{error}");
    let error = loaded(text, named(&[("town", AttributeType::Int)])).unwrap_err();
    assert_eq!(error, "'types' names 'town', which is no column; the columns are: id, city, zip, n");
}

#[test]
fn cells_are_trimmed_null_or_text_as_the_request_says() {
    let text = "id , a,b\n 1 , x ,\" y \"\n2,NA,\"NA\"\n3,,\"\"\n4,5,\"5\"\n\"6\",true,\"true\"\n";
    let cells = CellOptions { trim: true, null_values: Some(vec![b"NA".to_vec()]), quoted_text: true, json: false };
    let rows = loaded(text, Columns { cells, ..Columns::default() }).unwrap();
    assert_eq!(
        rows,
        [
            json!({"id": 1, "a": "x", "b": " y "}),
            json!({"id": 2, "a": null, "b": "NA"}),
            json!({"id": 3, "a": null, "b": ""}),
            json!({"id": 4, "a": 5, "b": "5"}),
            json!({"id": "6", "a": true, "b": "true"}),
        ]
    );
    let nulls = CellOptions { null_values: Some(vec![b"-".to_vec(), Vec::new()]), ..CellOptions::default() };
    let none = CellOptions { null_values: Some(Vec::new()), ..CellOptions::default() };
    let rows = loaded("id,a,b\n1,NULL,\"NaN\"\nnull,undefined,5\n", Columns { cells: none, ..Columns::default() });
    let expected = [json!({"id": 1, "a": "NULL", "b": "NaN"}), json!({"id": "null", "a": "undefined", "b": 5})];
    assert_eq!(rows.unwrap(), expected);
    let rows = loaded("id,a,b\n1,-,\n-,x,y\n", Columns { cells: nulls, ..Columns::default() }).unwrap();
    assert_eq!(rows, [json!({"id": 1, "a": null, "b": null}), json!({"a": "x", "b": "y"})]);
}

/// Records, and the codes and lines of warnings.
type Read = (Vec<Value>, Vec<(&'static str, Option<u64>)>);

fn read(bytes: &[u8], reading: Reading) -> Result<Read, String> {
    let mut host = MemoryHost::new(bytes).reading(reading);
    host.chunk = 7;
    host.load(EncodeOptions::default()).map_err(|error| error.to_string())?;
    Ok((host.records(), host.warnings.iter().map(|warning| (warning.code, warning.line)).collect()))
}

#[test]
fn a_text_may_be_of_another_encoding() {
    let expected = Ok((vec![json!({"id": 1, "stadt": "Zürich"}), json!({"id": 2, "stadt": "日本"})], vec![]));
    let text = "\u{feff}id,stadt\n1,Zürich\n2,日本\n";
    let wide = |bytes: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(bytes).collect::<Vec<u8>>();
    assert_eq!(read(&wide(u16::to_le_bytes), Reading::default()), expected);
    assert_eq!(read(&wide(u16::to_be_bytes), Reading::default()), expected);
    assert_eq!(read(text.as_bytes(), Reading::default()), expected);
    let latin = Reading { encoding: Encoding::for_label(b"latin1"), ..Reading::default() };
    let rows = read(b"id,stadt\n1,Z\xfcrich\n", latin);
    assert_eq!(rows, Ok((vec![json!({"id": 1, "stadt": "Zürich"})], vec![])));
}

#[test]
fn the_charset_of_the_media_type_counts_unless_the_request_names_an_encoding() {
    let read = |media_type: &'static str, encoding: Option<&str>| {
        let encoding = encoding.and_then(|label| Encoding::for_label(label.as_bytes()));
        let mut host = MemoryHost::new(&b"id,a\n1,\xe9\n"[..]).reading(Reading { encoding, ..Reading::default() });
        host.media_type = Some(media_type);
        host.load(EncodeOptions::default()).map_err(|error| error.to_string())?;
        Ok::<_, String>(host.records()[0]["a"].clone())
    };
    assert_eq!(read("text/csv; header=present; Charset=\"ISO-8859-1\"", None), Ok(json!("é")));
    assert_eq!(read("text/csv;charset=iso-8859-1", Some("windows-1251")), Ok(json!("й")));
    assert!(read("text/csv; charset=utf-8", None).unwrap_err().contains("not UTF-8"));
    assert!(read("text/csv; charset=nonsense", None).unwrap_err().contains("not UTF-8"));
}

#[test]
fn bytes_that_are_not_of_the_encoding_are_an_error_or_replaced() {
    let text = b"id,a\n1,x\n2,\xe9\xe8\n3,y\n4,\xff\n";
    let error = read(text, Reading::default()).unwrap_err();
    assert!(error.starts_with("The record at line 3, byte 9 has bytes that are not UTF-8."), "{error}");
    let replaces = Reading { replaces_invalid_bytes: true, ..Reading::default() };
    let (rows, warnings) = read(text, replaces.clone()).unwrap();
    assert_eq!(rows[1], json!({"id": 2, "a": "\u{fffd}\u{fffd}"}));
    assert_eq!(warnings, [("bytes-replaced", Some(3)), ("bytes-replaced", Some(5))]);
    let gbk = Encoding::for_label(b"gbk");
    let error = read(b"id,a\n1,\xc4\xe3\n2,\xff\n", Reading { encoding: gbk, ..Reading::default() }).unwrap_err();
    assert!(error.contains("line 3") && error.contains("not GBK"), "{error}");
    let (rows, warnings) = read(b"id,a\n1,\xc4\xe3\n2,\xff\n", Reading { encoding: gbk, ..replaces }).unwrap();
    assert_eq!(rows, [json!({"id": 1, "a": "你"}), json!({"id": 2, "a": "\u{fffd}"})]);
    assert_eq!(warnings, [("bytes-replaced", Some(3))]);
    assert!(read(b"id,\xff\n1,x\n", Reading::default()).unwrap_err().contains("line 1"));
}

#[test]
fn a_load_of_another_encoding_goes_on_from_any_batch() {
    let text: String = (0..=40_000).map(|n| if n == 0 { "id,a\n".to_owned() } else { format!("{n},ä\n") }).collect();
    let bytes: Vec<u8> = std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let mut host = MemoryHost::new(bytes);
    for batch in 0..2 {
        host.crash_at_batch = Some(batch);
        host.load(EncodeOptions::default()).unwrap_err();
    }
    host.crash_at_batch = None;
    host.load(EncodeOptions::default()).unwrap();
    let records = host.records();
    assert!(records.iter().zip(1..=40_000).all(|(record, n)| *record == json!({"id": n, "a": "ä"})));
    assert_eq!(records.len(), 40_000);
}
