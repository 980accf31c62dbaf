//! Expensive queries: they end when their client disconnects, and share limited space on the disk.

use jobhost_tests::Process;
use jobhost_tests::csv_text::numbered;
use jobhost_tests::{Login, Options, eventually};
use serde_json::{Value, json};

use super::Victim;
use super::bystander::Bystander;
use super::raw::{Connection, request};

/// In hundredths of a second.
const SECOND: u64 = 100;
const PAUSE: std::time::Duration = std::time::Duration::from_millis(500);

fn sql(text: &str) -> Value {
    json!({"operation": "sql", "sql": text})
}

fn reader(victim: &Victim, tables: &[&str]) -> Login {
    let read = json!({"read": true, "insert": false, "update": false, "delete": false, "attribute_permissions": []});
    let rights: serde_json::Map<String, Value> = tables.iter().map(|name| ((*name).to_owned(), read.clone())).collect();
    victim.add_user("reader", Value::Object(rights))
}

/// Waits until the host uses no noticeable processor time.
#[track_caller]
fn comes_to_rest(process: Process) {
    eventually("the host to stop computing", || {
        let before = process.ticks();
        std::thread::sleep(PAUSE);
        (process.ticks() - before < SECOND / 10).then_some(())
    });
}

/// Conditions that compare for minutes: the text almost matches at eight million positions, and each condition differs.
fn endless_comparisons() -> Vec<(&'static str, String)> {
    let literal = |number: usize| format!("{}{number:02}", "a".repeat(988));
    let all = |form: &dyn Fn(String) -> String| {
        let conditions: Vec<String> = (0..50).map(|number| form(literal(number))).collect();
        conditions.join(" OR ")
    };
    // Eight megabytes from a stored quarter of a megabyte.
    let long = format!("REPLACE(a, 'a', '{}')", "a".repeat(32));
    vec![
        ("LIKE", all(&|literal| format!("{long} LIKE '%{literal}%'"))),
        ("LIKE with many wildcards", all(&|literal| format!("{long} LIKE '%a%a%a%{}%'", &literal[..900]))),
        ("LIKE with single wildcards", all(&|literal| format!("{long} LIKE '%{}b'", "a_".repeat(literal.len() / 2)))),
        ("INSTR", all(&|literal| format!("INSTR({long}, '{literal}') > 0"))),
        ("REPLACE", all(&|literal| format!("LENGTH(REPLACE({long}, '{literal}', 'c')) < 5"))),
    ]
}

#[test]
fn a_comparison_ends_when_its_client_leaves() {
    // The time limit alone would let it run for longer than this test waits.
    let victim = Victim::start(Options::new().set("sql.timeout_seconds", 3600));
    victim.create_table("long");
    victim.insert("long", json!([{"id": 1, "a": "a".repeat(250_000)}]));
    let login = reader(&victim, &["long"]);
    let bystander = Bystander::of(&victim);
    let process = victim.process();
    for (what, condition) in endless_comparisons() {
        let query = request(&login, sql(&format!("SELECT id FROM gold.long WHERE {condition}")).to_string());
        let before = process.ticks();
        let mut crowd: Vec<Connection> = (0..6)
            .map(|_| {
                let mut connection = Connection::to(&victim);
                connection.write(&query);
                connection
            })
            .collect();
        // Either the query is running, or it was answered at once.
        eventually(&format!("the host to be busy with {what}"), || {
            let busy = process.ticks() - before > SECOND;
            (busy || crowd.iter_mut().any(|connection| connection.sip(1) > 0)).then_some(())
        });
        bystander.is_served();
        drop(crowd);
        comes_to_rest(process);
        bystander.is_served();
    }
    victim.assert_unharmed();
}

#[test]
fn a_query_of_any_kind_ends_when_its_client_leaves() {
    let victim = Victim::start(Options::new().set("sql.timeout_seconds", 3600));
    victim.create_table("rows");
    let path = victim.file("rows.csv", numbered(100_000));
    victim.run_ok(&json!({"operation": "csv_file_load", "database": "gold", "table": "rows", "file_path": path}));
    let login = reader(&victim, &["rows"]);
    let process = victim.process();
    for query in [
        "SELECT COUNT(*) AS c FROM gold.rows AS a, gold.rows AS b",
        "SELECT COUNT(*) AS c FROM gold.rows AS a, gold.rows AS b WHERE a.name LIKE '%' || b.name",
        "SELECT a.name FROM gold.rows AS a, gold.rows AS b ORDER BY a.n, b.n",
        "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT MAX(x) AS m FROM n",
        "SELECT GROUP_CONCAT(a.name) AS g FROM gold.rows AS a, gold.rows AS b GROUP BY a.n",
        "SELECT SUM(b.n) OVER (ORDER BY a.name) AS s FROM gold.rows AS a, gold.rows AS b",
    ] {
        let before = process.ticks();
        let mut connection = Connection::to(&victim);
        connection.write(request(&login, sql(query).to_string()));
        eventually(&format!("the host to be busy with {query}"), || {
            (process.ticks() - before > SECOND / 2 || connection.sip(1) > 0).then_some(())
        });
        drop(connection);
        comes_to_rest(process);
    }
    victim.assert_unharmed();
}

#[test]
fn temporary_files_of_all_queries_share_one_bound() {
    let options = Options::new().set("sql.memory_bytes", 2 << 20).set("sql.spill_total_bytes", 1 << 20);
    let victim = Victim::start(options);
    victim.create_table("rows");
    let path = victim.file("rows.csv", numbered(300_000));
    victim.run_ok(&json!({"operation": "csv_file_load", "database": "gold", "table": "rows", "file_path": path}));
    let login = reader(&victim, &["rows"]);
    let bystander = Bystander::of(&victim);
    let sorted = sql("SELECT * FROM gold.rows ORDER BY name DESC LIMIT 250000");
    bystander.while_served(|| {
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let reply = victim.post_as(&login, &sorted);
                    let status = reply.status;
                    assert!([400, 413, 429, 503, 507].contains(&status), "{status} {:.500}", reply.text);
                    if status != 429 {
                        assert!(reply.text.contains("sql.spill_total_bytes"), "{:.500}", reply.text);
                    }
                });
            }
        });
    });
    victim.assert_unharmed();
}
