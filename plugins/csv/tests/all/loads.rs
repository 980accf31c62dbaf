//! Whole loads: rows as Harper's recordings have them, sentences of failures, rejects, what is declared.

use jobhost_csv::load::{LoadError, Loaded};
use jobhost_csv::{AttributeType, EncodeOptions, Reading};
use jobhost_load::Warning;
use serde_json::{Value, json};

use crate::host::{FILE, MemoryHost, loaded, loaded_with};

const UPDATE: EncodeOptions = EncodeOptions { parse_json: false, key_required: Some("no key") };

#[test]
fn rows_become_records() {
    let cases: &[(&str, Value)] = &[
        ("id,name,n\n1,a,10\n2,b,20\n", json!([{"id": 1, "name": "a", "n": 10}, {"id": 2, "name": "b", "n": 20}])),
        ("id,a\n\n10,q\n\n\n11,r\n   \n", json!([{"id": 10, "a": "q"}, {"id": 11, "a": "r"}, {"id": "   "}])),
        ("id, a ,b\n13, x , 7 \n", json!([{"id": 13, " a ": " x ", "b": 7}])),
        ("id,a,a\n203,1,2\n", json!([{"id": 203, "a": 1, "a_1": 2}])),
        ("id,a,a,a_1\n1,2,3,4\n", json!([{"id": 1, "a": 2, "a_2": 3, "a_1": 4}])),
        ("id,naïve\n1,2\n", json!([{"id": 1, "naïve": 2}])),
        ("id,__proto__\n204,1\n", json!([{"id": 204, "__proto__": 1}])),
        ("id,\"a\"\"b\nc\"\n1,2\n", json!([{"id": 1, "a\"b\nc": 2}])),
        ("id,a\n8,\"42\"\n9,\"true\"\n", json!([{"id": 8, "a": 42}, {"id": 9, "a": true}])),
        ("id\n5\n6\n", json!([{"id": 5}, {"id": 6}])),
        // The host's attributes are not the file's to set.
        ("id,__createdtime__,__updatedtime__\n205,1000,2000\n", json!([{"id": 205}])),
        // No key column, an empty cell, null: the host gives a key.
        ("name,x\nq,1\n", json!([{"name": "q", "x": 1}])),
        ("id,a\n,1\nnull,2\n\"\",3\nNaN,4\n", json!([{"a": 1}, {"a": 2}, {"a": 3}, {"a": 4}])),
        // Short rows lack columns, they do not have them null.
        ("id,a,b,c\n1,x\n", json!([{"id": 1, "a": "x"}])),
        // A key is a number only if it is written back as it stands: different texts are different keys.
        (
            "id,l\n007,a\n1.0,b\n1e3,c\n[1],d\n2021-01-02T03:04:05Z,e\n9007199254740993,f\n",
            json!([
                {"id": "007", "l": "a"}, {"id": "1.0", "l": "b"}, {"id": "1e3", "l": "c"}, {"id": "[1]", "l": "d"},
                {"id": "2021-01-02T03:04:05Z", "l": "e"}, {"id": "9007199254740993", "l": "f"}
            ]),
        ),
    ];
    for (text, expected) in cases {
        let records = loaded_with(text, FILE).unwrap();
        assert_eq!(Value::Array(records), *expected, "{text:?}");
    }
}

#[test]
fn nothing_comes_of_nothing() {
    for text in ["", "   ", "id,a\n", "\u{feff}", "\n\n"] {
        let mut host = MemoryHost::new(text);
        let loaded = host.load(FILE).unwrap();
        assert_eq!((loaded, host.declared.len()), (Loaded::Nothing, 0), "{text:?}");
    }
}

#[test]
fn failures_have_harpers_sentences() {
    let long = format!("id,a\n{},1\n", "k".repeat(2100));
    let cases = [
        ("id,a/b\n1,2\n", "Invalid column name 'a/b', cancelling load operation"),
        ("id,a`b\n1,2\n", "Invalid column name 'a`b', cancelling load operation"),
        (
            "id,,b\n201,,3\n202,2,3\n",
            "Invalid attribute name: ''. Column 2 has no name in the header, but the record at line 3 has a value in it: give it a name \
             in the header, or name all columns with 'header'",
        ),
        ("id,undefined\n51,1\n", "Invalid attribute name: 'undefined'"),
        ("id,null\n51,1\n", "Invalid attribute name: 'null'"),
        ("id,a\n1,2\ntrue,3\n", "Invalid primary key type: boolean"),
        (long.as_str(), "Primary key size is too large: 2100"),
    ];
    for (text, sentence) in cases {
        assert_eq!(loaded(text), Err(sentence.to_owned()), "{text:?}");
    }
}

