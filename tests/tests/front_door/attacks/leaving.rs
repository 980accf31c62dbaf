//! Clients that disconnect while the host accepts their jobs, writes and plugins: each is done completely or not at
//! all.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use jobhost_tests::chance::Chance;
use jobhost_tests::{Login, Options, eventually};
use serde_json::json;

use super::Victim;
use super::bystander::Bystander;
use super::departures::{assert_nothing_in_between, depart, is_final, start};

const SLEEPERS: usize = 6;

fn loader(victim: &Victim) -> Login {
    let all = json!({"read": true, "insert": true, "update": true, "delete": true, "attribute_permissions": []});
    victim.add_user("loader", json!({"loads": all}))
}

#[test]
fn loads_and_writes_whose_clients_leave_are_done_or_not_done() {
    let mut victim = start(Options::new());
    let loader = loader(&victim);
    let descriptors = victim.process().descriptors();
    let large = format!("id,a\n{}", format!("7,{}\n", "x".repeat(1000)).repeat(200));
    let next = AtomicUsize::new(1);
    let ask = |chance: &mut Chance| {
        let id = next.fetch_add(1, Ordering::Relaxed);
        let load = |data: &str| json!({"operation": "csv_data_load", "database": "gold", "table": "loads", "action": "upsert", "data": data});
        let record = json!({"id": id, "a": "x"});
        let record_of = |operation: &str| json!({"operation": operation, "database": "gold", "table": "loads", "records": [record]});
        match chance.below(8) {
            0..=2 => load(&format!("id,a\n{id},x\n")),
            // Too large for the store, so it is spooled.
            3 => load(&large),
            4 => record_of("insert"),
            5 => record_of("upsert"),
            6 => json!({"operation": "delete", "database": "gold", "table": "loads", "ids": [id / 2]}),
            _ => json!({
                "operation": "search_by_value", "database": "gold", "table": "loads", "attribute": "id", "value": "*",
                "get_attributes": ["*"],
            }),
        }
    };
    let bystander = Bystander::of(&victim);
    bystander.while_served(|| depart(&victim, &loader, &ask));
    assert_nothing_in_between(&victim);
    eventually("the descriptors to be given back", || {
        // The test's own connections stay open.
        (victim.process().descriptors() <= descriptors + 24).then_some(())
    });
    let listed = victim.rows("loads").len() as u64;
    assert_eq!(victim.count("loads"), listed, "what is counted is not what is there");
    victim.crash();
    assert_eq!(victim.rows("loads").len() as u64, listed, "what was there is not there after a crash");
    assert_nothing_in_between(&victim);
    victim.assert_unharmed();
}

#[test]
fn a_cancel_whose_client_leaves_is_done_or_not_done() {
    let options = Options::new().guest("sleeps").set("jobs.cancel_grace_seconds", 0).set("jobs.workers", 16);
    let victim = start(options);
    let sleep = json!({"operation": "sleep"});
    let sleepers = Mutex::new(Vec::new());
    for _ in 0..SLEEPERS {
        sleepers.lock().expect("a list").push(victim.start_job(&sleep));
    }
    let ask = |chance: &mut Chance| {
        // The list is locked while the next job starts, so the number of sleepers is limited.
        let mut sleepers = sleepers.lock().expect("a list");
        let index = usize::try_from(chance.below(sleepers.len() as u64)).expect("an index");
        if chance.below(4) == 0 && is_final(&victim.job_now(&sleepers[index])) {
            sleepers[index] = victim.start_job(&sleep);
        }
        json!({"operation": "cancel_job", "id": sleepers[index]})
    };
    let bystander = Bystander::of(&victim);
    bystander.while_served(|| depart(&victim, victim.admin(), &ask));
    for id in sleepers.into_inner().expect("a list") {
        let row = victim.job_now(&id);
        if !is_final(&row) && row["cancel_requested"].as_bool() != Some(true) {
            victim.post(&json!({"operation": "cancel_job", "id": id})).ok();
        }
        assert_eq!(victim.job(&id)["status"], "CANCELLED");
    }
    assert_nothing_in_between(&victim);
    victim.assert_unharmed();
}

#[test]
fn plans_whose_clients_leave_hold_no_permit() {
    let victim = start(Options::new());
    let loader = loader(&victim);
    // The maximum size of an inline source that is not spooled. It is planned nevertheless.
    let small = format!("id,a\n{}", "1,x\n".repeat(10_000));
    let ask = |chance: &mut Chance| {
        json!({
            "operation": "csv_data_load", "database": "gold", "action": "upsert", "data": small,
            // Half of them are refused because of their plan.
            "table": chance.one_of(&["loads", "t"]),
        })
    };
    depart(&victim, &loader, &ask);
    assert_nothing_in_between(&victim);
    victim.assert_unharmed();
}

#[test]
fn plugins_whose_administrator_leaves_are_in_service_or_not_there() {
    let victim = start(Options::new());
    let component = jobhost_tests::encoded(&jobhost_tests::components::component("sleeps"));
    let ask = |chance: &mut Chance| match chance.below(3) {
        0 => json!({"operation": "add_plugin", "file": "sleeps.wasm", "component": component}),
        1 => json!({"operation": "remove_plugin", "name": "sleeps"}),
        _ => json!({"operation": "reload_plugins"}),
    };
    depart(&victim, victim.admin(), &ask);
    // Whatever state remains, the next request finds a consistent folder.
    let added = victim.post(&json!({"operation": "add_plugin", "file": "sleeps.wasm", "component": component})).ok();
    assert_eq!(added["state"], "in_service", "{added:#}");
    let strangers: Vec<_> = victim
        .plugins()
        .read_dir()
        .expect("the folder")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .filter(|name| !name.ends_with(".wasm"))
        .collect();
    assert!(strangers.is_empty(), "the plugin folder keeps {strangers:?}");
    let id = victim.start_job(&json!({"operation": "sleep"}));
    victim.post(&json!({"operation": "cancel_job", "id": id})).ok();
    victim.job(&id);
    assert_nothing_in_between(&victim);
    victim.assert_unharmed();
}
