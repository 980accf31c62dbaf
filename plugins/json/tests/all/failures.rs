//! Problems are reported before anything is written, with Harper's messages and the position.

use jobhost_json::LoadError;
use jobhost_load::AttributeType;
use jobhost_load::memory::MemoryHost;

use crate::host::{ARRAY, LINES, load_into, loaded_lines};

#[track_caller]
fn refused(text: &str, sentence: &str) {
    assert_eq!(loaded_lines(text, ARRAY), Err(sentence.to_owned()), "{text:?}");
}

#[test]
fn messages_are_those_of_harper() {
    let not_an_array = "Top-level object should be an array.";
    for text in ["{\"id\":1}", "{\"id\":1}\n{\"id\":2}\n", " 5", "\"x\"", "null", "true", "-1"] {
        refused(text, not_an_array);
    }
    let truncated = "Parser has expected a value";
    for text in
        ["", " \n", "\u{feff}", "[", "[ ", "[{\"id\":1}", "[{\"id\":1},", "[{\"id\":1", "[{\"id\":\"x", "[tru", "[1"]
    {
        refused(text, truncated);
    }
    refused("[1]", "'records[0]' must be of type object");
    refused(
        "[1,\"a\",{\"id\":1},null,[{\"id\":1}]]",
        "'records[0]' must be of type object. 'records[1]' must be of type object. 'records[3]' must be of type object. \
         'records[4]' must be of type object",
    );
    let many = format!("[{}]", vec!["1"; 1000].join(","));
    assert_eq!(loaded_lines(many, ARRAY).unwrap_err().matches("must be of type object").count(), 10);
    let lines = loaded_lines("{\"id\":1}\n7\n\n[1]\n", LINES);
    assert_eq!(lines, Err("'records[1]' must be of type object. 'records[2]' must be of type object".to_owned()));
    refused("[{\"id\":true}]", "Invalid primary key type: boolean");
    refused("[{\"id\":[1]}]", "Invalid primary key type: array");
    refused("[{\"id\":{}}]", "Invalid primary key type: object");
    refused(&format!("[{{\"id\":\"{}\"}}]", "k".repeat(2100)), "Primary key size is too large: 2100");
    refused(&format!("[{{\"id\":\"\\u00e9{}\"}}]", "k".repeat(1977)), "Primary key size is too large: 1979");
    assert!(loaded_lines(format!("[{{\"id\":\"{}\"}}]", "k".repeat(1978)), ARRAY).is_ok());
    for name in ["", "null", "undefined"] {
        refused(&format!("[{{\"id\":1}},{{\"{name}\":1}}]"), &format!("Invalid attribute name: '{name}'"));
    }
}

#[test]
fn syntax_errors_name_the_position_and_what_was_expected() {
    for (text, sentence) in [
        ("[{\"id\":1} {\"id\":2}]", "line 1, column 11, byte 10: expected `,` or `]`, but there is `{`"),
        ("[{\"id\":1},]", "line 1, column 11, byte 10: expected a value, but there is `]`"),
        ("[\n{\"id\":1},\n {\"id\" 1}]", "line 3, column 8, byte 19: expected `:`, but there is `1`"),
        ("[{\"id\":1,}]", "line 1, column 10, byte 9: expected a name in double quotes, but there is `}`"),
        ("[{id:1}]", "line 1, column 3, byte 2: expected a name in double quotes, but there is `i`"),
        ("[{\"id\":01}]", "line 1, column 9, byte 8: expected no digit after a leading zero, but there is `1`"),
        (
            "[{\"id\":1e999}]",
            "line 1, column 8, byte 7: expected a number that is not out of range (about 1.8e308), but there is `1`",
        ),
        (
            "[{\"id\":\"\\x\"}]",
            "line 1, column 10, byte 9: expected one of \" \\ / b f n r t u after \\, but there is `x`",
        ),
        ("[] x", "line 1, column 4, byte 3: expected nothing after the array, but there is `x`"),
        ("[][]", "line 1, column 3, byte 2: expected nothing after the array, but there is `[`"),
        ("x", "line 1, column 1, byte 0: expected an array of objects, `[`, but there is `x`"),
        ("[{\"a\":nul}]", "line 1, column 7, byte 6: expected a value, but there is `n`"),
    ] {
        refused(text, &format!("Invalid JSON at {sentence}"));
    }
    for (text, sentence) in [
        ("{\"id\":1}\n{\"id\":\n2}\n", "line 2, column 7, byte 15: expected the rest of a value, but the line ends"),
        ("{\"id\":1} {\"id\":2}\n", "line 1, column 10, byte 9: expected the end of the line, but there is `{`"),
        ("{\"id\":1,\"a\":\"x", "line 1, column 15, byte 14: expected the rest of a value, but the line ends"),
        ("{\"id\":1},\n", "line 1, column 9, byte 8: expected the end of the line, but there is `,`"),
    ] {
        assert_eq!(loaded_lines(text, LINES), Err(format!("Invalid JSON at {sentence}")), "{text:?}");
    }
}

#[test]
fn bytes_that_are_not_utf8_are_an_error() {
    for options in [ARRAY, LINES] {
        let text = if options.shape == ARRAY.shape { &b"[{\"id\":\"a\xffb\"}]"[..] } else { b" {\"id\":\"a\xffb\"}\n" };
        assert_eq!(
            loaded_lines(text, options.clone()),
            Err("The text at line 1, column 10, byte 9 is not UTF-8: save the file as UTF-8".to_owned())
        );
    }
    // Unpaired surrogates are not characters.
    assert!(
        loaded_lines("[{\"id\":\"\\ud800\"}]", ARRAY).unwrap_err().contains("expected both halves of a surrogate pair")
    );
}