#[test]
fn an_update_needs_keys() {
    for text in ["id,name\n1,x\n,noid\n", "id,name\nnull,x\n", "name\nx\n", "name,id\nx\n"] {
        assert_eq!(loaded_with(text, UPDATE), Err("no key".to_owned()), "{text:?}");
    }
    assert!(loaded_with("id,name\n1,x\n", UPDATE).is_ok());
}

#[test]
fn malformed_text_at_the_end_writes_nothing() {
    let mut text = "id,a\n".to_owned();
    (0..20_000).for_each(|id| text.push_str(&format!("{id},x\n")));
    text.push_str("20000,\"oops\n");
    let error = loaded(&text).unwrap_err();
    assert!(error.starts_with("Unclosed quote at line 20002, byte "), "{error}");
}

#[test]
fn malformed_text_is_a_reject_with_its_start() {
    let mut host = MemoryHost::new("id,a\n1,x\n2,\"oops\n3,y\n");
    assert!(host.load(FILE).is_err());
    let reject = &host.rejects[0];
    assert_eq!((reject.line, reject.byte_offset, reject.kind), (3, 11, "syntax"));
    assert_eq!(reject.raw, "2,\"oops\n3,y\n");
}

#[test]
fn typed_columns_stop_a_load_before_it_writes() {
    let mut host = MemoryHost::new("id,i\n100,1\n101,abc\n").typed(&[("i", AttributeType::Int)]);
    let error = host.load(FILE).unwrap_err();
    assert_eq!(error.to_string(), "Invalid value for attribute i: \"abc\", expecting Int");
    assert!(host.lines.is_empty());
    let reject = &host.rejects[0];
    assert_eq!((reject.line, reject.byte_offset, reject.kind), (3, 11, "type"));
    assert_eq!((reject.column.as_deref(), reject.raw.as_str()), (Some("i"), "101,abc\n"));
}

#[test]
fn typed_columns_as_recorded() {
    let text = "id,i,f,b,s,d,a,l,big\n1,5,1.5,true,007,2021-01-02T03:04:05Z,7,9007199254740991,123456789012345678901\n\
                2,,,,,,,,\n3,null,null,FALSE,true,1600000000000,x,1,1\n";
    let mut host = MemoryHost::new(text).typed(&[
        ("id", AttributeType::Id),
        ("i", AttributeType::Int),
        ("f", AttributeType::Float),
        ("b", AttributeType::Boolean),
        ("s", AttributeType::String),
        ("d", AttributeType::Date),
        ("a", AttributeType::Any),
        ("l", AttributeType::Long),
        ("big", AttributeType::BigInt),
    ]);
    host.load(FILE).unwrap();
    let lines = [
        r#"{"id":"1","i":5,"f":1.5,"b":true,"s":"007","d":"2021-01-02T03:04:05.000Z","a":7,"l":9007199254740991,"big":123456789012345678901}"#,
        r#"{"id":"2","i":null,"f":null,"b":null,"s":"","d":null,"a":"","l":null,"big":null}"#,
        r#"{"id":"3","i":null,"f":null,"b":false,"s":"true","d":"2020-09-13T12:26:40.000Z","a":"x","l":1,"big":1}"#,
    ];
    assert_eq!(host.lines, lines);
}

#[test]
fn typed_keys() {
    let keys = |kind, cell: &str| {
        let mut host = MemoryHost::new(format!("id,a\n{cell},1\n")).typed(&[("id", kind)]);
        host.load(FILE).map(|_| host.records()[0].get("id").cloned()).map_err(|error| error.to_string())
    };
    assert_eq!(keys(AttributeType::Long, "7"), Ok(Some(json!(7))));
    assert_eq!(keys(AttributeType::Long, ""), Ok(None));
    assert_eq!(keys(AttributeType::Long, "null"), Ok(None));
    assert_eq!(keys(AttributeType::String, "null"), Ok(Some(json!("null"))));
    assert_eq!(keys(AttributeType::Boolean, "true"), Err("Invalid primary key type: boolean".to_owned()));
    assert!(keys(AttributeType::Int, "x").unwrap_err().contains("expecting Int"));
}

