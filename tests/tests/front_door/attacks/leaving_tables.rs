//! Clients that disconnect while they create and drop tables: each table exists completely or not at all.

use std::collections::{BTreeMap, BTreeSet};

use jobhost_tests::chance::Chance;
use jobhost_tests::{Options, eventually};
use serde_json::json;

use super::Victim;
use super::departures::{assert_nothing_in_between, await_the_changes, depart, figure, start};

const NAMES: u64 = 12;

fn tables(victim: &Victim) -> BTreeSet<String> {
    let all = victim.post(&json!({"operation": "describe_all"})).ok();
    let tables = all["gold"].as_object().expect("the database").keys();
    tables.filter(|name| name.starts_with("mayfly")).cloned().collect()
}

#[test]
fn tables_whose_maker_leaves_are_whole_or_not_there() {
    let mut victim = start(Options::new());
    let ask = |chance: &mut Chance| {
        let table = format!("mayfly{}", chance.below(NAMES));
        match chance.below(6) {
            0 | 1 => json!({"operation": "create_table", "database": "gold", "table": table, "primary_key": "id"}),
            2 => {
                json!({"operation": "insert", "database": "gold", "table": table, "records": [{"id": chance.below(100), "a": 1}]})
            }
            3 => json!({"operation": "create_attribute", "database": "gold", "table": table, "attribute": "b"}),
            4 => json!({"operation": "drop_attribute", "database": "gold", "table": table, "attribute": "a"}),
            _ => json!({"operation": "drop_table", "database": "gold", "table": table}),
        }
    };
    depart(&victim, victim.admin(), &ask);
    await_the_changes(&victim);
    let listed = eventually("the tables to rest", || {
        // The host still reads abandoned connections for a moment.
        let first = tables(&victim);
        let rests = (0..4).all(|_| tables(&victim) == first && figure(&victim, "jobhost_changes_running") == 0.0);
        rests.then_some(first)
    });
    let mut rows = BTreeMap::new();
    for number in 0..NAMES {
        let table = format!("mayfly{number}");
        let description = victim.post(&json!({"operation": "describe_table", "database": "gold", "table": table}));
        assert_eq!(description.status == 200, listed.contains(&table), "{table}: {}", description.text);
        if listed.contains(&table) {
            victim
                .post(&json!({"operation": "insert", "database": "gold", "table": table, "records": [{"id": 1000}]}))
                .ok();
            rows.insert(table.clone(), victim.rows(&table));
            assert_eq!(victim.count(&table), rows[&table].len() as u64, "{table}");
        }
    }
    victim.crash();
    assert_eq!(tables(&victim), listed, "other tables are stored than were listed");
    for number in 0..NAMES {
        let table = format!("mayfly{number}");
        match rows.get(&table) {
            Some(rows) => assert_eq!(&victim.rows(&table), rows, "{table}"),
            // The name is free, and no content of an older table reappears.
            None => {
                victim.create_table(&table);
                assert!(victim.rows(&table).is_empty(), "{table}");
            }
        }
    }
    assert_nothing_in_between(&victim);
    victim.assert_unharmed();
}
