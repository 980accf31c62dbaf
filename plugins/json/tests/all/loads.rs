//! Records that are loaded successfully.

use jobhost_json::{LoadError, Options, Shape};
use jobhost_load::AttributeType;
use jobhost_load::memory::MemoryHost;
use serde_json::json;

use crate::host::{ARRAY, LINES, load_into, loaded_lines};

#[track_caller]
fn becomes(record: &str, line: &str) {
    assert_eq!(loaded_lines(format!("[{record}]"), ARRAY).as_deref(), Ok(&[line.to_owned()][..]), "{record}");
    if !record.contains('\n') {
        assert_eq!(loaded_lines(record, LINES).as_deref(), Ok(&[line.to_owned()][..]), "{record}");
    }
}

#[test]
fn values_keep_their_json() {
    for record in [
        r#"{"id":1,"n":1.50,"big":12345678901234567890123,"e":1e3,"z":-0}"#,
        r#"{"id":2,"text":"10","flag":"true","date":"2021-01-02T03:04:05Z","zip":"007"}"#,
        r#"{"id":3,"o":{"a":[1,{"b":null}]},"t":true,"f":false,"x":null,"s":""}"#,
        r#"{"id":"4","uni":"\u00e9\ud83d\ude00\n\/","é😀":"日本","__proto__":1,"a/b`":2}"#,
        r#"{"name":"no key"}"#,
        r#"{"id":null}"#,
        r#"{"id":""}"#,
        "{}",
    ] {
        becomes(record, record);
    }
}

