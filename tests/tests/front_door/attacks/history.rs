//! Jobs leave rows, and any user who may load can make those rows large. A list of them must cost only what it shows.

use jobhost_tests::memory_watch::MemoryWatch;
use jobhost_tests::{Options, eventually};
use serde_json::{Value, json};

use super::Victim;
use super::bystander::Bystander;

const BUDGET: u64 = 256 * 1024 * 1024;
/// Some hundred megabytes in total if each row contains all of its rejected records.
const JOBS: usize = 200;
const CLIENTS: usize = 4;

/// A table in which every row has a surplus cell. Control characters take six times their size in JSON.
fn refused_rows() -> String {
    let cell = "\u{1}".repeat(1000);
    format!("id,a\n{}", format!("1,{cell},x\n").repeat(150))
}

fn fill(victim: &Victim) {
    let writes = json!({"read": true, "insert": true, "update": true, "delete": false, "attribute_permissions": []});
    victim.create_table("loads");
    let ins = victim.add_user("ins", json!({"loads": writes}));
    let path = victim.file("refused.csv", refused_rows());
    let load = json!({
        "operation": "csv_file_load", "database": "gold", "table": "loads", "action": "upsert", "file_path": path,
    });
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (ins, load) = (&ins, &load);
            scope.spawn(move || {
                for _ in (client..JOBS).step_by(CLIENTS) {
                    // Several loads at once may exceed the capacity of such a small host.
                    let id = eventually("room for a load", || {
                        let reply = victim.post_as(ins, load);
                        assert!([200, 429, 503].contains(&reply.status), "{} {}", reply.status, reply.text);
                        reply.body["job_id"].as_str().map(str::to_owned)
                    });
                    let row = victim.job(&id);
                    assert_eq!(row["status"], "COMPLETE", "{row:#}");
                }
            });
        }
    });
}

fn all() -> Value {
    json!({"operation": "search_jobs_by_start_date", "from_date": "2020-01-01", "to_date": "2099-01-01"})
}

#[test]
fn a_list_of_jobs_with_many_rejects_stays_within_the_budget() {
    let victim = Victim::start(Options::new().set("memory.total_bytes", BUDGET));
    fill(&victim);
    let bystander = Bystander::of(&victim);
    let watch = MemoryWatch::start(victim.process());
    bystander.while_served(|| {
        let reply = victim.post(&all());
        let rows = reply.ok();
        let rows = rows.as_array().expect("rows");
        assert!(rows.len() > JOBS, "only {} jobs are listed", rows.len());
        // Concurrent requests share one budget. The host may postpone some of them, and then they succeed.
        std::thread::scope(|scope| {
            for _ in 0..CLIENTS {
                scope.spawn(|| {
                    eventually("the list", || {
                        let reply = victim.post(&all());
                        assert!([200, 429, 503].contains(&reply.status), "{} {:.500}", reply.status, reply.text);
                        (reply.status == 200).then_some(())
                    });
                });
            }
        });
    });
    watch.assert_within(BUDGET);
    watch.assert_given_back();
    victim.assert_unharmed();
}
