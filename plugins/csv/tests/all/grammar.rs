//! The grammar, case by case; many cases are those of PapaParse's own suite.

use jobhost_csv::{Dialect, Newline, Quoting, Reader, Step, SyntaxError};

fn read(text: &[u8]) -> Result<Vec<Vec<String>>, SyntaxError> {
    read_in_chunks(text, 1 << 20)
}

/// Cells of all records, the input fed in chunks of `size`.
pub fn read_in_chunks(text: &[u8], size: usize) -> Result<Vec<Vec<String>>, SyntaxError> {
    let mut reader = Reader::new();
    let mut chunks = text.chunks(size);
    let mut records = Vec::new();
    loop {
        match reader.advance()? {
            Step::Record => records.push(reader.record().cells().map(|cell| cell.text()).collect()),
            Step::End => return Ok(records),
            Step::NeedInput => match chunks.next() {
                Some(chunk) => reader.feed(chunk),
                None => reader.end(),
            },
        }
    }
}

#[test]
fn texts_and_their_cells() {
    let cases: &[(&str, &[&[&str]])] = &[
        ("", &[]),
        ("\n\n\r\n", &[]),
        ("a", &[&["a"]]),
        ("a,b,c", &[&["a", "b", "c"]]),
        ("a,b\nc,d\n", &[&["a", "b"], &["c", "d"]]),
        ("a,b\r\nc,d\r\n", &[&["a", "b"], &["c", "d"]]),
        ("a,b\rc,d\r", &[&["a", "b"], &["c", "d"]]),
        ("a,b\rc,d", &[&["a", "b"], &["c", "d"]]),
        ("a,b\n\n\nc,d\n\n", &[&["a", "b"], &["c", "d"]]),
        ("a,b\n   \nc,d", &[&["a", "b"], &["   "], &["c", "d"]]),
        (" a , b \n", &[&[" a ", " b "]]),
        (",,\n,", &[&["", "", ""], &["", ""]]),
        ("a,\"b\"\n", &[&["a", "b"]]),
        ("a,\"\"\n", &[&["a", ""]]),
        ("\"\"\n\"\"\n", &[&[""], &[""]]),
        ("\"a,b\nc\",d", &[&["a,b\nc", "d"]]),
        ("\"a\r\nb\",d\r\n", &[&["a\r\nb", "d"]]),
        ("\"\"\"q\"\"\",\"a\"\"b\"", &[&["\"q\"", "a\"b"]]),
        ("\"\"\"\"", &[&["\""]]),
        ("x\"y,5'\" z\n", &[&["x\"y", "5'\" z"]]),
        // Blanks between a closing quote and the next delimiter are passed over.
        ("\"a\" ,\"b\"\t\n\"c\"  ", &[&["a", "b"], &["c"]]),
        // Before an opening quote they make the quote a part of the cell.
        ("a, \"b\"\n", &[&["a", " \"b\""]]),
        ("\u{feff}id,a\n1,2", &[&["id", "a"], &["1", "2"]]),
        ("\u{feff}\"id\",\"a\"\n1,2", &[&["id", "a"], &["1", "2"]]),
        ("id;a\n1;2,5", &[&["id", "a"], &["1", "2,5"]]),
        ("id|a\n1|2", &[&["id", "a"], &["1", "2"]]),
        ("id\ta\n1\t", &[&["id", "a"], &["1", ""]]),
        ("\"a\"\t\"b\"\n\"c\"\t\"d\"", &[&["a", "b"], &["c", "d"]]),
        ("a,b\r\n1,2\n3,4\r\n", &[&["a", "b"], &["1", "2"], &["3", "4"]]),
        ("naïve,日本\né,😀", &[&["naïve", "日本"], &["é", "😀"]]),
    ];
    for (text, cells) in cases {
        for size in [1, 2, 3, 7, 1000] {
            let records = read_in_chunks(text.as_bytes(), size).unwrap();
            assert_eq!(records, *cells, "{text:?} in chunks of {size}");
        }
    }
}

#[test]
fn bytes_that_are_not_utf8_become_replacement_characters() {
    assert_eq!(read(b"id,a\n60,\xff\xfe\x80\n").unwrap()[1], ["60", "\u{fffd}\u{fffd}\u{fffd}"]);
}

