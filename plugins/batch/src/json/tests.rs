use proptest::prelude::*;

use super::JsonBuffer;
use crate::{Block, JsonWriter, MAX_GROWTH};

fn written(write: impl FnOnce(&mut JsonBuffer)) -> String {
    let mut buffer = JsonBuffer::default();
    write(&mut buffer);
    String::from_utf8(buffer.as_bytes().to_vec()).unwrap()
}

/// Returns what `write` produces with exactly as much room as it may require.
fn written_in(room: usize, write: impl FnOnce(&mut JsonWriter<'_>)) -> Vec<u8> {
    let mut buffer = JsonBuffer::default();
    let mut writer = buffer.room(room);
    write(&mut writer);
    let count = writer.position();
    assert!(buffer.commit(count));
    buffer.as_bytes().to_vec()
}

#[test]
fn numbers_are_printed_as_javascript_prints_them() {
    let cases: [(f64, &str); 12] = [
        (1.10, "1.1"),
        (5.0, "5"),
        (-7.0, "-7"),
        (-0.0, "0"),
        (10000.0, "10000"),
        (1e21, "1e+21"),
        (1e-7, "1e-7"),
        (0.000001, "0.000001"),
        (9007199254740993.0, "9007199254740992"),
        (12345678901234567890.0, "12345678901234567000"),
        (f64::NAN, "null"),
        (f64::INFINITY, "null"),
    ];
    for (number, text) in cases {
        assert_eq!(written(|json| json.number(number)), text);
    }
}

#[test]
fn an_object_piece_by_piece() {
    let text = written(|json| {
        json.byte(b'{');
        json.string("a\"b");
        json.raw(b":[");
        json.boolean(true);
        json.byte(b',');
        json.null();
        json.raw(b"]}");
    });
    assert_eq!(text, r#"{"a\"b":[true,null]}"#);
}

#[test]
fn bytes_that_are_not_utf8_become_replacement_characters() {
    let text = written_in(40, |writer| writer.string(b"a\xff\xfe\x80z", 0..5));
    assert_eq!(text, "\"a\u{fffd}\u{fffd}\u{fffd}z\"".as_bytes());
}

#[test]
fn output_that_exceeds_the_room_is_refused() {
    let mut buffer = JsonBuffer::default();
    let mut writer = buffer.room(4);
    writer.string(&[b'x'; 100], 0..100);
    let count = writer.position();
    assert_eq!(count, 102);
    assert!(!buffer.commit(count));
    assert!(buffer.is_empty());
}

#[test]
fn short_strings_are_written_if_they_need_no_escapes() {
    for (text, plain) in [("", true), ("sixteen bytes!!!", true), ("a\"", false), ("é", false), ("\u{7f}", true)] {
        let block = Block::at(text.as_bytes(), 0);
        let json = written_in(32, |writer| assert_eq!(writer.short_string(block, text.len()), plain));
        assert_eq!(json, if plain { format!("\"{text}\"") } else { String::new() }.as_bytes());
    }
}

proptest! {
    #[test]
    fn any_string_reads_back(text in any::<String>()) {
        let json = written(|json| json.string(&text));
        prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
    }

    #[test]
    fn strings_of_awkward_bytes_read_back(text in "[a\"\\\\\n\u{1}é😀]{0,80}") {
        let json = written(|json| json.string(&text));
        prop_assert!(!json.contains('\n'));
        prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
    }

    #[test]
    fn any_bytes_read_back_as_the_lossy_text(bytes in any::<Vec<u8>>(), after in any::<Vec<u8>>()) {
        let mut source = bytes.clone();
        source.extend_from_slice(&after);
        let room = bytes.len() * MAX_GROWTH + 2;
        let json = written_in(room, |writer| writer.string(&source, 0..bytes.len()));
        prop_assert_eq!(serde_json::from_slice::<String>(&json).unwrap(), String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn any_number_reads_back(number in any::<f64>()) {
        prop_assume!(number.is_finite() && number != 0.0);
        let json = written(|json| json.number(number));
        prop_assert_eq!(json.parse::<f64>().unwrap(), number);
    }

    #[test]
    fn raw_blocks_copy_exactly(source in any::<Vec<u8>>(), start in 0usize..40, count in 0usize..40) {
        let end = (start + count).min(source.len());
        let start = start.min(end);
        let json = written_in(end - start, |writer| writer.raw(&source, start..end));
        prop_assert_eq!(json.as_slice(), &source[start..end]);
    }

    #[test]
    fn digits_are_found(text in "[0-9a.-]{0,16}") {
        let mask = Block::at(text.as_bytes(), 0).digits(text.len());
        let expected = text.bytes().enumerate().map(|(index, byte)| u32::from(byte.is_ascii_digit()) << index).sum::<u32>();
        prop_assert_eq!(mask, expected);
    }
}
