//! The amount of data that one user may store (`data.user_max_bytes`), however it is written.

use jobhost_tests::{Login, Options};
use serde_json::{Value, json};

use super::Victim;
use super::bystander::Bystander;

const QUOTA: u64 = 2 << 20;
/// Approximate size of one record.
const TEXT: usize = 10_000;

fn rights() -> Value {
    let all = json!({"read": true, "insert": true, "update": true, "delete": true, "attribute_permissions": []});
    json!({"loads": all, "more": all})
}

fn start() -> (Victim, Login) {
    let victim = Victim::start(Options::new().set("data.user_max_bytes", QUOTA));
    victim.create_table("loads");
    victim.create_table("more");
    let eve = victim.add_user("eve", rights());
    (victim, eve)
}

fn records(operation: &str, table: &str, ids: std::ops::Range<u64>) -> Value {
    let records: Vec<_> = ids.map(|id| json!({"id": id, "a": "x".repeat(TEXT)})).collect();
    json!({"operation": operation, "database": "gold", "table": table, "records": records})
}

fn load(rows: u64) -> Value {
    let rows: String = (0..rows).map(|id| format!("{id},{}\n", "y".repeat(TEXT))).collect();
    let data = format!("id,a\n{rows}");
    json!({"operation": "csv_data_load", "database": "gold", "table": "loads", "action": "upsert", "data": data})
}

/// Writes until a write is refused. Returns the number of stored records.
#[track_caller]
fn fills(victim: &Victim, login: &Login, operation: &str, table: &str) -> u64 {
    for number in 0..QUOTA / TEXT as u64 / 5 {
        let reply = victim.post_as(login, &records(operation, table, number * 10..number * 10 + 10));
        if reply.status != 200 {
            assert_eq!(reply.status, 507, "{}", reply.text);
            assert!(reply.text.contains("data.user_max_bytes") && reply.text.contains("eve"), "{}", reply.text);
            return victim.count(table);
        }
    }
    panic!("eve stores twice her quota by {operation}");
}

#[test]
fn writes_beyond_a_users_quota_are_refused_and_a_deletion_makes_room() {
    for operation in ["insert", "upsert"] {
        let (mut victim, eve) = start();
        let stored = fills(&victim, &eve, operation, "loads");
        assert!(stored * TEXT as u64 * 2 > QUOTA, "only {stored} records of a quota of {QUOTA} bytes");
        // The quota covers all tables together, and survives a restart.
        assert_eq!(victim.post_as(&eve, &records("insert", "more", 0..10)).status, 507);
        victim.crash();
        assert_eq!(victim.post_as(&eve, &records("insert", "more", 0..10)).status, 507);
        // Other users have their own quota, and a super user has none.
        Bystander::of(&victim).is_served();
        victim.post(&records("insert", "more", 1_000..1_200)).ok();
        victim
            .post_as(
                &eve,
                &json!({
                    "operation": "delete", "database": "gold", "table": "loads", "ids": (0..100).collect::<Vec<_>>(),
                }),
            )
            .ok();
        victim.post_as(&eve, &records("insert", "loads", 500..550)).ok();
        victim.assert_unharmed();
    }
}

#[test]
fn a_load_beyond_a_users_quota_ends_in_error() {
    let (victim, eve) = start();
    assert_eq!(victim.job(&victim.start_job_as(&eve, &load(50)))["status"], "COMPLETE");
    let row = victim.job(&victim.start_job_as(&eve, &load(1_000)));
    assert_eq!(row["status"], "ERROR", "{row:#}");
    assert!(row["message"].as_str().is_some_and(|text| text.contains("data.user_max_bytes")), "{row:#}");
    // Writing the same rows again takes no more space, so a user below the quota may do it.
    assert_eq!(victim.job(&victim.start_job_as(&eve, &load(20)))["status"], "COMPLETE");
    assert!(victim.count("loads") * (TEXT as u64) < QUOTA * 2);
    Bystander::of(&victim).is_served();
    victim.assert_unharmed();
}

#[test]
fn records_made_longer_count() {
    let (victim, eve) = start();
    let short: Vec<_> = (0..1_000).map(|id| json!({"id": id})).collect();
    let insert = json!({"operation": "insert", "database": "gold", "table": "loads", "records": short});
    victim.post_as(&eve, &insert).ok();
    for (operation, table) in [("update", "loads"), ("upsert", "loads")] {
        fills(&victim, &eve, operation, table);
    }
    victim.assert_unharmed();
}
