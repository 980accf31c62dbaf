use serde_json::{Map, Value, json};

use super::*;
use jobhost_model::AttributeType;
use jobhost_model::attributes::Attribute;
use jobhost_model::table::MAX_ATTRIBUTES;
use jobhost_model::table::TableName;

fn table(attributes: &[(&str, AttributeType)]) -> Table {
    Table {
        name: TableName::new("data", "dog"),
        id: 7,
        primary_key: "id".into(),
        schema_defined: !attributes.is_empty(),
        attributes: attributes
            .iter()
            .map(|(name, declared)| Attribute { name: (*name).into(), attribute_type: Some(*declared), indexed: false })
            .collect::<Vec<_>>()
            .into(),
    }
}

fn source() -> KeySource {
    KeySource::new(std::sync::Arc::new(jobhost_model::SystemClock))
}

fn parse(text: &str) -> Result<Batch, BatchError> {
    Batch::parse(text.to_owned(), &table(&[]), Action::Insert, &BatchLimits::default(), &source())
}

fn parse_typed(text: &str, attributes: &[(&str, AttributeType)]) -> Result<Batch, BatchError> {
    Batch::parse(text.to_owned(), &table(attributes), Action::Insert, &BatchLimits::default(), &source())
}

fn texts(batch: &Batch) -> Vec<&str> {
    batch.iter().map(|(_, text)| text).collect()
}

fn keys(batch: &Batch) -> Vec<Value> {
    batch.iter().map(|(key, _)| key.to_json()).collect()
}

#[test]
fn unchanged_records_are_slices_of_the_input() {
    let batch = parse(
        "{\"id\":1,\"a\":\"x\"}\n\n  \r\n {\"id\" : \"two\", \"b\": [1, {\"c\":null}] } \r\n{\"a\":2.50,\"id\":-3}",
    )
    .unwrap();
    assert_eq!(
        texts(&batch),
        ["{\"id\":1,\"a\":\"x\"}", "{\"id\" : \"two\", \"b\": [1, {\"c\":null}] }", "{\"a\":2.50,\"id\":-3}"]
    );
    assert_eq!(keys(&batch), [json!(1), json!("two"), json!(-3)]);
    assert_eq!(batch.attributes(), ["id", "a", "b"]);
    assert_eq!(batch.len(), 3);
    assert!(batch.rewritten.is_empty());
    assert_eq!(batch.text_bytes(), texts(&batch).iter().map(|text| text.len()).sum::<usize>());
    assert_eq!(batch.table_id(), 7);
}

#[test]
fn an_empty_batch_is_valid() {
    for text in ["", "\n", " \r\n\t\n"] {
        assert!(parse(text).unwrap().is_empty());
    }
}

#[test]
fn system_attributes_are_dropped() {
    let batch = parse("{\"__createdtime__\":1,\"id\":1,\"__updatedtime__\":2}\n{\"id\":2,\"\\u005f_createdtime__\":3}")
        .unwrap();
    assert_eq!(texts(&batch), ["{\"id\":1}", "{\"id\":2}"]);
    assert_eq!(batch.attributes(), ["id"]);
}

#[test]
fn the_last_value_of_a_duplicate_name_wins() {
    let batch = parse("{\"id\":1,\"a\":1,\"id\":2}\n{\"id\":1,\"\\u0069d\":9}\n{\"id\":5,\"a\":0}").unwrap();
    assert_eq!(keys(&batch), [json!(2), json!(9), json!(5)]);
    assert_eq!(texts(&batch), ["{\"id\":2,\"a\":1}", "{\"id\":9}", "{\"id\":5,\"a\":0}"]);
}

#[test]
fn absent_keys_are_generated_and_written_into_the_record() {
    let batch = parse("{\"a\":1}\n{\"id\":null,\"a\":2}\n{}\n{\"id\":1,\"id\":null}").unwrap();
    let keys: Vec<_> = batch.iter().map(|(key, _)| key).collect();
    for ((key, text), expected) in batch.iter().zip([json!(1), json!(2), Value::Null, Value::Null]) {
        let record: Map<String, Value> = serde_json::from_str(text).unwrap();
        assert_eq!(record["id"], key.to_json());
        assert_eq!(record.get("a").unwrap_or(&Value::Null), &expected);
        let number = record["id"].as_u64().unwrap();
        assert!(number < 1 << 53, "{number}");
    }
    for (index, key) in keys.iter().enumerate() {
        assert!(!keys[..index].contains(key));
    }
}

#[test]
fn a_key_declared_as_a_string_is_generated_as_a_string() {
    let batch = parse_typed("{\"a\":1}", &[("id", AttributeType::Id)]).unwrap();
    assert_eq!(keys(&batch)[0].as_str().unwrap().len(), 36);
}

