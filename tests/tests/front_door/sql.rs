//! `sql`: one SELECT over records without a schema. `sql_writes` contains the tests of writing statements.

use jobhost_tests::{Host, Login, Options};
use serde_json::{Value, json};

fn start() -> Host {
    let host = Host::start(Options::new());
    host.create_table("dog");
    host.create_table("owner");
    host.insert(
        "dog",
        json!([
            {"id": 1, "name": "Penny", "age": 7, "owner": "a", "good": true, "tags": ["x", "y"]},
            {"id": 2, "name": "Kato", "age": 6.5, "owner": "b", "good": false, "home": {"city": "Rome", "zip": 5}},
            {"id": 3, "name": "rex", "owner": "a"},
            {"id": "text", "name": "Ünal", "age": null, "owner": "nobody"},
        ]),
    );
    host.insert("owner", json!([{"id": "a", "name": "Ann"}, {"id": "b", "name": "Bob"}, {"id": "c", "name": "Cid"}]));
    host
}

#[test]
fn selections_orders_and_limits() {
    let host = start();
    for (query, expected) in [
        ("SELECT name FROM gold.dog WHERE age > 6.5", json!([{"name": "Penny"}])),
        ("SELECT name AS n, age * 2 AS d FROM gold.dog WHERE id = 1", json!([{"n": "Penny", "d": 14}])),
        ("SELECT name FROM gold.dog ORDER BY name LIMIT 2", json!([{"name": "Kato"}, {"name": "Penny"}])),
        ("SELECT name FROM gold.dog ORDER BY name DESC LIMIT 1 OFFSET 1", json!([{"name": "rex"}])),
        ("SELECT id FROM gold.dog WHERE name LIKE '%e%' ORDER BY id", json!([{"id": 1}, {"id": 3}])),
        ("SELECT id FROM gold.dog WHERE name LIKE '_ato'", json!([{"id": 2}])),
        ("SELECT id FROM gold.dog WHERE good = true", json!([{"id": 1}])),
        ("SELECT id, good FROM gold.dog WHERE good = false", json!([{"id": 2, "good": false}])),
        ("SELECT id FROM gold.dog WHERE age IS NULL ORDER BY id", json!([{"id": 3}, {"id": "text"}])),
        ("SELECT id FROM gold.dog WHERE age IS NOT NULL AND id IN (2, 3)", json!([{"id": 2}])),
        ("SELECT id, age FROM gold.dog WHERE id = 3", json!([{"id": 3, "age": null}])),
        ("SELECT id FROM gold.dog WHERE age BETWEEN 6 AND 6.9", json!([{"id": 2}])),
        ("SELECT id FROM `gold`.`dog` WHERE `name` = 'Kato'", json!([{"id": 2}])),
        ("SELECT tags FROM gold.dog WHERE id = 1", json!([{"tags": ["x", "y"]}])),
        ("SELECT home FROM gold.dog WHERE id = 2", json!([{"home": {"city": "Rome", "zip": 5}}])),
        ("SELECT id FROM gold.dog WHERE id = 'text'", json!([{"id": "text"}])),
        ("SELECT id FROM gold.dog WHERE id = 99", json!([])),
        (
            "SELECT DISTINCT owner FROM gold.dog ORDER BY owner",
            json!([{"owner": "a"}, {"owner": "b"}, {"owner": "nobody"}]),
        ),
    ] {
        assert_eq!(host.sql(query), expected, "{query}");
    }
    let all = host.sql("SELECT * FROM gold.dog WHERE id = 2");
    let names: Vec<&String> = all[0].as_object().expect("a row").keys().collect();
    assert_eq!(names, ["id", "__createdtime__", "__updatedtime__", "age", "good", "home", "name", "owner", "tags"]);
}

#[test]
fn joins_and_aggregates() {
    let host = start();
    for (query, expected) in [
        (
            "SELECT COUNT(*) AS c, AVG(age) AS a, MIN(age) AS lo, MAX(age) AS hi, SUM(age) AS s FROM gold.dog",
            json!([{"c": 4, "a": 6.75, "lo": 6.5, "hi": 7, "s": 13.5}]),
        ),
        ("SELECT COUNT(age) AS c FROM gold.dog", json!([{"c": 2}])),
        (
            "SELECT owner, COUNT(*) AS c FROM gold.dog GROUP BY owner HAVING COUNT(*) > 1",
            json!([{"owner": "a", "c": 2}]),
        ),
        (
            "SELECT d.name AS dog, o.name AS owner FROM gold.dog AS d INNER JOIN gold.owner AS o ON d.owner = o.id ORDER BY d.id",
            json!([{"dog": "Penny", "owner": "Ann"}, {"dog": "Kato", "owner": "Bob"}, {"dog": "rex", "owner": "Ann"}]),
        ),
        (
            "SELECT o.name, COUNT(d.id) AS dogs FROM gold.owner o LEFT JOIN gold.dog d ON d.owner = o.id GROUP BY o.name ORDER BY o.name",
            json!([{"name": "Ann", "dogs": 2}, {"name": "Bob", "dogs": 1}, {"name": "Cid", "dogs": 0}]),
        ),
        (
            "SELECT name FROM gold.owner WHERE id IN (SELECT owner FROM gold.dog WHERE age > 6.5)",
            json!([{"name": "Ann"}]),
        ),
    ] {
        assert_eq!(host.sql(query), expected, "{query}");
    }
}

