//! Any records are the same after they were written as CSV, loaded and read back.

use jobhost_tests::csv_text::csv;
use jobhost_tests::{Host, Options};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use serde_json::{Value, json};

/// Generates a value that a cell can hold, with its cell.
fn cell() -> impl Strategy<Value = (String, Value)> {
    let integers = (-9_007_199_254_740_991_i64..=9_007_199_254_740_991).prop_map(|n| (n.to_string(), json!(n)));
    let decimals = (-1_000_000_i64..1_000_000).prop_map(|n| {
        let text = format!("{}", n as f64 / 64.0);
        let value: f64 = text.parse().expect("a number");
        (text, json!(value))
    });
    // The first letter keeps a text from being a number, a date or a keyword.
    let texts = any::<String>().prop_map(|text| text.replace('\u{feff}', ""));
    let texts = texts.prop_map(|text| (format!("t{text}"), json!(format!("t{text}"))));
    let awkward = proptest::collection::vec(
        prop_oneof![Just("\""), Just(","), Just("\n"), Just("\r\n"), Just(";"), Just("é"), Just(" ")],
        0..8,
    )
    .prop_map(|parts| (format!("q{}", parts.concat()), json!(format!("q{}", parts.concat()))));
    prop_oneof![
        integers,
        decimals,
        texts,
        awkward,
        any::<bool>().prop_map(|value| (value.to_string(), json!(value))),
        Just((String::new(), json!(""))),
        Just(("null".to_owned(), Value::Null)),
    ]
}

#[test]
fn records_survive_a_round_trip_through_csv() {
    let host = Host::start(Options::new());
    let mut runner = TestRunner::new(Config { cases: 24, failure_persistence: None, ..Config::default() });
    let records = proptest::collection::vec(proptest::collection::vec(cell(), 3), 1..40);
    let number = std::cell::Cell::new(0);
    let result = runner.run(&records, |records| {
        number.set(number.get() + 1);
        let table = format!("t{}", number.get());
        let expected: Vec<Value> = (1..)
            .zip(&records)
            .map(|(id, cells)| json!({"id": id, "a": cells[0].1, "b": cells[1].1, "c": cells[2].1}))
            .collect();
        let lines = (1..).zip(&records).map(|(id, cells): (u64, _)| {
            std::iter::once(id.to_string()).chain(cells.iter().map(|(text, _)| text.clone())).collect()
        });
        let data = csv(&["id", "a", "b", "c"], lines);
        host.create_table(&table);
        let row = host.run(&json!({"operation": "csv_data_load", "database": "gold", "table": table, "data": data}));
        let message = format!("successfully loaded {0} of {0} records", records.len());
        prop_assert_eq!(&row["message"], &json!(message), "{}", row);
        let rows = host.rows(&table);
        for (row, expected) in rows.iter().zip(&expected) {
            for column in ["id", "a", "b", "c"] {
                let same = match (&row[column], &expected[column]) {
                    (Value::Number(left), Value::Number(right)) => left.as_f64() == right.as_f64(),
                    (left, right) => left == right,
                };
                if !same {
                    return Err(TestCaseError::fail(format!("{row} instead of {expected}\n{data}")));
                }
            }
        }
        prop_assert_eq!(rows.len(), expected.len());
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}