#[test]
fn records_with_generated_keys_are_marked_and_begin_with_them() {
    let batch = parse("{\"id\":1}\n{\"a\":1}\n\n{\"id\":null}\n{\"id\":2}\n{}").unwrap();
    let generated = batch.generated().unwrap();
    assert_eq!(generated.records, [1, 2, 4]);
    for place in &generated.records {
        let (key, text) = batch.iter().nth(*place as usize).unwrap();
        assert!(text.starts_with(&format!("{{\"id\":{}", key.to_json())), "{text}");
    }
    assert!(parse("{\"id\":1}").unwrap().generated().is_none());
}

#[test]
fn an_update_needs_its_key() {
    let error = Batch::parse("{\"a\":1}", &table(&[]), Action::Update, &BatchLimits::default(), &source()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "a valid hash attribute must be provided with update record, check log for more info"
    );
}

#[test]
fn valid_keys_of_every_type_are_accepted_and_others_rejected() {
    let batch = parse(
        "{\"id\":1.0}\n{\"id\":1e2}\n{\"id\":12345678901234567890}\n{\"id\":\"a\\u00e9\\n\"}\n{\"id\":\"\"}\n{\"id\":-0}\n{\"id\":\"6fa459ea-ee8a-3ca4-894e-db77e160355e\"}",
    )
    .unwrap();
    let expected = [
        json!(1),
        json!(100),
        json!(12345678901234567890u64 as f64),
        json!("aé\n"),
        json!(""),
        json!(0),
        json!("6fa459ea-ee8a-3ca4-894e-db77e160355e"),
    ];
    assert_eq!(keys(&batch), expected);
    for (text, sentence) in [
        ("{\"id\":true}", "Invalid primary key type: boolean".to_owned()),
        ("{\"id\":[1]}", "Invalid primary key type: array".to_owned()),
        ("{\"id\":{}}", "Invalid primary key type: object".to_owned()),
        (&format!("{{\"id\":\"{}\"}}", "x".repeat(2100)), "Primary key size is too large: 2100".to_owned()),
    ] {
        assert_eq!(parse(text).unwrap_err().to_string(), sentence);
    }
    assert!(parse(&format!("{{\"id\":\"{}\"}}", "x".repeat(1978))).is_ok());
    assert!(parse(&format!("{{\"id\":\"{}\"}}", "x".repeat(1979))).is_err());
}

#[test]
fn impossible_names_are_refused() {
    for name in ["", "undefined", "null"] {
        let error = parse(&format!("{{\"id\":1}}\n{{\"id\":2,\"{name}\":1}}")).unwrap_err();
        assert_eq!((error.to_string(), error.record), (format!("Invalid attribute name: '{name}'"), 2));
    }
    assert!(parse("{\"id\":1,\"constructor\":1,\"naïve\\\\\":2}").is_ok());
    let long = "é".repeat(126);
    let error = parse(&format!("{{\"{long}\":1}}")).unwrap_err();
    assert!(matches!(error.kind, BatchErrorKind::FixedLimit));
    let sentence = format!(
        "transaction aborted due to attribute name {long} being too long. \
         Attribute names cannot be longer than 250 bytes."
    );
    assert_eq!(error.to_string(), sentence);
    let longer = parse(&format!("{{\"{}\":1}}", "é".repeat(100_000))).unwrap_err().to_string();
    assert!(longer.len() < 2200 && longer.contains("é… being too long"), "{longer}");
}

#[test]
fn new_names_with_backticks_or_slashes_are_refused() {
    for name in ["a/b", "`", "some`$`attribute", "\\u0060", "a\\/"] {
        for action in [Action::Insert, Action::Update, Action::Upsert] {
            let text = format!("{{\"id\":1}}\n{{\"id\":2,\"{name}\":1}}");
            let error = Batch::parse(text, &table(&[]), action, &BatchLimits::default(), &source()).unwrap_err();
            assert_eq!((error.to_string().as_str(), error.record), (FORBIDDEN_CHARACTER, 2), "{name}");
        }
    }
    // A table that already has such an attribute keeps it.
    let text = "{\"id\":1,\"a/b\":1,\"a\\u0060\":2}";
    let old = table(&[("a/b", AttributeType::Any), ("a`", AttributeType::Int)]);
    assert_eq!(Batch::parse(text, &old, Action::Update, &BatchLimits::default(), &source()).unwrap().len(), 1);
}

