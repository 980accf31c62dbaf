use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;

use super::*;

fn csv(columns: &[&str], chunks: &[&str]) -> Option<(u64, String)> {
    let columns: Vec<String> = columns.iter().map(|&name| name.to_owned()).collect();
    let mut writer = CsvWriter::new(&columns);
    let (mut rows, mut text) = (0, Vec::new());
    for chunk in chunks {
        let (count, bytes) = writer.rows(chunk.as_bytes()).ok()?;
        rows += count;
        text.extend_from_slice(bytes);
    }
    Some((rows, String::from_utf8(text).unwrap()))
}

/// Returns the cells of one row, without the header.
fn line(row: &str) -> String {
    let (rows, text) = csv(&["a"], &[&format!("{row}\n")]).unwrap();
    assert_eq!(rows, 1);
    text.strip_prefix("\"a\"\n").unwrap().to_owned()
}

#[test]
fn an_export_equals_the_recorded_one() {
    let columns = ["id", "__createdtime__", "__updatedtime__", "age", "d", "name", "o", "ok", "tags", "z"];
    let rows = [
        r#"[1,1795479454795.6333,1795479454795.6333,7,"2021-01-02T03:04:05Z","Penny",{"x":1,"y":null},null,["a","b"],null]"#,
        r#"[2,1795479454795.6333,1795479454795.6333,6.5,null,"Ka,to \"q\"\nnl",null,null,null,null]"#,
        r#"[3,1795479454795.6333,1795479454795.6333,null,null,null,null,true,null,"é日本"]"#,
    ];
    let expected = concat!(
        r#""id","__createdtime__","__updatedtime__","age","d","name","o","ok","tags","z""#,
        "\n",
        r#"1,1795479454795.6333,1795479454795.6333,7,"2021-01-02T03:04:05Z","Penny","{""x"":1,""y"":null}",,"[""a"",""b""]","#,
        "\n",
        r#"2,1795479454795.6333,1795479454795.6333,6.5,,"Ka,to ""q"""#,
        "\n",
        r#"nl",,,,"#,
        "\n",
        r#"3,1795479454795.6333,1795479454795.6333,,,,,true,,"é日本""#,
    );
    let whole = rows.map(|row| format!("{row}\n"));
    assert_eq!(csv(&columns, &[&whole.concat()]).unwrap(), (3, expected.to_owned()));
    let chunks: Vec<&str> = whole.iter().map(String::as_str).collect();
    assert_eq!(csv(&columns, &chunks).unwrap(), (3, expected.to_owned()));
}

#[test]
fn without_rows_there_is_no_header() {
    assert_eq!(csv(&["a"], &[]).unwrap(), (0, String::new()));
}

#[test]
fn names_are_quoted() {
    let (_, text) = csv(&["a\"b", "", "c,d"], &["[1,2,3]\n"]).unwrap();
    assert_eq!(text, "\"a\"\"b\",\"\",\"c,d\"\n1,2,3");
}

#[test]
fn escapes_become_characters() {
    assert_eq!(line(r#"["\b\f\n\r\t\/\\"]"#), "\"\u{8}\u{c}\n\r\t/\\\"");
    assert_eq!(line(r#"["\"\u0022"]"#), r#""""""""#);
    assert_eq!(line(r#"["\u00e9\u65e5\uD83D\uDE00\ud83d\ude00"]"#), "\"é日😀😀\"");
    assert_eq!(line(r#"["\ud83d","\ude00\ud83dx\ud83d\u0041"]"#), "\"\u{fffd}\",\"\u{fffd}\u{fffd}x\u{fffd}A\"");
    assert_eq!(line(r#"["null, [1]\\",null]"#), r#""null, [1]\","#);
}

#[test]
fn objects_and_arrays_are_quoted_json() {
    assert_eq!(line("[[],{}]"), r#""[]","{}""#);
    assert_eq!(line(r#"[{"a\"]":["}\\",null,{"b":[]}]},1]"#), r#""{""a\""]"":[""}\\"",null,{""b"":[]}]}",1"#);
}

#[test]
fn rows_that_are_not_arrays_are_refused() {
    for wrong in
        ["", "\n", "1\n", "[1]", "[1\n", "[1]\n2\n", "[\"a]\n", "[[1]\n", "[\"\\x\"]\n", "{\"a\":1}\n", "[1]\n\n"]
    {
        let mut writer = super::super::writer::RowWriter::new(super::super::Format::Csv, &["a".to_owned()]);
        assert!(writer.rows(wrong.as_bytes().to_vec()).is_err(), "{wrong:?}");
    }
}

/// Reference implementation: parses the row, and writes each cell by its type.
fn by_the_book(row: &[Value]) -> String {
    let cells = row.iter().map(|cell| match cell {
        Value::Null => String::new(),
        Value::String(text) => format!("\"{}\"", text.replace('"', "\"\"")),
        Value::Array(_) | Value::Object(_) => format!("\"{}\"", cell.to_string().replace('"', "\"\"")),
        Value::Bool(_) | Value::Number(_) => cell.to_string(),
    });
    cells.collect::<Vec<_>>().join(",")
}

fn value() -> impl Strategy<Value = Value> {
    let text = prop_oneof!["[a-z ]{0,100}", "[\\\\\"\n\\[\\]{}n,é😀\u{1}]{0,12}", any::<String>()];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((text.clone(), inner), 0..4).prop_map(|members| members.into_iter().collect()),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn rows_are_written_as_by_the_reference_implementation(rows in vec(vec(value(), 3), 1..20), split in 0usize..20) {
        let lines: Vec<String> = rows.iter().map(|row| format!("{}\n", Value::from(row.clone()))).collect();
        let (first, rest) = lines.split_at(split.min(lines.len()));
        let chunks = [first.concat(), rest.concat()];
        let chunks: Vec<&str> = chunks.iter().map(String::as_str).filter(|chunk| !chunk.is_empty()).collect();
        let expected: Vec<String> = rows.iter().map(|row| by_the_book(row)).collect();
        let text = format!("\"a\",\"b\",\"c\"\n{}", expected.join("\n"));
        prop_assert_eq!(csv(&["a", "b", "c"], &chunks), Some((rows.len() as u64, text)));
    }
}

#[test]
fn fuzz_rows() {
    bolero::check!().with_iterations(3_000).for_each(|input: &[u8]| {
        // For any input, the conversion ends and stays within its room.
        let mut writer = CsvWriter::new(&[]);
        for picked in [input.to_vec(), input.iter().map(|byte| b"[]{}\"\\n\nu0d8,"[usize::from(byte % 13)]).collect()] {
            if let Ok((_, bytes)) = writer.rows(&picked) {
                assert!(bytes.len() <= 1 + 2 * picked.len());
            }
        }
    });
}
