//! Detection of the shape from the first byte: an array, one object, or a sequence of objects.

use jobhost_json::Shape;
use jobhost_load::memory::MemoryHost;

use crate::host::{DETECT, load_into, loaded_lines};

#[test]
fn the_first_byte_decides_the_shape() {
    for text in [
        "[{\"id\":1},{\"id\":2}]",
        " \n[ {\"id\":1} , {\"id\":2}\n]\n",
        "{\"id\":1}\n{\"id\":2}\n",
        "{\"id\":1}\r\n\r\n{\"id\":2}",
        "\u{feff}{\"id\":1}\n{\"id\":2}",
        "\u{feff} [{\"id\":1},{\"id\":2}]",
        "{\n  \"id\": 1\n}\n{\n  \"id\": 2\n}\n",
        "{\"id\":1}{\"id\":2}",
    ] {
        for chunk in [1, 2, 3, 7, 1000] {
            let mut host = MemoryHost { chunk, ..MemoryHost::new(text) };
            load_into(&mut host, DETECT).unwrap();
            assert_eq!(host.lines, ["{\"id\":1}", "{\"id\":2}"], "{text:?} in chunks of {chunk}");
        }
    }
    assert_eq!(loaded_lines("{\"id\": 1,\n \"o\": {\"n\": 1.50}}", DETECT).unwrap(), ["{\"id\":1,\"o\":{\"n\":1.50}}"]);
    for empty in ["", " \n ", "[]", "\u{feff}"] {
        assert_eq!(loaded_lines(empty, DETECT), Ok(vec![]), "{empty:?}");
    }
}

#[test]
fn problems_are_reported_with_position_and_member() {
    for (text, kind, line, byte, member) in [
        ("{\"id\":1}\n{\"id\":2,\"a\":tru}\n", "syntax", 2, 9, Some("a")),
        ("{\"id\":1}\n{\"id\":2,\"a\":[1,{\"b\":}]}\n", "syntax", 2, 9, Some("a")),
        ("{\"id\":1}\n{\"id\":2,\"a\":1\n{\"id\":3}\n", "syntax", 2, 9, Some("a")),
        ("{\"id\":1}\n{\"id\":2,", "syntax", 2, 9, None),
        ("{\"id\":1},\n{\"id\":2}", "syntax", 1, 8, None),
        ("{\"id\":1}\n[{\"id\":2}]", "syntax", 2, 9, None),
        ("{\"id\":1}\n5", "syntax", 2, 9, None),
        ("{\"id\":1}\n{\"id\":true}", "key", 2, 9, Some("id")),
        ("[{\"id\":1}]\n{\"id\":2}", "syntax", 2, 11, None),
        ("nonsense", "syntax", 1, 0, None),
    ] {
        for chunk in [1, 5, 1000] {
            let mut host = MemoryHost { chunk, ..MemoryHost::new(text) };
            load_into(&mut host, DETECT).unwrap_err();
            assert!(host.lines.is_empty(), "{text:?} leaves nothing");
            let [reject] = &host.rejects[..] else { panic!("{text:?} has one reject") };
            let place = (reject.kind, reject.line, reject.byte_offset, reject.column.as_deref());
            assert_eq!(place, (kind, line, byte, member), "{text:?} in chunks of {chunk}: {}", reject.reason);
        }
    }
}

#[test]
fn an_interrupted_load_of_objects_resumes_at_its_checkpoint() {
    let text: String = (0..60_000).map(|id| format!("{{\"id\": {id},\n \"a\": \"x\"}}\n")).collect();
    for text in [text.clone(), format!("[{}]", text.trim_end().replace("}\n", "},\n"))] {
        let mut host = MemoryHost { crash_at_batch: Some(1), ..MemoryHost::new(text) };
        load_into(&mut host, DETECT).unwrap_err();
        host.crash_at_batch = None;
        assert!(host.checkpoint.is_some());
        load_into(&mut host, DETECT).unwrap();
        let ids: Vec<u64> = host.records().iter().map(|record| record["id"].as_u64().unwrap()).collect();
        assert_eq!(ids, (0..60_000).collect::<Vec<u64>>());
    }
    assert_eq!(DETECT.shape, Shape::Detect);
}
