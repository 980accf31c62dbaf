//! Each page of a search is a part of the same ordered result, wherever in the table its rows are stored.

use jobhost_tests::{Host, Options};
use serde_json::{Value, json};

/// More records than a search with a limit examines in order of key.
const RECORDS: u64 = 25_000;

/// Arrival order differs from key order.
fn id(n: u64) -> u64 {
    n * 7_919 % RECORDS
}

#[test]
fn every_page_is_a_part_of_the_same_ordered_result() {
    let host = Host::start(Options::new());
    host.create_table("t");
    let mut data = "id,group,last\n".to_owned();
    for id in (0..RECORDS).map(id) {
        data.push_str(&format!("{id},{},{}\n", id % 3, id >= RECORDS - 40));
    }
    host.run_ok(&json!({"operation": "csv_data_load", "database": "gold", "table": "t", "data": data}));

    let everything = (0..RECORDS).collect::<Vec<_>>();
    let often: Vec<_> = everything.iter().copied().filter(|id| id % 3 == 1).collect();
    let at_the_end: Vec<_> = (RECORDS - 40..RECORDS).collect();
    let searches: [(Value, &[u64]); 5] = [
        (json!({"operation": "search_by_value", "attribute": "group", "value": 1}), &often),
        (json!({"operation": "search_by_value", "attribute": "last", "value": true}), &at_the_end),
        (json!({"operation": "search_by_value", "attribute": "last", "value": "absent"}), &[]),
        (json!({"operation": "search_by_value", "attribute": "id", "value": "*"}), &everything),
        (
            json!({"operation": "search_by_conditions", "sort": {"attribute": "id"}, "conditions": [
                {"attribute": "group", "comparator": "greater_than", "value": 1},
                {"attribute": "last", "comparator": "equals", "value": true},
            ]}),
            &at_the_end.iter().copied().filter(|id| id % 3 == 2).collect::<Vec<_>>(),
        ),
    ];
    for (mut search, expected) in searches {
        search["database"] = json!("gold");
        search["table"] = json!("t");
        search["get_attributes"] = json!(["id"]);
        for (offset, limit) in
            [(0, 1), (0, 10), (5, 10), (35, 10), (3_000, 5), (24_990, 100), (30_000, 10), (0, 50_000)]
        {
            search["offset"] = json!(offset);
            search["limit"] = json!(limit);
            let found: Vec<u64> = host
                .post(&search)
                .ok()
                .as_array()
                .expect("rows")
                .iter()
                .map(|row| row["id"].as_u64().expect("an id"))
                .collect();
            let page: Vec<u64> = expected.iter().copied().skip(offset).take(limit).collect();
            assert_eq!(found, page, "{search}");
        }
    }
}