#[test]
fn limits_are_enforced() {
    let nested = |levels: usize| format!("[{{\"a\":{}{}}}]", "[".repeat(levels), "]".repeat(levels));
    assert!(loaded_lines(nested(31), ARRAY).is_ok());
    refused(&nested(32), "The record is nested deeper than 32 levels at line 1, column 38, byte 37");
    let long = |bytes: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(bytes - 8));
    for options in [ARRAY, LINES] {
        let wrapped = |record: String| if options.shape == ARRAY.shape { format!("[{record}]") } else { record };
        assert!(loaded_lines(wrapped(long(256 * 1024)), options.clone()).is_ok());
        let sentence = loaded_lines(wrapped(long(256 * 1024 + 1)), options.clone()).unwrap_err();
        assert!(sentence.contains("is longer than 262144 bytes"), "{sentence}");
        // The same without an end of the string.
        let sentence = loaded_lines(wrapped(long(2 << 20)), options.clone()).unwrap_err();
        assert!(sentence.contains("is longer than 262144 bytes"), "{sentence}");
    }
    refused(
        &format!("[{{\"{}\":1}}]", "n".repeat(251)),
        &format!("The attribute name that begins '{}' has 251 bytes, the limit is 250", "n".repeat(40)),
    );
    let wide: Vec<_> = (0..=10_000).map(|number| format!("{{\"a{number}\":1}}")).collect();
    assert!(loaded_lines(wide.join("\n"), LINES).unwrap_err().contains("more than 10000 different attributes"));
}

#[test]
fn values_that_do_not_fit_stop_a_load_before_it_writes() {
    let typed = |value: &str| {
        let mut host = MemoryHost::new(format!("[{{\"id\":1,\"i\":7}},\n{{\"id\":2,\"i\":{value}}}]"));
        host = host.typed(&[("i", AttributeType::Int), ("id", AttributeType::Any)]);
        host.chunk = 3;
        let outcome = load_into(&mut host, ARRAY).map_err(|error| error.to_string());
        (outcome.map(|_| host.lines.len()), host)
    };
    let (outcome, host) = typed("\"abc\"");
    assert_eq!(outcome, Err("Invalid value for attribute i: \"abc\", expecting Int".to_owned()));
    assert!(host.lines.is_empty());
    let reject = &host.rejects[0];
    assert_eq!((reject.line, reject.byte_offset, reject.kind), (2, 17, "type"));
    assert_eq!(reject.column.as_deref(), Some("i"));
    assert!(reject.raw.starts_with("{\"id\":2,\"i\":\"abc\""), "{}", reject.raw);
    // Values that are split between chunks, and null, which fits every type.
    assert_eq!(typed("1.5e1").0, Ok(2));
    assert_eq!(typed("null").0, Ok(2));
    assert!(typed("1.5e0").0.is_err());
}

#[test]
fn keys_are_checked_against_their_type() {
    let load = |record: &str| {
        let mut host = MemoryHost::new(format!("[{record}]")).typed(&[("id", AttributeType::String)]);
        load_into(&mut host, ARRAY).map(|_| ()).map_err(|error| error.to_string())
    };
    assert_eq!(load("{\"id\":\"1\"}"), Ok(()));
    assert_eq!(load("{\"id\":null}"), Ok(()));
    assert_eq!(load("{\"id\":1}"), Err("Value 1 in property id must be a string".to_owned()));
}

#[test]
fn a_rejected_record_shows_only_its_start() {
    let mut host = MemoryHost::new(format!("[{{\"id\":1}},\n {{\"id\":true,\"x\":\"{}\"}}]", "é".repeat(2000)));
    assert!(load_into(&mut host, ARRAY).is_err());
    let reject = &host.rejects[0];
    assert_eq!((reject.line, reject.byte_offset, reject.kind), (2, 12, "key"));
    assert_eq!(reject.column.as_deref(), Some("id"));
    assert!(reject.raw.len() <= 1024 && reject.raw.starts_with("{\"id\":true,"));
    let mut host = MemoryHost::new("[{\"id\":1},\n 7]");
    assert!(load_into(&mut host, ARRAY).is_err());
    assert_eq!((host.rejects[0].line, host.rejects[0].byte_offset), (2, 12));
    let mut host = MemoryHost::new("[{\"id\":1},\n {\"id\":");
    assert!(load_into(&mut host, ARRAY).is_err());
    assert_eq!(host.rejects[0].reason, "Parser has expected a value: the input ends at line 2, column 8, byte 18");
}

#[test]
fn an_error_at_the_end_of_many_records_writes_nothing() {
    let mut text = "[".to_owned();
    (0..20_000).for_each(|id| text.push_str(&format!("{{\"id\":{id},\"name\":\"x\"}},\n")));
    text.push_str("oops]");
    let sentence = loaded_lines(text, ARRAY).unwrap_err();
    assert!(sentence.starts_with("Invalid JSON at line 20001, column 1, byte "), "{sentence}");
}

#[test]
fn a_source_that_changes_between_the_passes_is_an_error() {
    let mut host = MemoryHost::new("[{\"id\":1}]");
    host.change_at_open = Some(2);
    assert!(matches!(load_into(&mut host, ARRAY), Err(LoadError::Changed)));
    assert!(host.lines.is_empty());
}

#[test]
fn cancelling_stops_between_chunks() {
    let mut host = MemoryHost::new("{\"id\":1}\n".repeat(1000));
    host.chunk = 100;
    host.cancel_after = Some(3);
    assert!(matches!(load_into(&mut host, LINES), Err(LoadError::Cancelled)));
    assert!(host.lines.is_empty());
}