#[test]
fn an_update_with_an_empty_key_is_rejected() {
    let update = |text: &str| {
        let parsed = Batch::parse(text.to_owned(), &table(&[]), Action::Update, &BatchLimits::default(), &source());
        parsed.map(|batch| batch.len()).map_err(|error| error.to_string())
    };
    let refusal = "a valid hash attribute must be provided with update record, check log for more info";
    for text in ["{\"a\":1}", "{\"id\":null}", "{\"id\":\"\"}", "{\"id\":1}\n{\"a\":2,\"id\": \"\" }"] {
        assert_eq!(update(text), Err(refusal.to_owned()), "{text}");
    }
    assert_eq!(update("{\"id\":\" \"}\n{\"id\":0}"), Ok(2));
    assert!(parse("{\"id\":\"\"}").is_ok());
}

#[test]
fn system_attributes_are_dropped_and_reported() {
    let batch = parse("{\"id\":1,\"__updatedtime__\":1}\n{\"id\":2,\"a\":1,\"__createdtime__\":\"x\"}").unwrap();
    assert_eq!(batch.attributes(), ["id", "a"]);
    assert_eq!(batch.system_attributes(), ["__updatedtime__", "__createdtime__"]);
}

#[test]
fn invalid_records_are_rejected_with_their_position() {
    for (text, sentence) in [
        ("{\"id\":1}\n[1]", "record 2 of the batch is not a JSON object"),
        ("{\"id\":1}\n7", "record 2 of the batch is not a JSON object"),
        ("{\"id\":1} {\"id\":2}", "record 1 of the batch is not valid JSON: expected the end of the line at byte 10"),
        ("{\"id\":1,}", "record 1 of the batch is not valid JSON: expected a member name in quotes at byte 9"),
        ("{\"id\":1\n}", "record 1 of the batch is not valid JSON: expected `,` or `}` at byte 8"),
        (
            "\n{\"id\":1,\"a\":\"x\ny\"}",
            "record 1 of the batch is not valid JSON: a control character in a string at byte 15",
        ),
        ("x", "record 1 of the batch is not valid JSON: expected a value at byte 1"),
        ("{\"id\":1e999}", "record 1 of the batch is not valid JSON: a number is out of range at byte 7"),
    ] {
        assert_eq!(parse(text).unwrap_err().to_string(), sentence);
    }
    let error = Batch::parse(
        b"{\"id\":1}\n{\"id\":\"\xff\"}".to_vec(),
        &table(&[]),
        Action::Insert,
        &BatchLimits::default(),
        &source(),
    );
    assert_eq!(error.unwrap_err().to_string(), "line 2 of the batch is not UTF-8");
}

#[test]
fn limits_hold() {
    let default = BatchLimits::DEFAULT;
    let limits = BatchLimits {
        bytes: default.bytes.with_value(400),
        records: default.records.with_value(3),
        record_bytes: default.record_bytes.with_value(60),
        depth: default.depth.with_value(3),
    };
    let limited = |text: &str| Batch::parse(text.to_owned(), &table(&[]), Action::Insert, &limits, &source());
    let kind = |text: &str| limited(text).unwrap_err().kind;
    assert!(matches!(kind(&"x".repeat(401)), BatchErrorKind::Limit(_)));
    assert!(limited("{}\n{}\n{}").is_ok());
    assert_eq!(limited("{}\n{}\n{}\n{}").unwrap_err().to_string(), "a batch holds more than the limit of 3 records");
    assert!(matches!(kind(&format!("{{\"id\":\"{}\"}}", "x".repeat(52))), BatchErrorKind::Limit(_)));
    assert!(limited(&format!("{{\"id\":\"{}\"}}", "x".repeat(51))).is_ok());
    assert!(limited("{\"a\":[[1]]}").is_ok());
    assert_eq!(
        limited("{\"a\":[[[1]]]}").unwrap_err().to_string(),
        "record 1 of the batch is nested deeper than the limit of 3 levels"
    );
    assert!(matches!(kind(&format!("{{\"{}\":1}}", "n".repeat(251))), BatchErrorKind::FixedLimit));
    let wide: Vec<_> = (0..=MAX_ATTRIBUTES).map(|number| format!("\"a{number}\":1")).collect();
    assert!(matches!(parse(&format!("{{{}}}", wide.join(","))).unwrap_err().kind, BatchErrorKind::FixedLimit));
}

