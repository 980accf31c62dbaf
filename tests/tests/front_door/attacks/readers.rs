//! Clients that request large replies and do not read them. Each reply pins a store snapshot and occupies a reader
//! slot, which every other client and every job needs too.

use jobhost_tests::memory_watch::{MemoryWatch, allow_descriptors};
use jobhost_tests::{Login, Options, eventually};
use serde_json::{Value, json};

use super::Victim;
use super::bystander::Bystander;
use super::raw::{Connection, request};

const CROWD: usize = 320;
/// More than the reader slots of the store.
const MASS: usize = 1_100;
const ROUNDS: usize = 8;
/// Number of times that a table must be rewritten in a row without growing. This shows that nothing pins the replaced
/// data.
const REUSES: usize = 6;
/// Rows of 1,000 bytes: more than the buffers of a connection hold.
const ROWS: u64 = 20_000;

fn start(options: Options) -> Victim {
    let victim = Victim::start(options);
    victim.create_table("large");
    fill(&victim, "x");
    victim
}

/// Rewrites all rows of the large table.
fn fill(victim: &Victim, letter: &str) {
    let rows: String = (0..ROWS).map(|id| format!("{id},{}\n", letter.repeat(1000))).collect();
    let path = victim.file("large.csv", format!("id,a\n{rows}"));
    let load = json!({
        "operation": "csv_file_load", "database": "gold", "table": "large", "action": "upsert", "file_path": path,
    });
    victim.run_ok(&load);
}

/// Users who have logged in before. A crowd of first logins would be a different attack.
fn readers(victim: &Victim, names: &[&str]) -> Vec<Login> {
    let read = json!({"read": true, "insert": false, "update": false, "delete": false, "attribute_permissions": []});
    names
        .iter()
        .map(|name| {
            let login = victim.add_user(name, json!({"large": read.clone()}));
            victim.post_as(&login, &json!({"operation": "user_info"})).ok();
            login
        })
        .collect()
}

/// Requests with larger replies than these clients read.
fn large_questions() -> Vec<Value> {
    let search = |more: Value| {
        let mut search = json!({"database": "gold", "table": "large", "get_attributes": ["*"]});
        search.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        search
    };
    let sql = |text: &str| json!({"operation": "sql", "sql": text});
    let ids: Vec<u64> = (0..ROWS).collect();
    let condition = json!([{"attribute": "a", "comparator": "starts_with", "value": "x"}]);
    vec![
        search(json!({"operation": "search_by_value", "attribute": "id", "value": "*"})),
        search(json!({"operation": "search_by_value", "attribute": "a", "value": "*x"})),
        search(json!({"operation": "search_by_conditions", "conditions": condition})),
        search(json!({"operation": "search_by_id", "ids": ids})),
        search(
            json!({"operation": "search_by_value", "attribute": "id", "value": "*", "sort": {"attribute": "id", "descending": true}}),
        ),
        sql("SELECT * FROM gold.large"),
        sql("SELECT a.a FROM gold.large AS a, gold.large AS b"),
        sql(
            "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x, HEX('some more of it') AS a FROM n",
        ),
        sql("WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 100000000) SELECT x FROM n"),
    ]
}

/// Opens connections that send a request, as each of the users in turn, and do not read.
fn crowd(victim: &Victim, logins: &[Login], questions: &[Value], count: usize) -> Vec<Connection> {
    let texts: Vec<String> = questions.iter().map(Value::to_string).collect();
    (0..count)
        .map(|number| {
            let mut connection = Connection::to(victim);
            // The questions change more slowly than the users, so that each user asks all of them.
            let text = &texts[number / logins.len() % texts.len()];
            connection.write(request(&logins[number % logins.len()], text));
            connection
        })
        .collect()
}

/// Checks that no job waits or runs without a worker.
#[track_caller]
fn assert_no_job_is_left(victim: &Victim) {
    let value = |name: &str| {
        let metrics = victim.send(&Login::Nobody, "GET", "/metrics", None, b"").text;
        let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ').map(str::to_owned));
        line.and_then(|value| value.parse::<f64>().ok()).unwrap_or_else(|| panic!("{name} is not in {metrics}"))
    };
    for name in ["jobhost_jobs_queued", "jobhost_jobs_running"] {
        eventually(&format!("{name} to be 0"), || (value(name) == 0.0).then_some(()));
    }
}

/// Runs the attack, checks that others are served, and that everything is free again afterwards.
fn outlast(
    victim: &Victim,
    logins: &[Login],
    questions: &[Value],
    count: usize,
    mut act: impl FnMut(&mut [Connection]),
) {
    let bystander = Bystander::of(victim);
    bystander.is_served();
    bystander.queries();
    let process = victim.process();
    let descriptors = process.descriptors();
    let watch = MemoryWatch::start(process);
    let mut crowd = crowd(victim, logins, questions, count);
    for _ in 0..ROUNDS {
        bystander.is_served();
        bystander.queries();
        act(&mut crowd);
    }
    assert_no_job_is_left(victim);
    drop(crowd);
    eventually(&format!("no more than {descriptors} descriptors"), || {
        (process.descriptors() <= descriptors).then_some(())
    });
    watch.assert_given_back();
    bystander.is_served();
    bystander.queries();
    // The attackers may ask again, and read the reply this time.
    let count = json!({"operation": "sql", "sql": "SELECT COUNT(*) AS c FROM gold.large"});
    for login in logins {
        eventually("an answer to who attacked", || (victim.post_as(login, &count).status == 200).then_some(()));
    }
    victim.assert_unharmed();
}