#[test]
fn nothing_else_can_be_said() {
    let host = start();
    for statement in [
        "REPLACE INTO gold.dog (id) VALUES (9)",
        "INSERT OR REPLACE INTO gold.dog (id) VALUES (1)",
        "INSERT INTO gold.dog (id) VALUES (9) RETURNING *",
        "DELETE FROM gold.dog; DELETE FROM gold.owner",
        "DROP TABLE gold.dog",
        "CREATE TABLE gold.x (id INT)",
        "CREATE VIEW v AS SELECT 1",
        "ATTACH DATABASE '/tmp/x' AS x",
        "PRAGMA table_info(dog)",
        "VACUUM INTO '/tmp/x'",
        "BEGIN",
        "SELECT 1; DELETE FROM gold.dog",
        "WITH x AS (DELETE FROM gold.dog RETURNING *) SELECT * FROM x",
        "SELECT load_extension('/tmp/x.so')",
        "SELECT readfile('/etc/passwd')",
        "SELECT writefile('/tmp/jobhost-was-here', 'x')",
        "SELECT * FROM pragma_database_list",
        "SELECT * FROM sqlite_master",
        "SELECT * FROM gold.sqlite_schema",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * INTO gold.copy FROM gold.dog",
        "EXPLAIN SELECT 1",
        "",
        " ;",
    ] {
        let reply = host.post(&json!({"operation": "sql", "sql": statement}));
        assert!([400, 404].contains(&reply.status), "{statement}: {} {}", reply.status, reply.text);
        assert!(!reply.body["error"].as_str().expect("a sentence").is_empty());
    }
    assert_eq!(host.count("dog"), 4);
    assert_eq!(host.sql("SELECT name FROM gold.dog WHERE id = 1"), json!([{"name": "Penny"}]));
    assert!(!std::path::Path::new("/tmp/jobhost-was-here").exists());
}

#[test]
fn errors_have_the_recorded_messages() {
    let host = start();
    let ask = |text: Value| host.post(&json!({"operation": "sql", "sql": text}));
    let told = ask(json!("SELEKT")).refused(400);
    let advice = "Please ensure your SQL is valid. Try adding backticks to reserved words and schema table references.";
    assert_eq!(told, format!("Invalid SQL at: SELEKT. {advice}"));
    assert_eq!(ask(json!(null)).refused(400), "The 'sql' parameter is missing from the request body");
    assert_eq!(ask(json!("SELECT * FROM gold.zzz")).refused(404), "Table 'gold.zzz' does not exist");
    assert!(ask(json!("SELECT * FROM zzz.dog")).refused(404).contains("does not exist"));
    for (query, says) in [
        (json!("SELECT zip FROM gold.dog"), "zip"),
        (json!("SELECT frobnicate(id) FROM gold.dog"), "frobnicate"),
        (json!("SELECT * FROM gold.dog WHERE"), "Invalid SQL"),
        (json!(format!("SELECT {} 1", "(".repeat(10_000))), "sql"),
        (json!(5), "'sql' must be a string"),
    ] {
        let told = ask(query).refused(400);
        assert!(told.to_lowercase().contains(&says.to_lowercase()), "{told}");
    }
}

#[test]
fn a_query_sees_what_its_user_may_read() {
    let host = start();
    let may = |read: bool, attributes: Value| json!({"read": read, "insert": true, "update": true, "delete": true, "attribute_permissions": attributes});
    let attribute =
        |name: &str, read: bool| json!({"attribute_name": name, "read": read, "insert": false, "update": false});
    let some = json!([attribute("id", true), attribute("name", true), attribute("age", false)]);
    let permission =
        json!({"super_user": false, "gold": {"tables": {"dog": may(true, some), "owner": may(false, json!([]))}}});
    host.post(&json!({"operation": "add_role", "role": "some", "permission": permission})).ok();
    let user = json!({"operation": "add_user", "username": "ann", "password": "pw", "role": "some", "active": true});
    host.post(&user).ok();
    let ask = |query: &str| host.post_as(&Login::basic("ann", "pw"), &json!({"operation": "sql", "sql": query}));
    assert_eq!(ask("SELECT id, name FROM gold.dog WHERE id = 1").ok(), json!([{"id": 1, "name": "Penny"}]));
    for query in [
        "SELECT age FROM gold.dog",
        "SELECT id FROM gold.dog WHERE age > 5",
        "SELECT id FROM gold.dog ORDER BY age",
        "SELECT MAX(age) AS m FROM gold.dog",
        "SELECT id FROM gold.dog GROUP BY id HAVING MAX(age) > 5",
        "SELECT d.id FROM gold.dog d JOIN gold.dog e ON d.age = e.age",
        "SELECT id FROM gold.dog WHERE id IN (SELECT id FROM gold.dog WHERE age = 7)",
        "SELECT name FROM gold.owner",
        "SELECT d.id FROM gold.dog d JOIN gold.owner o ON d.name = o.name",
        "SELECT (SELECT COUNT(*) FROM gold.owner) AS c FROM gold.dog",
    ] {
        let reply = ask(query);
        assert_eq!(reply.status, 403, "{query}: {}", reply.text);
        assert!(reply.body["unauthorized_access"].is_array(), "{}", reply.text);
    }
    let all = ask("SELECT * FROM gold.dog");
    assert!(all.status == 403 || all.body[0].get("age").is_none(), "`*` gives what may not be read: {}", all.text);
    let there = ask("SELECT * FROM gold.secret");
    assert!([403, 404].contains(&there.status), "{}", there.text);
}