#[test]
fn declared_types_are_checked() {
    use AttributeType as Type;
    let all = [
        ("id", Type::Int),
        ("i", Type::Int),
        ("l", Type::Long),
        ("f", Type::Float),
        ("b", Type::Boolean),
        ("s", Type::String),
        ("d", Type::Date),
        ("n", Type::BigInt),
        ("x", Type::Id),
        ("any", Type::Any),
    ];
    for fine in [
        "\"i\":1",
        "\"i\":-2147483648",
        "\"i\":1.0",
        "\"l\":9007199254740992",
        "\"f\":1",
        "\"f\":1.5e3",
        "\"b\":true",
        "\"b\":false",
        "\"s\":\"\"",
        "\"d\":\"2021-01-02T03:04:05.000Z\"",
        "\"d\":\"2021-01-02\"",
        "\"d\":1",
        "\"n\":12345678901234567890",
        "\"n\":\"123\"",
        "\"x\":\"a\"",
        "\"x\":[\"a\"]",
        "\"any\":[1]",
        "\"i\":null,\"l\":null,\"f\":null,\"b\":null,\"s\":null,\"d\":null,\"n\":null",
        "\"other\":{}",
    ] {
        assert!(parse_typed(&format!("{{\"id\":1,{fine}}}"), &all).is_ok(), "{fine}");
    }
    for (bad, sentence) in [
        ("\"i\":\"abc\"", "Invalid value for attribute i: \"abc\", expecting Int"),
        ("\"i\":1.5", "Invalid value for attribute i: 1.5, expecting Int"),
        ("\"i\":2147483648", "Value 2147483648 in property i must be an integer (from -2147483648 to 2147483647)"),
        ("\"l\":true", "Invalid value for attribute l: true, expecting Long"),
        ("\"l\":1e300", "Value 1e300 in property l must be an integer (from -9007199254740992 to 9007199254740992)"),
        ("\"f\":\"1\"", "Invalid value for attribute f: \"1\", expecting Float"),
        ("\"b\":\"yes\"", "Value \"yes\" in property b must be a boolean"),
        ("\"s\":1", "Value 1 in property s must be a string"),
        ("\"d\":\"soon\"", "Invalid value for attribute d: \"soon\", expecting Date"),
        ("\"n\":\"1x\"", "Invalid value for attribute n: \"1x\", expecting BigInt"),
        ("\"x\":[1]", "Value [1] in property x must be a string, or an array of strings"),
    ] {
        assert_eq!(parse_typed(&format!("{{\"id\":1,{bad}}}"), &all).unwrap_err().to_string(), sentence);
    }
    assert_eq!(
        parse_typed("{\"id\":\"x\"}", &all).unwrap_err().to_string(),
        "Invalid value for attribute id: \"x\", expecting Int"
    );
    assert_eq!(
        parse_typed("{\"id\":1.5}", &all).unwrap_err().to_string(),
        "Invalid value for attribute id: 1.5, expecting Int"
    );
    assert_eq!(
        parse_typed("{\"id\":1}", &[("id", Type::String)]).unwrap_err().to_string(),
        "Value 1 in property id must be a string"
    );
}

#[test]
fn records_of_changing_shape_are_read_like_serde_json_reads_them() {
    let shapes = [
        "{\"id\":1,\"a\":1,\"b\":2}",
        "{\"a\":1,\"id\":2,\"b\":2}",
        "{\"id\":3}",
        "{\"id\":4,\"b\":1,\"a\":2}",
        "{\"id\":5,\"ab\":1,\"a\":2,\"c\":3,\"d\":4}",
        "{ \"id\" : 6 , \"a\" : 1 }",
        "{\"id\":7,\"\\u0061\":1,\"b\":2}",
        "{\"id\":8,\"a\":1,\"b\":2}",
    ];
    for rotation in 0..shapes.len() {
        let mut rotated = shapes.to_vec();
        rotated.rotate_left(rotation);
        let batch = parse(&rotated.join("\n")).unwrap();
        for (text, original) in texts(&batch).into_iter().zip(rotated) {
            assert_eq!(serde_json::from_str::<Value>(text).unwrap(), serde_json::from_str::<Value>(original).unwrap());
        }
    }
}

#[test]
fn a_record_is_found_by_the_key_that_the_client_sent() {
    let mut state = 17u64;
    for _ in 0..20_000 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let text = match state % 4 {
            0 => format!("{}.{}", state >> 44, state >> 20 & 0xffff_ffff),
            1 => format!("{}e{}", state >> 30, (state >> 8) % 40),
            2 => format!("{state}{}", state >> 3),
            _ => format!("-0.{state}"),
        };
        let batch = parse(&format!("{{\"id\":{text}}}")).unwrap();
        let sent = Key::from_json(&serde_json::from_str(&text).unwrap()).unwrap().unwrap();
        assert_eq!(batch.iter().next().unwrap().0, sent, "{text}");
    }
}

/// Fuzz target: a few random inputs under `cargo test`, unlimited under `cargo bolero test`.
#[test]
fn fuzz_batch() {
    bolero::check!().for_each(|bytes: &[u8]| {
        let Ok(batch) = Batch::parse(bytes.to_vec(), &table(&[]), Action::Insert, &BatchLimits::default(), &source())
        else {
            return;
        };
        for (_, text) in batch.iter() {
            assert!(serde_json::from_str::<Map<String, Value>>(text).is_ok_and(|record| record.contains_key("id")));
        }
    });
}