#[test]
fn a_crowd_that_does_not_read_keeps_nobody_from_reading_and_strands_no_job() {
    allow_descriptors(4 * MASS as u64);
    let victim = start(Options::new());
    let logins = readers(&victim, &["slow", "slower"]);
    outlast(&victim, &logins, &large_questions(), MASS, |_| {});
}

#[test]
fn a_crowd_of_queries_alone_keeps_nobody_waiting() {
    let victim = start(Options::new());
    let logins = readers(&victim, &["slow", "slower"]);
    let queries: Vec<Value> = large_questions().into_iter().filter(|question| question["operation"] == "sql").collect();
    outlast(&victim, &logins, &queries, CROWD, |_| {});
}

#[test]
fn a_crowd_that_reads_a_byte_now_and_then_keeps_nobody_waiting() {
    let victim = start(Options::new());
    let logins = readers(&victim, &["slow", "slower"]);
    outlast(&victim, &logins, &large_questions(), CROWD, |crowd| {
        for connection in crowd {
            connection.sip(1);
        }
    });
}

#[test]
fn a_crowd_that_has_said_its_last_and_does_not_read_keeps_nobody_waiting() {
    let victim = start(Options::new());
    let logins = readers(&victim, &["slow", "slower"]);
    outlast(&victim, &logins, &large_questions(), CROWD, |crowd| crowd.iter().for_each(Connection::end_of_sending));
}

#[test]
fn administrators_who_do_not_read_their_lists_of_jobs_keep_nobody_waiting() {
    let victim = start(Options::new());
    for number in 0..200 {
        victim.start_job(&json!({
            "operation": "csv_data_load", "database": "gold", "table": "large", "action": "upsert",
            "data": format!("id,a\n{number},x\n"),
        }));
    }
    let all = json!({"operation": "search_jobs_by_start_date", "from_date": "2020-01-01", "to_date": "2099-01-01"});
    let everything = json!({"operation": "describe_all"});
    outlast(&victim, &[victim.admin().clone()], &[all, everything], CROWD, |_| {});
}

#[test]
fn searches_beyond_their_number_wait_and_are_told_to_come_again() {
    let victim = start(Options::new().set("searches.max_running", 4).set("sql.max_running", 2));
    let logins = readers(&victim, &["slow"]);
    let bystander = Bystander::of(&victim);
    let held = crowd(&victim, &logins, &large_questions()[..1], 12);
    let search = json!({"operation": "search_by_value", "database": "gold", "table": "large", "attribute": "a", "value": "x*", "get_attributes": ["id"], "limit": 1});
    let reply = victim.post_as(&logins[0], &search);
    assert_eq!(reply.status, 429, "{:.500}", reply.text);
    let after: u64 = reply.header("retry-after").and_then(|value| value.parse().ok()).expect("Retry-After in seconds");
    assert!((1..=600).contains(&after), "{after}");
    bystander.is_served();
    drop(held);
    eventually("a place", || (victim.post_as(&logins[0], &search).status == 200).then_some(()));
    victim.assert_unharmed();
}

#[test]
fn a_reader_that_is_slower_than_the_store_grows_is_ended() {
    // The time limit alone would let it continue for longer than this test waits.
    let victim = start(Options::new().set("server.reply_seconds", 3600));
    let logins = readers(&victim, &["slow"]);
    for question in [large_questions().swap_remove(0), json!({"operation": "sql", "sql": "SELECT * FROM gold.large"})] {
        let mut connection = Connection::to(&victim);
        connection.write(request(&logins[0], question.to_string()));
        // Rewritten rows need new space while somebody reads the old ones.
        let mut letters = ["y", "z"].iter().cycle();
        let mut last = 0;
        let mut unchanged = 0;
        eventually("the room of what was replaced to be used again", || {
            fill(&victim, letters.next().expect("a letter"));
            let size = store_bytes(&victim);
            unchanged = if size == last { unchanged + 1 } else { 0 };
            last = size;
            (unchanged == REUSES).then_some(())
        });
        connection.sip(1);
        assert_eq!(victim.sql("SELECT COUNT(*) AS c FROM gold.large"), json!([{"c": ROWS}]));
    }
    victim.assert_unharmed();
}

fn store_bytes(victim: &Victim) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    let files = victim.data().join("store").read_dir().expect("the store").flatten();
    files.filter_map(|file| file.metadata().ok()).map(|metadata| metadata.blocks() * 512).sum()
}
