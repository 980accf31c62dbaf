use proptest::prelude::*;
use serde_json::{Value, json};

use super::fields::Fields;
use super::filter::Condition;
use super::projection::value_at;
use super::sort::{SortKey, Sorter};
use super::value::Stored;
use super::*;
use crate::records::Timestamp;

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
fn unknown_attributes_are_named_together() {
    let table = Table {
        name: crate::records::TableName::new("d", "t"),
        id: 1,
        primary_key: "id".to_owned(),
        schema_defined: false,
        attributes: Vec::new(),
    };
    let query = |names: &[&str]| Query {
        attributes: Some(names.iter().map(|name| (*name).to_owned()).collect()),
        ..Query::everything()
    };
    let sentence = |names: &[&str]| query(names).check_attributes(&table).unwrap_err().to_string();
    assert_eq!(sentence(&["zip"]), "unknown attribute 'zip'");
    assert_eq!(sentence(&["zip", "zap", "zip", "x"]), "unknown attribute 'zip, zap and x'");
    assert!(query(&["__createdtime__"]).check_attributes(&table).is_ok());
}

#[test]
fn times_show_as_much_fraction_as_they_have() {
    let shown = |micros| {
        let mut out = Vec::new();
        write_millis(Timestamp(micros), &mut out);
        String::from_utf8(out).unwrap()
    };
    assert_eq!(shown(1_795_478_945_747_000), "1795478945747");
    assert_eq!(shown(1_795_478_945_747_980), "1795478945747.98");
    assert_eq!(shown(1_795_478_945_747_007), "1795478945747.007");
    assert_eq!(millis_to_json(Timestamp(1_795_478_945_747_980)).to_string(), "1795478945747.98");
}

#[test]
fn a_sort_that_does_not_fit_says_what_to_do() {
    let mut sorter = Sorter::new(false, u64::MAX, 1000);
    let refused = (0..100).find_map(|_| sorter.offer(SortKey::Null, || vec![0; 100]).err());
    assert!(refused.unwrap().to_string().contains("set a smaller 'limit'"));
    let mut sorter = Sorter::new(false, 2, 1000);
    for _ in 0..100 {
        sorter.offer(SortKey::Null, || vec![0; 100]).unwrap();
    }
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

proptest! {
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
        fields.find(&text, &mut spans).unwrap();
        prop_assert_eq!(value_at(&text, &spans, absent), None);
        for (name, slot) in slots {
            let found: Value = serde_json::from_str(value_at(&text, &spans, slot).unwrap()).unwrap();
            prop_assert_eq!(&found, &record[name]);
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
            let mut sorter = Sorter::new(descending, keep, usize::MAX);
            for (number, value) in values.iter().enumerate() {
                let text = value.to_string();
                sorter.offer(SortKey::of(&Stored::read(Some(&text))), || number.to_string().into_bytes()).unwrap();
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
