use super::malformed::Malformed;
use super::writer::RowWriter;
use super::*;

fn file(format: Format, chunks: &[&str]) -> (u64, String) {
    let mut writer = RowWriter::new(format, &["id".to_owned()]);
    let mut text = Vec::new();
    for chunk in chunks {
        text.extend_from_slice(writer.rows(chunk.as_bytes().to_vec()).unwrap());
    }
    text.extend_from_slice(writer.finish());
    (writer.count(), String::from_utf8(text).unwrap())
}

#[test]
fn json_is_a_single_array_on_one_line() {
    let text = r#"[{"id":1},{"id":"a\nb"},{"id":3}]"#;
    assert_eq!(file(Format::Json, &["{\"id\":1}\n{\"id\":\"a\\nb\"}\n{\"id\":3}\n"]), (3, text.to_owned()));
    assert_eq!(file(Format::Json, &["{\"id\":1}\n", "{\"id\":\"a\\nb\"}\n{\"id\":3}\n"]), (3, text.to_owned()));
    assert_eq!(file(Format::Json, &[]), (0, "[]".to_owned()));
}

#[test]
fn more_than_255_rows_are_counted() {
    let rows = "{}\n".repeat(100_000);
    for format in [Format::Json, Format::JsonLines] {
        assert_eq!(file(format, &[&rows, &rows]).0, 200_000);
    }
    assert_eq!(file(Format::Csv, &[&"[1]\n".repeat(100_000)]).0, 100_000);
    let (count, text) = file(Format::Json, &["\n".repeat(1_000).as_str()]);
    assert_eq!((count, text.len()), (1_000, 1_001));
}

#[test]
fn lines_end_with_a_line_end() {
    assert_eq!(file(Format::JsonLines, &["{\"id\":1}\n", "{\"id\":2}\n"]), (2, "{\"id\":1}\n{\"id\":2}\n".to_owned()));
    assert_eq!(file(Format::JsonLines, &[]), (0, String::new()));
}

#[test]
fn an_incomplete_row_is_refused() {
    for format in [Format::Json, Format::JsonLines, Format::Csv] {
        assert_eq!(RowWriter::new(format, &[]).rows(b"[1]\n[2".to_vec()), Err(Malformed));
    }
}

#[test]
fn formats_are_named_by_their_extension() {
    assert_eq!(Format::named("jsonl"), Some(Format::JsonLines));
    assert_eq!(Format::named("CSV"), None);
}
