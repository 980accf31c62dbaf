//! Properties that hold for any rows.

use jobhost_load::memory::MemoryHost;
use jobhost_parquet::{Compression, Options};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::host::{load_into, written};

fn cell() -> impl Strategy<Value = Value> {
    prop_oneof![
        3 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        2 => any::<i64>().prop_map(Value::from),
        2 => any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(Value::from),
        3 => any::<String>().prop_map(Value::from),
        1 => vec(any::<i32>(), 0..3).prop_map(Value::from),
        1 => any::<String>().prop_map(|text| json!({ "a": { "b": text } })),
    ]
}

/// Generates the cells of one column: all of one kind, or of any kind.
fn column(rows: usize) -> impl Strategy<Value = Vec<Value>> {
    prop_oneof![
        vec(cell(), rows),
        vec(prop::option::of(any::<i32>()).prop_map(|value| json!(value)), rows),
        vec(
            prop::option::of(any::<f32>().prop_filter("finite", |number| number.is_finite()))
                .prop_map(|value| json!(value)),
            rows
        ),
        vec(prop::option::of(any::<String>()).prop_map(|value| json!(value)), rows),
        vec(any::<bool>().prop_map(Value::from), rows),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_rows_come_back_as_they_were(
        columns in (1usize..40).prop_flat_map(|rows| vec(column(rows), 1..6)),
        zstd in any::<bool>(),
        chunk in 10usize..5_000,
    ) {
        let names: Vec<String> = (0..columns.len()).map(|index| format!("c{index}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let rows: Vec<Value> =
            (0..columns[0].len()).map(|row| columns.iter().map(|column| column[row].clone()).collect()).collect();
        let compression = if zstd { Compression::Zstd } else { Compression::Snappy };
        let mut host = MemoryHost { chunk, ..MemoryHost::new(written(&names, &rows, compression)) };
        load_into(&mut host, &Options::default()).unwrap();
        let expected: Vec<Value> = rows.iter().map(|row| {
            let cells = row.as_array().unwrap().iter();
            Value::Object(names.iter().map(|&name| name.to_owned()).zip(cells.cloned()).collect::<Map<_, _>>())
        }).collect();
        // A whole double is written without a decimal point, so numbers are compared as numbers.
        for (loaded, expected) in host.records().iter().zip(&expected) {
            for name in &names {
                let (loaded, expected) = (&loaded[name], &expected[name]);
                prop_assert!(loaded == expected || loaded.is_number() && loaded.as_f64() == expected.as_f64(), "{loaded} {expected}");
            }
        }
        prop_assert_eq!(host.lines.len(), rows.len());
    }
}
