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

mod rows;

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
fn search_by_value_matches_wildcards() {
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
fn errors_name_the_rejected_condition_and_the_reason() {
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
fn without_a_sort_the_narrowest_condition_determines_the_order() {
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
fn unknown_attributes_are_reported_together() {
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
fn a_projection_of_thousands_of_columns_is_fast_to_build() {
    let names: Vec<String> = (0..10_000).map(|number| format!("a{number}")).collect();
    let mut fields = Fields::default();
    Projection::new(&names, RowShape::Objects, Separator::Comma, &mut fields);
    assert_eq!(fields.slot("a9999"), 9_999);
}

#[test]
fn times_are_written_with_only_the_necessary_fraction() {
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
    let refused = (0..100_u8).find_map(|key| sorter.offer(SortKey::Null, [key].into(), || vec![0; 100].into()).err());
    assert!(refused.unwrap().to_string().contains("set a smaller 'limit'"));
    let mut sorter = Sorter::new(false, 2, 1000, None);
    for key in 0..100_u8 {
        sorter.offer(SortKey::Null, [key].into(), || vec![0; 100].into()).unwrap();
    }
    assert_eq!(sorter.into_sorted().count(), 2);
}