#[test]
fn surplus_cells_are_dropped_and_reported() {
    let text = "id,a,b,c\n1,x\n2,x,y,z,extra1,extra2\n3,x,y,z\n";
    let mut host = MemoryHost::new(text);
    host.load(EncodeOptions::default()).unwrap();
    assert_eq!(host.lines.len(), 3);
    assert_eq!(host.records()[1], json!({"id": 2, "a": "x", "b": "y", "c": "z"}));
    let message = "A record has 6 cells, the header 4: the cells beyond it were left out".to_owned();
    assert_eq!(host.warnings, [Warning { code: "surplus-cells", line: Some(3), message }]);
    assert!(host.rejects.is_empty());
}

#[test]
fn columns_without_names_and_values_are_left_out() {
    let mut host = MemoryHost::new("id,a,,b,\n1,x,,y,\n2,x,\"\",y,\n");
    host.load(FILE).unwrap();
    assert_eq!(host.records(), [json!({"id": 1, "a": "x", "b": "y"}), json!({"id": 2, "a": "x", "b": "y"})]);
    assert_eq!(host.declared, ["id", "a", "b"]);
    let told: Vec<_> = host.warnings.iter().map(|warning| (warning.code, warning.line)).collect();
    assert_eq!(told, [("unnamed-column", Some(1)), ("unnamed-column", Some(1))]);
    assert!(host.warnings[1].message.starts_with("Column 5 has no name"), "{:?}", host.warnings[1]);
}

#[test]
fn a_key_that_is_no_column_is_a_warning_that_names_the_columns() {
    let reading = Reading { comment: Some("#".into()), ..Reading::default() };
    let mut host = MemoryHost::new("# made by a program\nname,Id\na,1\n").reading(reading);
    host.load(EncodeOptions::default()).unwrap();
    assert_eq!(host.warnings.len(), 1);
    let Warning { code, line, message } = &host.warnings[0];
    assert_eq!((*code, *line), ("key-missing", Some(2)));
    assert!(message.contains("'id'") && message.ends_with("The columns are: name, Id"), "{message}");
}

#[test]
fn attributes_are_declared_before_anything() {
    let mut host = MemoryHost::new("id,a,a,__createdtime__\n1,2,3,4\n");
    host.load(FILE).unwrap();
    assert_eq!(host.declared, ["id", "a", "a_1"]);
}

#[test]
fn a_record_that_grows_too_large_as_json_fails_before_anything_is_written() {
    let mut text = "id,a\n1,x\n2,\"".to_owned();
    text.push_str(&"\u{1}".repeat(100 * 1024));
    text.push_str("\"\n");
    let error = loaded(&text).unwrap_err();
    assert!(error.starts_with("The record at line 3, byte 9 takes 614"), "{error}");
}

#[test]
fn rejects_repeat_a_bounded_part_of_the_input() {
    let mut host = MemoryHost::new(format!("id\ntrue,{}\n", "é".repeat(2000)));
    assert!(host.load(FILE).is_err());
    assert!(host.rejects.iter().all(|reject| reject.raw.len() <= 1024));
    // Cut in the middle of a character, its rest shows as a replacement, within the bound.
    let mut host = MemoryHost::new(format!("id\ntrue,\u{ff}{}\n", "\u{20ac}".repeat(2000)).into_bytes());
    assert!(host.load(FILE).is_err());
    assert!(host.rejects.iter().all(|reject| reject.raw.len() <= 1024));
}

#[test]
fn a_source_that_changes_between_the_passes_is_noticed() {
    let mut host = MemoryHost::new("id\n1\n");
    host.change_at_open = Some(2);
    assert!(matches!(host.load(FILE), Err(LoadError::Changed)));
    assert!(host.lines.is_empty());
}

