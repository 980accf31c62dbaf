//! Space on the disk for everybody: waiting sources and downloads are limited, both in total and for each user.

use jobhost_tests::web::{Body, Page};
use jobhost_tests::{Options, Reply, Web, eventually};
use serde_json::{Value, json};

use super::Victim;
use super::bystander::Bystander;

const SPOOL: u64 = 8 * 1024 * 1024;

fn rights() -> Value {
    json!({"loads": {"read": true, "insert": true, "update": true, "delete": true, "attribute_permissions": []}})
}

fn inline(bytes: usize) -> Value {
    let row = format!("1,{}\n", "x".repeat(996));
    let data = format!("id,a\n{}", row.repeat(bytes / row.len()));
    json!({"operation": "csv_data_load", "database": "gold", "table": "loads", "action": "upsert", "data": data})
}

fn spooled(victim: &Victim) -> u64 {
    fn below(directory: &std::path::Path) -> u64 {
        let entries = directory.read_dir().into_iter().flatten().flatten();
        entries
            .map(|entry| match entry.metadata() {
                Ok(metadata) if metadata.is_dir() => below(&entry.path()),
                Ok(metadata) => metadata.len(),
                // The file has just been removed.
                Err(_) => 0,
            })
            .sum()
    }
    below(&victim.data().join("spool"))
}

#[track_caller]
fn refused(reply: &Reply) {
    assert!([429, 503, 507].contains(&reply.status), "{} {:.500}", reply.status, reply.text);
    if reply.status != 507 {
        let after = reply.header("retry-after").and_then(|after| after.parse::<u64>().ok());
        assert!(after.is_some_and(|after| after > 0), "no Retry-After: {:.500}", reply.text);
    }
    assert!(reply.body["error"].is_string(), "{:.500}", reply.text);
}

/// Starts a host whose only worker sleeps, and returns the id of the sleeping job. All other jobs wait until it is
/// cancelled.
fn start() -> (Victim, String) {
    let options = Options::new().guest("sleeps").set("jobs.workers", 1).set("jobs.cancel_grace_seconds", 0);
    let victim = Victim::start(options.set("spool.max_bytes", SPOOL));
    victim.create_table("loads");
    let sleeper = victim.start_job(&json!({"operation": "sleep"}));
    victim.job_when(&sleeper, "the start", |row| row["phase"] == "running");
    (victim, sleeper)
}

fn wake(victim: &Victim, sleeper: &str) {
    victim.post(&json!({"operation": "cancel_job", "id": sleeper})).ok();
}

#[test]
fn a_user_who_fills_the_spool_leaves_room_for_another() {
    for size in [100_000, 1_000_000, 3_000_000] {
        let (victim, sleeper) = start();
        let eve = victim.add_user("eve", rights());
        let ann = victim.add_user("ann", rights());
        let mut accepted = Vec::new();
        let refusal = eventually("the spool to be full", || {
            let reply = victim.post_as(&eve, &inline(size));
            match reply.body["job_id"].as_str() {
                Some(id) => {
                    accepted.push(id.to_owned());
                    assert!(accepted.len() as u64 * (size as u64) <= SPOOL, "the spool takes all that comes");
                    None
                }
                None => Some(reply),
            }
        });
        refused(&refusal);
        assert!(spooled(&victim) <= SPOOL, "{} bytes lie in the spool", spooled(&victim));
        // Refused again, and nothing of it is kept.
        let before = spooled(&victim);
        refused(&victim.post_as(&eve, &inline(size.max(1_000_000))));
        assert_eq!(spooled(&victim), before, "a refused source stays in the spool");
        let anns = victim.start_job_as(&ann, &inline(100_000));
        wake(&victim, &sleeper);
        for id in accepted.iter().chain([&anns]) {
            assert_eq!(victim.job(id)["status"], "COMPLETE");
        }
        eventually("the spool to be empty", || (spooled(&victim) == 0).then_some(()));
        let again = victim.start_job_as(&eve, &inline(size));
        assert_eq!(victim.job(&again)["status"], "COMPLETE");
        victim.assert_unharmed();
    }
}

#[test]
fn users_who_fill_the_spool_together_leave_room_for_another() {
    let (victim, sleeper) = start();
    let users = ["mallory", "mallet", "trudy", "eve"].map(|name| victim.add_user(name, rights()));
    for user in &users {
        let mut sources = 0;
        let refusal = eventually("the share to be full", || {
            let reply = victim.post_as(user, &inline(300_000));
            sources += 1;
            assert!(sources < 40, "a user's share has no end");
            reply.body["job_id"].is_null().then_some(reply)
        });
        refused(&refusal);
    }
    let ann = victim.add_user("ann", rights());
    let id = victim.start_job_as(&ann, &inline(100_000));
    wake(&victim, &sleeper);
    assert_eq!(victim.job(&id)["status"], "COMPLETE");
    victim.assert_unharmed();
}

#[test]
fn a_download_counts_as_a_source_that_waits_does() {
    let web = Web::start();
    let row = "1,xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n";
    web.page("/endless", Page::csv("").body(Body::Endless(row.repeat(1000).as_bytes().into())));
    let victim = Victim::start(
        Options::new().set("spool.max_bytes", SPOOL).set("urls.allow", web.address()).set("urls.max_bytes", 20 * SPOOL),
    );
    victim.create_table("loads");
    let eve = victim.add_user("eve", rights());
    let load =
        json!({"operation": "csv_url_load", "database": "gold", "table": "loads", "csv_url": web.url("/endless")});
    let bystander = Bystander::of(&victim);
    let ids: Vec<String> = (0..3).map(|_| victim.start_job_as(&eve, &load)).collect();
    bystander.is_served();
    for id in &ids {
        let row = victim.job(id);
        assert_eq!(row["status"], "ERROR", "{row:#}");
        let told = row["message"].as_str().expect("a sentence");
        assert!(told.contains("spool"), "the sentence does not say what is full: {told}");
    }
    eventually("the spool to be empty", || (spooled(&victim) == 0).then_some(()));
    victim.assert_unharmed();
}
