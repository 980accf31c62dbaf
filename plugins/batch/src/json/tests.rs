use proptest::prelude::*;

use super::JsonBuffer;

fn written(write: impl FnOnce(&mut JsonBuffer)) -> String {
    let mut buffer = JsonBuffer::default();
    write(&mut buffer);
    String::from_utf8(buffer.as_bytes().to_vec()).unwrap()
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
fn bytes_that_are_not_utf8_become_replacement_characters() {
    let text = written(|json| json.string_at(b"a\xff\xfe\x80z", 0..5));
    assert_eq!(text, "\"a\u{fffd}\u{fffd}\u{fffd}z\"");
}

#[test]
fn replacing_beyond_the_text_does_nothing() {
    let text = written(|json| {
        json.raw(b",1");
        json.replace(0, b'{');
        json.replace(7, b'x');
    });
    assert_eq!(text, "{1");
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
        let json = written(|json| json.string_at(&source, 0..bytes.len()));
        prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), String::from_utf8_lossy(&bytes));
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
        let mut buffer = JsonBuffer::default();
        buffer.raw_at(&source, start..end);
        prop_assert_eq!(buffer.as_bytes(), &source[start..end]);
    }
}