#[test]
fn errors_name_line_and_byte() {
    let cases: &[(&str, SyntaxError)] = &[
        ("id,a\n30,\"oops\n31,b\n", SyntaxError::UnclosedQuote { line: 2, offset: 8 }),
        ("id,a\n1,\"x\ny\"\n3,\"", SyntaxError::UnclosedQuote { line: 4, offset: 15 }),
        ("\"", SyntaxError::UnclosedQuote { line: 1, offset: 0 }),
        ("id,a\n1,\"x\"y\n", SyntaxError::TextAfterQuote { line: 2, offset: 10 }),
        ("id,a\n1,\"x\ny\" z\n", SyntaxError::TextAfterQuote { line: 3, offset: 13 }),
        ("\u{feff}id\n\"x\"y\n", SyntaxError::TextAfterQuote { line: 2, offset: 9 }),
        ("id,a\r\n1,\"x\"\ry\r\n", SyntaxError::TextAfterQuote { line: 2, offset: 11 }),
    ];
    for (text, error) in cases {
        for size in [1, 3, 1000] {
            assert_eq!(read_in_chunks(text.as_bytes(), size).unwrap_err(), *error, "{text:?} in chunks of {size}");
        }
    }
}

#[test]
fn records_know_where_they_are() {
    let text = b"\xef\xbb\xbfid,a\r\n\r\n1,\"x\r\ny\"\r\n2,z";
    for size in [1, 5, 100] {
        let mut reader = Reader::new();
        let mut chunks = text.chunks(size);
        let mut places = Vec::new();
        loop {
            match reader.advance().unwrap() {
                Step::Record => {
                    let record = reader.record();
                    places.push((record.line(), record.offset(), record.raw().to_vec()));
                    assert_eq!(reader.offset(), record.offset() + record.raw().len() as u64);
                }
                Step::End => break,
                Step::NeedInput => match chunks.next() {
                    Some(chunk) => reader.feed(chunk),
                    None => reader.end(),
                },
            }
        }
        let raw = |text: &str| text.as_bytes().to_vec();
        assert_eq!(places, [(1, 3, raw("id,a\r\n")), (3, 11, raw("1,\"x\r\ny\"\r\n")), (5, 21, raw("2,z"))]);
    }
}

#[test]
fn a_reader_can_start_in_the_middle() {
    let mut reader = Reader::resume(
        Dialect { quoting: Quoting::default(), skip_blanks: false, delimiter: b',', newline: Newline::Lf },
        100,
        7,
    );
    reader.feed(b"a;b,c\n");
    reader.end();
    assert_eq!(reader.advance(), Ok(Step::Record));
    assert_eq!(reader.record().line(), 7);
    assert_eq!(reader.record().offset(), 100);
    assert_eq!(reader.record().len(), 2);
    assert_eq!((reader.line(), reader.offset()), (8, 106));
}

#[test]
fn a_record_has_a_limit() {
    let read = |text: &str| {
        let mut reader = Reader::new().with_max_record_bytes(100);
        for chunk in text.as_bytes().chunks(40) {
            reader.feed(chunk);
        }
        reader.end();
        loop {
            match reader.advance() {
                Ok(Step::Record) => {}
                other => return other,
            }
        }
    };
    assert_eq!(read(&format!("a\n{}\n", "x".repeat(99))), Ok(Step::End));
    let error = read(&format!("a\n{}\n", "x".repeat(100))).unwrap_err();
    let sentence = "The record at line 2, byte 2 is longer than 100 bytes (sandbox.record_bytes); is it CSV with one record a line?";
    assert_eq!(error.to_string(), sentence);
    let error = read(&format!("a\nb\n\"{}", "x\n".repeat(100))).unwrap_err();
    assert!(
        error.to_string().ends_with("is the closing quote of the cell that opens at line 3, byte 4 missing?"),
        "{error}"
    );
}

#[test]
fn memory_is_bounded_whatever_comes() {
    // A quote that is never closed, and far more input than a record may have.
    let mut reader = Reader::new();
    let chunk = vec![b'x'; 64 * 1024];
    reader.feed(b"a,b\n1,\"");
    let mut fed = 0;
    let error = loop {
        match reader.advance() {
            Ok(Step::NeedInput) => {
                reader.feed(&chunk);
                fed += chunk.len();
            }
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert!(matches!(error, SyntaxError::RecordTooLong { line: 2, offset: 4, .. }));
    assert!(fed < 1024 * 1024);
}
