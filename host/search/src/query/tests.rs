use proptest::prelude::*;
use serde_json::{Value, json};

use super::fields::Fields;
use super::filter::Condition;
use super::output::Output;
use super::projection::{Projection, Row, value_at};
use super::sort::{SortKey, Sorter};
use super::value::Stored;
use super::*;
use jobhost_model::{RowShape, Timestamp};

fn test_of(comparator: &str, value: Value) -> Test {
    let conditions = json!([{ "attribute": "a", "comparator": comparator, "value": value }]);
    match Filter::from_conditions(Some(&conditions), None).unwrap() {
        Filter::All(mut parts) => match parts.pop() {
            Some(Filter::Condition(condition)) => condition.test,
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

fn meets(stored: &str, comparator: &str, value: Value) -> bool {
    test_of(comparator, value).matches(&Stored::read(Some(stored)))
}

#[test]
fn comparisons_are_strict_about_types() {
    for (stored, comparator, value, expected) in [
        ("5", "equals", json!(5), true),
        ("5.0", "equals", json!(5), true),
        ("5e0", "equals", json!(5), true),
        ("\"5\"", "equals", json!(5), false),
        ("5", "equals", json!("5"), false),
        ("true", "equals", json!(true), true),
        ("true", "equals", json!("true"), false),
        ("null", "equals", json!(null), true),
        ("\"a\\u0062\"", "equals", json!("ab"), true),
        ("9223372036854775808", "equals", json!(9_223_372_036_854_775_809_u64), false),
        ("5", "not_equal", json!("5"), true),
        ("null", "not_equal", json!(5), true),
        ("null", "not_equal", json!(null), false),
        ("{}", "not_equal", json!(null), true),
        ("10", "greater_than", json!(9), true),
        ("9", "greater_than", json!(9), false),
        ("9", "greater_than_equal", json!(9), true),
        ("\"10\"", "greater_than", json!(9), false),
        ("null", "less_than", json!(9), false),
        ("false", "less_than", json!(9), false),
        ("-1.5", "less_than", json!(-1), true),
        ("9", "less_than_equal", json!(9), true),
        ("\"b\"", "greater_than", json!("a"), true),
        ("5", "between", json!([5, 7]), true),
        ("7", "between", json!([5, 7]), true),
        ("7.1", "between", json!([5, 7]), false),
        ("\"b\"", "between", json!(["a", "c"]), true),
        ("\"rex\"", "starts_with", json!("re"), true),
        ("12", "starts_with", json!("1"), false),
        ("\"rex\"", "ends_with", json!("ex"), true),
        ("12", "ends_with", json!(2), true),
        ("\"rex\"", "contains", json!("e"), true),
        ("true", "contains", json!("ru"), true),
        ("1.50", "contains", json!(".50"), true),
        ("null", "contains", json!(""), false),
        ("[1,\"x\",null]", "equals", json!("x"), true),
        ("[1,[\"x\"]]", "equals", json!("x"), false),
        ("[]", "equals", json!(null), false),
        ("[1,2]", "greater_than", json!(1), true),
        ("{\"x\":1}", "equals", json!("x"), false),
    ] {
        assert_eq!(meets(stored, comparator, value.clone()), expected, "{stored} {comparator} {value}");
    }
    assert!(test_of("equals", json!(null)).matches(&Stored::read(None)), "absent counts as null");
}

#[test]
fn wildcards_of_search_by_value() {
    let test = |value: &str| match Filter::from_value("a".to_owned(), &json!(value)).unwrap() {
        Filter::Condition(Condition { test, .. }) => Some(test),
        _ => None,
    };
    assert_eq!(test("*"), None);
    assert_eq!(test("re*"), Some(Test::StartsWith("re".to_owned())));
    assert_eq!(test("*x"), Some(Test::EndsWith("x".to_owned())));
    assert_eq!(test("*e*"), Some(Test::Contains("e".to_owned())));
    assert_eq!(test("**"), Some(Test::Contains(String::new())));
    assert_eq!(test("a*b"), Some(Test::Equals(Scalar::Text("a*b".to_owned()))));
    assert!(Filter::from_value("a".to_owned(), &json!([1])).is_err());
}

#[test]
fn refused_conditions_say_which_and_why() {
    let refused = |conditions: Value, operator: Option<Value>| {
        Filter::from_conditions(Some(&conditions), operator.as_ref()).unwrap_err().to_string()
    };
    assert_eq!(Filter::from_conditions(None, None).unwrap_err().to_string(), "'conditions' is required");
    for (conditions, sentence) in [
        (json!([]), "'conditions' must contain at least 1 items"),
        (json!({}), "'conditions' must be an array"),
        (json!([1]), "'conditions[0]' must be of type object"),
        (json!([{"value": 1}]), "'conditions[0].attribute' is required"),
        (json!([{"attribute": "a"}]), "'conditions[0].value' is required"),
        (json!([{"attribute": "a", "comparator": "like", "value": 5}]), "Unknown query comparator \"like\""),
        (json!([{"attribute": "a", "comparator": "between", "value": 5}]), "'conditions[0].value' must be an array"),
        (
            json!([{"attribute": "a", "comparator": "between", "value": [5]}]),
            "'conditions[0].value' must contain 2 items",
        ),
        (
            json!([{"operator": "or", "conditions": [{"attribute": "a", "comparator": "gt", "value": null}]}]),
            "'conditions[0].conditions[0].value' must be one of [string, number]",
        ),
    ] {
        assert_eq!(refused(conditions, None), sentence);
    }
    assert_eq!(
        refused(json!([{"attribute": "a", "value": 1}]), Some(json!("xor"))),
        "'operator' must be one of [and, or]"
    );
    let mut deep = json!([{"attribute": "a", "value": 1}]);
    for _ in 0..=MAX_CONDITION_DEPTH {
        deep = json!([{ "conditions": deep }]);
    }
    assert!(refused(deep, None).contains("nested deeper"));
    let many: Vec<_> = (0..=MAX_CONDITIONS).map(|number| json!({"attribute": "a", "value": number})).collect();
    assert!(refused(json!(many), None).contains("at most"));
}

#[test]
fn without_a_sort_the_narrowest_condition_orders() {
    let condition = |attribute: &str, comparator: &str, value: Value| json!({"attribute": attribute, "comparator": comparator, "value": value});
    let (prefix, between) = (condition("a", "starts_with", json!("x")), condition("b", "between", json!([1, 2])));
    let (above, part) = (condition("c", "greater_than", json!(1)), condition("d", "contains", json!("x")));
    let (equal, keys) = (condition("e", "equals", json!(1)), condition("id", "less_than", json!(1)));
    for (conditions, operator, expected) in [
        (json!([part]), "and", Some("d")),
        (json!([part, above]), "and", Some("c")),
        (json!([part, above, between]), "and", Some("b")),
        (json!([between, part, prefix]), "and", Some("a")),
        (json!([above, keys]), "and", Some("c")),
        (json!([keys, above]), "and", None),
        (json!([prefix, equal]), "and", None),
        (json!([between, part]), "or", None),
        (json!([prefix, {"operator": "or", "conditions": [above, part]}]), "and", None),
    ] {
        let filter = Filter::from_conditions(Some(&conditions), Some(&json!(operator))).unwrap();
        assert_eq!(filter.order("id"), expected, "{conditions}");
    }
}

#[test]
fn unknown_attributes_are_named_together() {
    let table = Table {
        name: jobhost_model::TableName::new("d", "t"),
        id: 1,
        primary_key: "id".to_owned(),
        schema_defined: false,
        attributes: Vec::new().into(),
    };
    let query = |names: &[&str]| Query {
        attributes: Some(names.iter().map(|name| (*name).to_owned()).collect()),
        ..Query::everything()
    };
    let sentence = |names: &[&str]| query(names).check_attributes(&table).unwrap_err().to_string();
    assert_eq!(sentence(&["zip"]), "unknown attribute 'zip'");
    assert_eq!(sentence(&["zip", "zap", "zip", "x"]), "unknown attribute 'zip, zap and x'");
    assert!(query(&["__createdtime__"]).check_attributes(&table).is_ok());
    let many: Vec<String> = (0..10_000).map(|number| format!("a{number}")).collect();
    let many: Vec<&str> = many.iter().chain(&many).map(String::as_str).collect();
    assert_eq!(sentence(&many).matches('a').count() - sentence(&["zip", "x"]).matches('a').count(), 10_000);
}

#[test]
fn a_projection_of_thousands_of_columns_is_made_at_once() {
    let names: Vec<String> = (0..10_000).map(|number| format!("a{number}")).collect();
    let mut fields = Fields::default();
    Projection::new(&names, RowShape::Objects, Separator::Comma, &mut fields);
    assert_eq!(fields.slot("a9999"), 9_999);
}

#[test]
fn times_show_as_much_fraction_as_they_have() {
    let shown = |micros| {
        let mut out = Vec::new();
        Timestamp(micros).write_millis(&mut out);
        String::from_utf8(out).unwrap()
    };
    assert_eq!(shown(1_795_478_945_747_000), "1795478945747");
    assert_eq!(shown(1_795_478_945_747_980), "1795478945747.98");
    assert_eq!(shown(1_795_478_945_747_007), "1795478945747.007");
    assert_eq!(Timestamp(1_795_478_945_747_980).to_json_millis().to_string(), "1795478945747.98");
}

#[test]
fn a_sort_that_does_not_fit_says_what_to_do() {
    let mut sorter = Sorter::new(false, u64::MAX, 1000, None);
    let refused = (0..100).find_map(|_| sorter.offer(SortKey::Null, || vec![0; 100].into()).err());
    assert!(refused.unwrap().to_string().contains("set a smaller 'limit'"));
    let mut sorter = Sorter::new(false, 2, 1000, None);
    for _ in 0..100 {
        sorter.offer(SortKey::Null, || vec![0; 100].into()).unwrap();
    }
    assert!(!sorter.has_all());
}

#[test]
fn rows_that_are_too_many_to_sort_come_back_as_they_came() {
    let mut sorter = Sorter::new(false, u64::MAX, 1000, None);
    let offered = (0..100_u8).take_while(|number| {
        let key = SortKey::Number(Number::Integer(-i128::from(*number)));
        sorter.offer(key, || vec![*number].into()).is_ok()
    });
    let last = offered.last().unwrap();
    assert!(sorter.has_all());
    let rows: Vec<_> = sorter.into_unsorted().map(|row| row[0]).collect();
    assert_eq!(rows, (0..=last + 1).collect::<Vec<_>>());
}

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

/// A value as text, with white space and escapes that nothing requires.
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

/// Members of a record as (name, is it escaped more than it must be, value); names may stand twice.
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

/// The rows of records that lie one behind the other, as in a page.
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
fn values_are_shown_as_they_are_stored() {
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
fn damaged_records_are_refused_and_no_crash() {
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
                    // What `RawValue` keeps of a number, the tree would not.
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
    fn fields_are_found_whatever_stands_around_them(
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
        // The second time names are expected where they were the first time.
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
    fn sorting_with_a_limit_is_the_beginning_of_sorting(
        values in proptest::collection::vec(scalar_json(), 0..50),
        keep in 0..60_u64,
        descending in any::<bool>(),
    ) {
        let sorted = |keep| {
            let mut sorter = Sorter::new(descending, keep, usize::MAX, None);
            for (number, value) in values.iter().enumerate() {
                let text = value.to_string();
                sorter.offer(SortKey::of(&Stored::read(Some(&text))), || number.to_string().into_bytes().into()).unwrap();
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
