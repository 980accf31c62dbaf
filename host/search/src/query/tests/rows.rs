//! Tests that rows show values exactly as they are stored.

use super::*;

fn scalar_json() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e6..1e6_f64).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[a-c]{0,3}".prop_map(Value::from),
    ]
}

/// A value as text, with white space and escapes that JSON does not require.
fn value_text() -> impl Strategy<Value = String> {
    let scalar = prop_oneof![
        scalar_json().prop_map(|value| value.to_string()),
        Just("\"\\u0022}\\\\\"".to_owned()),
        Just("\"[{\\\",:\"".to_owned()),
        "[1-9][0-9]{0,20}".prop_map(|digits| format!("{digits}.5e-3")),
        "[ -~]{0,40}".prop_map(|text| Value::from(text).to_string()),
    ];
    scalar.prop_recursive(3, 12, 4, |inner| {
        let blank = || prop_oneof![Just(""), Just(" "), Just("\t\r ")];
        prop_oneof![
            (proptest::collection::vec(inner.clone(), 0..4), blank())
                .prop_map(|(items, blank)| format!("[{blank}{}{blank}]", items.join(&format!("{blank},{blank}")))),
            (proptest::collection::vec((any::<String>(), inner), 0..4), blank()).prop_map(|(members, blank)| {
                let members: Vec<_> = members
                    .into_iter()
                    .map(|(name, value)| format!("{}{blank}:{blank}{value}", Value::from(name)))
                    .collect();
                format!("{{{blank}{}{blank}}}", members.join(&format!("{blank},{blank}")))
            }),
        ]
    })
}

const NAMES: [&str; 8] = ["id", "a", "b", "name", "a \"quoted\" one", "é\n", "a rather long name of an attribute", ""];

/// Members of a record as (name, whether it has unnecessary escapes, value). Names may repeat.
fn members() -> impl Strategy<Value = Vec<(usize, bool, String)>> {
    proptest::collection::vec((0..NAMES.len(), proptest::bool::weighted(0.1), value_text()), 0..8)
}

fn record_text(members: &[(usize, bool, String)], blank: &str) -> String {
    let members: Vec<_> = members
        .iter()
        .map(|(name, escaped, value)| {
            let name = match escaped {
                false => Value::from(NAMES[*name]).to_string(),
                true => {
                    let units: String = NAMES[*name].encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
                    format!("\"{units}\"")
                }
            };
            format!("{name}{blank}:{blank}{value}")
        })
        .collect();
    format!("{blank}{{{blank}{}{blank}}}", members.join(&format!("{blank},{blank}")))
}

/// Returns the rows of records that are stored contiguously, as in a page.
fn rows(records: &[String], columns: &[usize], shape: RowShape, separator: Separator) -> Vec<String> {
    let mut fields = Fields::default();
    let columns: Vec<_> = columns.iter().map(|number| NAMES[*number].to_owned()).collect();
    let mut projection = Projection::new(&columns, shape, separator, &mut fields);
    let page = records.concat();
    let (mut rows, mut spans, mut start) = (Vec::new(), Vec::new(), 0);
    for record in records {
        let text = &page.as_bytes()[start..];
        assert_eq!(fields.find(text, &mut spans).unwrap(), record.len());
        start += record.len();
        let row = Row { text, length: record.len(), created: Timestamp(1), updated: Timestamp(2) };
        let mut out = Vec::new();
        let mut output = Output::new(&mut out);
        projection.write(row, &spans, &mut output);
        output.finish();
        rows.push(String::from_utf8(out).unwrap());
    }
    rows
}