#[test]
fn white_space_between_tokens_is_removed() {
    becomes(
        " { \"id\" : 1 ,\t\"a b\": \"c  d\", \"o\" : { \"x\" : [ 1 , \"y z\" ] } , \"e\": [ ] } ",
        r#"{"id":1,"a b":"c  d","o":{"x":[1,"y z"]},"e":[]}"#,
    );
    becomes("{\r\n  \"id\": 1,\n  \"o\": {\n    \"q\\\" r\": \"\\\\\"\n  }\n}\n", r#"{"id":1,"o":{"q\" r":"\\"}}"#);
    becomes("{ }", "{}");
}

#[test]
fn strings_that_contain_json_objects_or_arrays_are_converted() {
    for (value, stored) in [
        (r#""[1, 2]""#, "[1,2]"),
        (r#""{\"a\": {\"b\": \"[1]\"}, \"n\": 1.50}""#, r#"{"a":{"b":"[1]"},"n":1.50}"#),
        (r#""\u007b\u007d""#, "{}"),
        (r#""[]""#, "[]"),
        // Invalid JSON stays text.
        (r#""{bad}""#, r#""{bad}""#),
        (r#""[1,]""#, r#""[1,]""#),
        (r#""[1] ""#, r#""[1] ""#),
        (r#"" [1]""#, r#"" [1]""#),
        (r#""{\"a\":\"\\ud800\"}""#, r#""{\"a\":\"\\ud800\"}""#),
        (r#""\n[1]""#, r#""\n[1]""#),
        (r#""[""#, r#""[""#),
        (r#""42""#, r#""42""#),
    ] {
        becomes(&format!("{{\"id\":1,\"v\":{value},\"w\":0}}"), &format!("{{\"id\":1,\"v\":{stored},\"w\":0}}"));
    }
    let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    becomes(&format!("{{\"v\":\"{}\"}}", deep(31)), &format!("{{\"v\":{}}}", deep(31)));
    becomes(&format!("{{\"v\":\"{}\"}}", deep(32)), &format!("{{\"v\":\"{}\"}}", deep(32)));
    // Strings inside of values and in the key are not converted.
    becomes(r#"{"id":"[1]","o":{"v":"[1]"},"l":["[1]"]}"#, r#"{"id":"[1]","o":{"v":"[1]"},"l":["[1]"]}"#);
}

#[test]
fn strings_of_typed_attributes_stay_strings() {
    let mut host = MemoryHost::new(r#"[{"id":1,"s":"[1]","a":"[1]","u":"[1]"}]"#);
    host = host.typed(&[("s", AttributeType::String), ("a", AttributeType::Any)]);
    load_into(&mut host, ARRAY).unwrap();
    assert_eq!(host.lines, [r#"{"id":1,"s":"[1]","a":[1],"u":[1]}"#]);
}

#[test]
fn attributes_that_the_host_sets_are_ignored() {
    becomes(r#"{"id":1,"__createdtime__":5,"a":2,"__updatedtime__":null}"#, r#"{"id":1,"a":2}"#);
    becomes(r#"{"__createdtime__":5}"#, "{}");
    becomes(r#"{"\u005f_createdtime__":5,"id":3}"#, r#"{"id":3}"#);
    let mut host = MemoryHost::new(r#"[{"__createdtime__":5,"id":1}]"#);
    load_into(&mut host, ARRAY).unwrap();
    assert_eq!(host.declared, ["id"]);
}

#[test]
fn repeated_names_are_passed_to_the_host_which_keeps_the_last() {
    becomes(r#"{"id":1,"a":1,"a":2}"#, r#"{"id":1,"a":1,"a":2}"#);
    // The last key is the one that is checked.
    becomes(r#"{"id":true,"id":2}"#, r#"{"id":true,"id":2}"#);
}

#[test]
fn arrays_may_be_formatted_in_any_way() {
    let cases: &[(&str, &[&str])] = &[
        ("[]", &[]),
        (" \n[ ]\n ", &[]),
        ("\u{feff}[]", &[]),
        ("[{\"a\":1},{\"a\":2}]", &["{\"a\":1}", "{\"a\":2}"]),
        ("\u{feff} [\n  {\"a\":1} ,\r\n\t{\"a\":2}\n]\n", &["{\"a\":1}", "{\"a\":2}"]),
    ];
    for (text, lines) in cases {
        assert_eq!(loaded_lines(*text, ARRAY).unwrap(), *lines, "{text:?}");
    }
}

#[test]
fn lines_may_be_formatted_in_any_way() {
    let cases: &[(&str, &[&str])] = &[
        ("", &[]),
        ("\n \r\n\t\n", &[]),
        ("\u{feff}", &[]),
        ("{\"a\":1}", &["{\"a\":1}"]),
        ("\u{feff}{\"a\":1}\r\n\n  {\"a\":2} \n", &["{\"a\":1}", "{\"a\":2}"]),
    ];
    for (text, lines) in cases {
        assert_eq!(loaded_lines(*text, LINES).unwrap(), *lines, "{text:?}");
    }
}

#[test]
fn records_may_change_shape() {
    let shapes = [
        r#"{"id":1,"a":1,"b":2}"#,
        r#"{"a":1,"id":2,"b":2}"#,
        r#"{"id":3}"#,
        r#"{"id":4,"b":1,"a":2}"#,
        r#"{"id":5,"ab":1,"a":2,"c":3,"an attribute with a long name":4,"d":4}"#,
        r#"{"id":7,"\u0061":1,"b":2}"#,
        r#"{"id":8,"an attribute with a long nam":1,"b":2}"#,
    ];
    for rotation in 0..shapes.len() {
        let mut rotated = shapes.to_vec();
        rotated.rotate_left(rotation);
        let mut host = MemoryHost::new(rotated.join("\n"));
        load_into(&mut host, LINES).unwrap();
        assert_eq!(host.lines, rotated);
        host.declared.sort();
        let names = ["a", "ab", "an attribute with a long nam", "an attribute with a long name", "b", "c", "d", "id"];
        assert_eq!(host.declared, names);
    }
}

#[test]
fn attributes_of_late_records_are_declared_before_the_first_is_written() {
    let mut text = "{\"id\":0}\n".repeat(50_000);
    text.push_str("{\"id\":1,\"late\":true}\n");
    let mut host = MemoryHost::new(text);
    host.crash_at_batch = Some(0);
    assert!(matches!(load_into(&mut host, LINES), Err(LoadError::Host(_))));
    assert_eq!(host.declared, ["id", "late"]);
}

#[test]
fn an_update_needs_keys() {
    for shape in [Shape::Array, Shape::Lines] {
        let options = Options { key_required: Some("no key"), ..Options::new(shape) };
        let wrapped = |record: &str| if shape == Shape::Array { format!("[{record}]") } else { record.to_owned() };
        for record in [r#"{"id":null,"a":1}"#, r#"{"a":1}"#, "{}", r#"{"id":1,"id":null}"#] {
            assert_eq!(loaded_lines(wrapped(record), options.clone()), Err("no key".to_owned()), "{record}");
        }
        assert!(loaded_lines(wrapped(r#"{"id":1,"a":1}"#), options.clone()).is_ok());
    }
}

#[test]
fn progress_reaches_the_size_of_the_source() {
    let mut host = MemoryHost::new("{\"id\":1,\"name\":\"x\"}\n".repeat(20_000));
    host.chunk = 10_000;
    load_into(&mut host, LINES).unwrap();
    let total = host.source.len() as u64;
    assert!(host.progress.windows(2).all(|pair| pair[0].0 <= pair[1].0));
    assert_eq!(host.progress.first(), Some(&(0, Some(total))));
    assert_eq!(host.progress.last(), Some(&(total, Some(total))));
    assert!(host.progress.len() > 30);
}

#[test]
fn the_charset_of_the_media_type_counts() {
    let mut host = MemoryHost::new(b"[{\"id\":1,\"a\":\"caf\xe9\"}]".to_vec());
    host.media_type = Some("application/json; charset=ISO-8859-1");
    jobhost_json::load(&mut host, Options::new(Shape::Detect), None).unwrap();
    assert_eq!(host.records(), [json!({"id": 1, "a": "café"})]);
    let utf16: Vec<u8> =
        "\u{feff}{\"id\":1,\"a\":\"ä\"}\n{\"id\":2}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut host = MemoryHost::new(utf16);
    jobhost_json::load(&mut host, Options::new(Shape::Detect), None).unwrap();
    assert_eq!(host.records(), [json!({"id": 1, "a": "ä"}), json!({"id": 2})]);
    let mut host = MemoryHost::new(b"{\"id\":1}\n{\"id\":2,\"a\":\"\xff\"}".to_vec());
    host.media_type = Some("application/json; charset=gbk");
    let told = jobhost_json::load(&mut host, Options::new(Shape::Detect), None).unwrap_err();
    assert!(told.to_string().contains("line 2") && told.to_string().contains("not GBK"), "{told}");
}

#[test]
fn only_selected_attributes_are_loaded() {
    let mut host =
        MemoryHost::new(r#"[{"id":1,"a":"x","b":{"a":1}},{"b":2,"id":2}]"#).typed(&[("a", AttributeType::Int)]);
    let options = Options { columns: Some(vec!["id".to_owned(), "b".to_owned()]), ..Options::new(Shape::Detect) };
    jobhost_json::load(&mut host, options.clone(), None).unwrap();
    assert_eq!(host.records(), [json!({"id": 1, "b": {"a": 1}}), json!({"b": 2, "id": 2})]);
    assert_eq!(host.declared, ["id", "b"]);
}
