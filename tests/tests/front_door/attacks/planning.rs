//! Small requests that take long to plan. Planning runs where no other client waits for it, and takes at most linear
//! time.

use std::sync::atomic::{AtomicBool, Ordering};

use jobhost_tests::Options;
use serde_json::{Value, json};

use super::Victim;
use super::bystander::Bystander;

fn sql(text: &str) -> Value {
    json!({"operation": "sql", "sql": text})
}

/// Queries of almost 64 KiB that cost more to plan than to run.
fn laborious_plans() -> Vec<String> {
    let long = |part: &dyn Fn(usize) -> String, separator: &str, room: usize| {
        let mut text = String::new();
        for number in 0.. {
            let next = part(number);
            if text.len() + next.len() + separator.len() > room {
                break;
            }
            if number > 0 {
                text.push_str(separator);
            }
            text.push_str(&next);
        }
        text
    };
    let tables: Vec<String> = (0..16).map(|number| format!("gold.t AS t{number}")).collect();
    let tables = tables.join(", ");
    let joined = |number: usize| format!("t{}.a = t{}.a", number % 16, (number * 7 + 1) % 16);
    let either =
        |number: usize| format!("(t{}.a = t{}.id OR t{}.a = {number})", number % 16, (number * 5 + 3) % 16, number % 7);
    let room = 60_000;
    vec![
        format!("SELECT t0.id FROM {tables} WHERE {}", long(&joined, " AND ", room)),
        format!("SELECT t0.id FROM {tables} WHERE {}", long(&either, " AND ", room)),
        format!("SELECT {} FROM gold.t", long(&|number| format!("id + {number} AS c{number}"), ", ", room)),
        format!("SELECT id FROM gold.t WHERE id IN ({})", long(&|number| number.to_string(), ",", room)),
        long(&|number| format!("SELECT {number} AS a FROM gold.t"), " UNION ", room / 20),
    ]
}

#[test]
fn planning_large_queries_keeps_nobody_waiting() {
    let victim = Victim::start(Options::new());
    let read = json!({"read": true, "insert": false, "update": false, "delete": false, "attribute_permissions": []});
    let login = victim.add_user("reader", json!({"t": read}));
    let bystander = Bystander::of(&victim);
    let plans = laborious_plans();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for client in 0..8 {
            let (victim, login, plans, done) = (&victim, &login, &plans, &done);
            scope.spawn(move || {
                for round in 0..2 {
                    for number in 0..plans.len() {
                        if done.load(Ordering::Relaxed) {
                            return;
                        }
                        let query = &plans[(number + client + round) % plans.len()];
                        let reply = victim.post_as(login, &sql(query));
                        let status = reply.status;
                        assert!([200, 400, 429, 503].contains(&status), "{query:.60}: {status} {:.500}", reply.text);
                    }
                }
            });
        }
        for _ in 0..20 {
            bystander.sees_health();
            bystander.sees_its_job();
            bystander.inserts("small");
        }
        bystander.is_served();
        done.store(true, Ordering::Relaxed);
    });
    victim.assert_unharmed();
}

#[test]
fn descriptions_of_wide_tables_keep_nobody_waiting() {
    let victim = Victim::start(Options::new());
    victim.create_table("wide");
    let all = json!({"read": true, "insert": true, "update": true, "delete": false, "attribute_permissions": []});
    let ins = victim.add_user("ins", json!({"wide": all}));
    // An insert creates attributes, so a user with only this right has made a table wide.
    for part in 0..10 {
        let names = (0..900).map(|number| format!("attribute_{part}_{number}"));
        let record: serde_json::Map<String, Value> =
            names.map(|name| (name, json!(1))).chain([("id".to_owned(), json!(part))]).collect();
        let insert = json!({"operation": "insert", "database": "gold", "table": "wide", "records": [record]});
        victim.post_as(&ins, &insert).ok();
    }
    let bystander = Bystander::of(&victim);
    let names: Vec<String> = (0..900).map(|number| format!("attribute_5_{number}")).collect();
    let requests = [
        json!({"operation": "describe_table", "database": "gold", "table": "wide"}),
        json!({"operation": "describe_all"}),
        json!({"operation": "describe_database", "database": "gold"}),
        json!({"operation": "search_by_id", "database": "gold", "table": "wide", "ids": [5], "get_attributes": names}),
        json!({"operation": "search_by_id", "database": "gold", "table": "wide", "ids": [5], "get_attributes": ["*"]}),
        sql("SELECT attribute_9_899, attribute_0_0 FROM gold.wide WHERE id = 9"),
        json!({"operation": "insert", "database": "gold", "table": "wide", "records": [{"id": 5}]}),
    ];
    std::thread::scope(|scope| {
        for client in 0..8 {
            let (victim, ins, requests) = (&victim, &ins, &requests);
            scope.spawn(move || {
                for number in 0..28 {
                    let request = &requests[(number + client) % requests.len()];
                    let reply = victim.post_as(ins, request);
                    assert!(
                        [200, 429, 503].contains(&reply.status),
                        "{request:.80}: {} {:.500}",
                        reply.status,
                        reply.text
                    );
                }
            });
        }
        for _ in 0..20 {
            bystander.sees_health();
            bystander.sees_its_job();
            bystander.inserts("small");
        }
        bystander.is_served();
    });
    victim.assert_unharmed();
}
