//! Properties that hold for any input.

use jobhost_json::Options;
use jobhost_load::memory::MemoryHost;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Map, Value};

use crate::host::{ARRAY, DETECT, LINES, load_into, loaded, loaded_lines};

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(Value::from),
        "[a-z \"\\\\\n\u{e9}\u{1f600}]{0,30}".prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(4, 20, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::from),
            vec((any::<String>(), inner), 0..5).prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Generates records with valid names and strings that do not contain JSON.
fn records(most: usize) -> impl Strategy<Value = Vec<Value>> {
    let name = "[a-f]|a long name of an attribute|[\u{e9}\"\\\\]{1,3}";
    let key = prop_oneof![any::<u32>().prop_map(Value::from), "[a-z]{0,9}".prop_map(Value::from)];
    let record = (prop::option::of(key), vec((name, value()), 0..7)).prop_map(|(key, members)| {
        let mut record: Map<String, Value> = key.into_iter().map(|key| ("id".to_owned(), key)).collect();
        record.extend(
            members.into_iter().filter(|(_, value)| !value.as_str().is_some_and(|text| text.starts_with(['{', '[']))),
        );
        Value::Object(record)
    });
    vec(record, 0..most)
}

fn written(records: &[Value], options: Options, spaced: bool) -> String {
    if options.shape == LINES.shape {
        return records.iter().map(|record| format!("{record}\n")).collect();
    }
    match spaced {
        true => serde_json::to_string_pretty(records).unwrap(),
        false => serde_json::to_string(records).unwrap(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_records_arrive_in_any_chunks(records in records(12), chunk in 1usize..100, spaced in any::<bool>()) {
        for options in [ARRAY, DETECT, LINES] {
            let mut host = MemoryHost::new(written(&records, options.clone(), spaced));
            host.chunk = chunk;
            load_into(&mut host, options.clone()).unwrap();
            let compact: Vec<String> = records.iter().map(Value::to_string).collect();
            prop_assert_eq!(&host.lines, &compact);
        }
    }

    #[test]
    fn chunks_make_no_difference_and_nothing_panics(
        text in "(\\{|\\}|\\[|\\]|,|:|\"|\\\\| |\n|1|-|\\.5|e|true|null|\"id\":|\"a\":|\\{\"a\":1\\}|\\[\\{\"id\":1\\},|é){0,20}",
        array in any::<bool>(),
        chunk in 1usize..9,
    ) {
        let options = if array { ARRAY } else { LINES };
        let load_in = |chunk: usize| {
            let mut host = MemoryHost::new(text.clone());
            host.chunk = chunk;
            let outcome = load_into(&mut host, options.clone()).map_err(|error| error.to_string());
            let reject = host.rejects.first().map(|reject| (reject.line, reject.byte_offset, reject.reason.clone()));
            (outcome, host.lines, reject)
        };
        prop_assert_eq!(load_in(chunk), load_in(1 << 20));
    }

    #[test]
    fn strings_are_converted_like_cells_of_a_csv_file(text in "[\\[{][\\[\\]{}\",: 0-9a]{0,8}[\\]}]") {
        let record = serde_json::json!({"id": 1, "v": text});
        let arrived = loaded(record.to_string(), LINES).unwrap();
        let expected = serde_json::from_str::<Value>(&text).unwrap_or(Value::String(text));
        prop_assert_eq!(&arrived[0]["v"], &expected);
    }
}

proptest! {
    // Each case runs one load per byte of its input.
    #![proptest_config(ProptestConfig { cases: 20, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_input_truncated_anywhere_is_an_error_or_complete(records in records(3), spaced in any::<bool>()) {
        let text = written(&records, ARRAY, spaced);
        for cut in 0..text.len() {
            let outcome = loaded_lines(&text.as_bytes()[..cut], ARRAY);
            prop_assert_eq!(outcome, Err("Parser has expected a value".to_owned()), "cut at {}", cut);
        }
        let text = written(&records, LINES, false);
        for cut in 0..text.len() {
            if let Ok(arrived) = loaded_lines(&text.as_bytes()[..cut], LINES) {
                let whole: Vec<String> = records.iter().take(arrived.len()).map(Value::to_string).collect();
                prop_assert_eq!(&arrived, &whole);
                prop_assert!(cut == 0 || text.as_bytes()[cut - 1] == b'\n' || text.as_bytes()[cut] == b'\n');
            }
        }
    }
}