#[test]
fn values_are_written_as_they_are_stored() {
    let records = [
        r#"{"id":1,"a":1.10,"b":"x"}"#.to_owned(),
        r#"{"b":{"x": [1, "a b"]},"id":2}"#.to_owned(),
        r#"{ "id" : 3 , "b" : null }"#.to_owned(),
    ];
    let all = [0, 1, 2];
    assert_eq!(
        rows(&records, &all, RowShape::Objects, Separator::Comma),
        [r#"{"id":1,"a":1.10,"b":"x"}"#, r#"{"id":2,"a":null,"b":{"x": [1, "a b"]}}"#, r#"{"id":3,"a":null,"b":null}"#]
    );
    assert_eq!(
        rows(&records, &all, RowShape::Arrays, Separator::NewLine),
        [r#"[1,1.10,"x"]"#, r#"[2,null,{"x":[1,"a b"]}]"#, "[3,null,null]"]
    );
    assert_eq!(rows(&records[..1], &[], RowShape::Objects, Separator::Comma), ["{}"]);
    assert_eq!(rows(&records[..1], &[2, 2, 0, 0], RowShape::Arrays, Separator::Comma), [r#"["x","x",1,1]"#]);
}

#[test]
fn damaged_records_are_rejected_without_a_crash() {
    let whole = r#"{"id":1,"a \"b":[{"x":"]"},2],"c":"d\\","e":true}"#;
    for end in 0..whole.len() {
        let mut fields = Fields::default();
        fields.slot("c");
        let mut spans = Vec::new();
        assert!(fields.find(&whole.as_bytes()[..end], &mut spans).is_err(), "{}", &whole[..end]);
    }
}

proptest! {
    #[test]
    fn rows_agree_with_the_tree(
        records in proptest::collection::vec((members(), prop_oneof![3 => Just(""), 1 => Just(" "), 1 => Just("\r\t")]), 1..5),
        columns in proptest::sample::subsequence((0..NAMES.len()).collect::<Vec<_>>(), 0..NAMES.len()).prop_shuffle(),
        compact in any::<bool>(),
    ) {
        let texts: Vec<_> = records.iter().map(|(members, blank)| record_text(members, blank)).collect();
        let separator = if compact { Separator::NewLine } else { Separator::Comma };
        let objects = rows(&texts, &columns, RowShape::Objects, separator);
        let arrays = rows(&texts, &columns, RowShape::Arrays, separator);
        for (((members, _), object), array) in records.iter().zip(&objects).zip(&arrays) {
            let (mut as_object, mut as_array) = (Vec::new(), Vec::new());
            for column in &columns {
                let value = members.iter().rev().find(|(name, _, _)| name == column);
                let mut value = value.map_or("null", |(_, _, value)| value.as_str()).to_owned();
                if compact && value.starts_with(['[', '{']) {
                    // A tree would lose digits of numbers; `RawValue` keeps them.
                    let mut parts = Vec::new();
                    text::each_compact_part(value.as_bytes(), |part| parts.extend_from_slice(part));
                    let parts = String::from_utf8(parts).unwrap();
                    let (one, other): (Value, Value) =
                        (serde_json::from_str(&value).unwrap(), serde_json::from_str(&parts).unwrap());
                    prop_assert_eq!(one, other);
                    value = parts;
                }
                as_object.push(format!("{}:{value}", Value::from(NAMES[*column])));
                as_array.push(value);
            }
            prop_assert_eq!(object, &format!("{{{}}}", as_object.join(",")));
            prop_assert_eq!(array, &format!("[{}]", as_array.join(",")));
        }
    }

    #[test]
    fn fields_are_found_in_any_record_and_format(
        record in proptest::collection::btree_map(any::<String>(), scalar_json(), 0..20),
        pretty in any::<bool>(),
        wanted in proptest::collection::vec(any::<prop::sample::Index>(), 0..5),
    ) {
        let text = if pretty { serde_json::to_string_pretty(&record) } else { serde_json::to_string(&record) }.unwrap();
        let names: Vec<_> = record.keys().collect();
        let mut fields = Fields::default();
        let absent = fields.slot("not there, surely: \u{1F980}");
        let mut spans = Vec::new();
        let slots: Vec<_> = wanted.iter().filter(|_| !names.is_empty()).map(|index| {
            let name = names[index.index(names.len())];
            (name, fields.slot(name))
        }).collect();
        // In the second pass, names are expected where the first pass found them.
        for _ in 0..2 {
            fields.find(text.as_bytes(), &mut spans).unwrap();
            prop_assert_eq!(value_at(text.as_bytes(), &spans, absent), None);
            for (name, slot) in &slots {
                let found: Value = serde_json::from_str(value_at(text.as_bytes(), &spans, *slot).unwrap()).unwrap();
                prop_assert_eq!(&found, &record[*name]);
            }
        }
    }

    #[test]
    fn every_test_agrees_with_the_tree(stored in scalar_json(), value in scalar_json()) {
        let text = stored.to_string();
        prop_assert_eq!(meets(&text, "equals", value.clone()), equal(&stored, &value));
        prop_assert_eq!(meets(&text, "not_equal", value.clone()), !equal(&stored, &value));
        if let (Some(one), Some(other)) = (stored.as_i64(), value.as_i64()) {
            prop_assert_eq!(meets(&text, "greater_than", value.clone()), one > other);
            prop_assert_eq!(meets(&text, "less_than_equal", value.clone()), one <= other);
        }
        if let (Some(one), Some(other)) = (stored.as_str(), value.as_str()) {
            prop_assert_eq!(meets(&text, "contains", value.clone()), one.contains(other));
            prop_assert_eq!(meets(&text, "starts_with", value.clone()), one.starts_with(other));
            prop_assert_eq!(meets(&text, "ends_with", value.clone()), one.ends_with(other));
        }
    }

    #[test]
    fn sorting_with_a_limit_returns_the_first_rows_of_the_sorted_result(
        values in proptest::collection::vec(scalar_json(), 0..50),
        keep in 0..60_u64,
        descending in any::<bool>(),
    ) {
        let sorted = |keep| {
            let mut sorter = Sorter::new(descending, keep, usize::MAX, None);
            for (number, value) in values.iter().enumerate() {
                let text = value.to_string();
                let key = number.to_be_bytes().into();
                sorter.offer(SortKey::of(&Stored::read(Some(&text))), key, || number.to_string().into_bytes().into()).unwrap();
            }
            sorter.into_sorted().collect::<Vec<_>>()
        };
        let all = sorted(u64::MAX);
        let some = sorted(keep);
        prop_assert_eq!(some.as_slice(), &all[..all.len().min(keep as usize)]);
        prop_assert_eq!(all.len(), values.len());
    }
}

fn equal(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => match (one.as_i64(), other.as_i64()) {
            (Some(one), Some(other)) => one == other,
            _ => one.as_f64() == other.as_f64(),
        },
        _ => one == other,
    }
}