#[test]
fn cancelling_stops_between_chunks() {
    let mut host = MemoryHost::new("id,a\n".to_owned() + &"1,x\n".repeat(1000));
    host.chunk = 100;
    host.cancel_after = Some(3);
    assert!(matches!(host.load(FILE), Err(LoadError::Cancelled)));
    assert!(host.lines.is_empty());
}

#[test]
fn progress_grows_to_the_size_of_the_source() {
    let mut host = MemoryHost::new("id,a\n".to_owned() + &"1,x\n".repeat(100_000));
    host.chunk = 10_000;
    host.load(FILE).unwrap();
    let total = host.source.len() as u64;
    assert!(host.progress.windows(2).all(|pair| pair[0].0 <= pair[1].0));
    assert_eq!(host.progress.first(), Some(&(0, Some(total))));
    assert_eq!(host.progress.last(), Some(&(total, Some(total))));
    assert!(host.progress.len() > 30);
}

#[test]
fn the_maximum_size_of_a_record_is_the_hosts() {
    let text = format!("id,a\n1,{}\n", "x".repeat(300_000));
    let mut host = MemoryHost::new(text.clone());
    let told = host.load(FILE).unwrap_err().to_string();
    assert!(told.contains("262144 bytes (sandbox.record_bytes)"), "{told}");
    let mut host = MemoryHost::new(text);
    host.table.record_bytes = 400_000;
    host.load(FILE).unwrap();
    assert_eq!(host.lines.len(), 1);
}

#[test]
fn a_typed_key_must_be_spelt_as_its_number() {
    let load = |cells: &str| {
        let mut host = MemoryHost::new(format!("id\n{cells}\n")).typed(&[("id", AttributeType::Int)]);
        host.load(FILE).map(|_| host.lines.len()).map_err(|error| error.to_string())
    };
    assert_eq!(load("7\n8"), Ok(2));
    let told = load("7\n007").unwrap_err();
    assert!(told.starts_with("The primary key '007' is not how the Int 7 is written: write 7"), "{told}");
}

#[test]
fn a_typed_cell_is_valid_in_the_first_pass_if_it_is_in_the_second() {
    use AttributeType::*;
    let cells = [
        "",
        "0",
        "-0",
        "1",
        "-1",
        "007",
        "1.0",
        "1.50",
        "0.25",
        "-0.5",
        "5.",
        ".5",
        ".",
        "-",
        "1.2.3",
        "--1",
        "1e3",
        "$z",
        " 1",
        "999999999",
        "2147483647",
        "2147483648",
        "-2147483649",
        "999999999999999",
        "9007199254740993",
        "12345678901234567",
        "true",
        "false",
        "TRUE",
        "null",
        "NaN",
        "2024-01-02T03:04:05Z",
        "2024-01-02T03:04:05.678Z",
        "2024-02-30T00:00:00Z",
        "2024-01-02",
        "2024",
        "x",
        "é",
    ];
    for kind in [Int, Long, Float, Boolean, Date, BigInt] {
        for cell in cells {
            let load = |other: &str| {
                let mut host =
                    MemoryHost::new(format!("id,a,b\n1,{cell},{other}\n")).typed(&[("a", kind), ("b", Boolean)]);
                host.load(FILE).map(|_| host.lines.join("")).map_err(|error| error.to_string())
            };
            // A boolean in capitals is valid, but not plainly so: the first pass encodes the whole record then.
            assert_eq!(load("true"), load("TRUE"), "{kind:?} {cell:?}");
        }
    }
}

#[test]
fn a_load_in_one_pass_reads_its_source_once_and_stops_at_the_first_problem() {
    let mut text = "id,n\n".to_owned();
    (0..30_000).for_each(|id| text.push_str(&format!("{id},{id}\n")));
    let mut host = MemoryHost::new(text.as_str());
    host.is_atomic = true;
    assert_eq!(host.load(FILE).unwrap(), Loaded::Records);
    assert_eq!((host.opened.as_slice(), host.records().len()), (&[0][..], 30_000));
    assert_eq!(host.progress.last(), Some(&(text.len() as u64, Some(text.len() as u64))));
    // Records before the problem have been written. The host discards them.
    text.push_str("\"x");
    let mut host = MemoryHost::new(text);
    host.is_atomic = true;
    assert!(host.load(FILE).is_err());
    assert!(!host.lines.is_empty() && host.rejects.len() == 1);
}
