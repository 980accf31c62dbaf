//! SQL that writes: INSERT, UPDATE and DELETE, with the replies and the permissions of the operations on records.

use jobhost_tests::{Host, Login, Options};
use serde_json::{Value, json};

fn start() -> Host {
    start_with(Options::new())
}

fn start_with(options: Options) -> Host {
    let host = Host::start(options);
    host.create_table("dog");
    host.create_table("old");
    host.insert(
        "dog",
        json!([
            {"id": 1, "name": "Penny", "age": 7, "good": true, "tags": ["x"]},
            {"id": 2, "name": "Kato", "age": 6},
            {"id": "three", "name": "rex"},
        ]),
    );
    host
}

fn sql(statement: &str) -> Value {
    json!({"operation": "sql", "sql": statement})
}

#[test]
fn values_are_inserted_as_they_are_written() {
    let host = start();
    let insert = "INSERT INTO gold.dog (id, name, age, good, note) VALUES (10, 'O''Neil \"q\"', -1.50, false, NULL), \
                  (1, 'taken', 0, true, ''), (11, UPPER('a') || 'b', 2 * 3, 1 > 2, undefined)";
    let told = host.post(&sql(insert)).ok();
    assert_eq!(told, json!({"message": "inserted 2 of 3 records", "inserted_hashes": [10, 11], "skipped_hashes": [1]}));
    let rows = host.rows("dog");
    assert_eq!(
        rows[2],
        json!({"id": 10, "name": "O'Neil \"q\"", "age": -1.5, "good": false, "note": null, "tags": null})
    );
    assert_eq!(rows[3]["name"], "Ab");
    assert_eq!((&rows[3]["age"], &rows[3]["good"], &rows[3]["note"]), (&json!(6), &json!(false), &Value::Null));
    assert_eq!(rows[0]["name"], "Penny");
    // Hundreds of computed and literal rows keep their order. A missing key is generated.
    let rows: Vec<String> =
        (100..400).map(|id| if id % 3 == 0 { format!("({id} + 0, 'c')") } else { format!("({id}, 'l')") }).collect();
    let told = host.post(&sql(&format!("INSERT INTO gold.old (id, kind) VALUES {}", rows.join(", ")))).ok();
    assert_eq!(told["inserted_hashes"], json!((100..400).collect::<Vec<_>>()));
    let told = host.post(&sql("INSERT INTO gold.old (kind) VALUES ('keyless')")).ok();
    assert_eq!(told["inserted_hashes"].as_array().map(Vec::len), Some(1));
}

#[test]
fn rows_of_a_select_are_inserted_by_position_or_by_name() {
    let host = start();
    let told = host
        .post(&sql("INSERT INTO gold.old (id, label) SELECT id, name || '!' FROM gold.dog WHERE age > 1 ORDER BY id"))
        .ok();
    assert_eq!(told["inserted_hashes"], json!([1, 2]));
    assert_eq!(host.rows("old"), [json!({"id": 1, "label": "Penny!"}), json!({"id": 2, "label": "Kato!"})]);
    let told = host.post(&sql("INSERT INTO gold.old SELECT * FROM gold.dog")).ok();
    assert_eq!(told["message"], "inserted 1 of 3 records");
    assert_eq!(host.rows("old")[2]["name"], "rex");
    // Objects and arrays are copied unchanged.
    host.post(&sql("DELETE FROM gold.old")).ok();
    host.post(&sql("INSERT INTO gold.old SELECT id, tags FROM gold.dog WHERE id = 1")).ok();
    assert_eq!(
        host.rows("old"),
        [json!({"id": 1, "label": null, "tags": ["x"], "name": null, "age": null, "good": null})]
    );
}

#[test]
fn matching_records_are_updated() {
    let host = start();
    let told = host.post(&sql("UPDATE gold.dog SET age = age + 1, good = false WHERE age >= 6")).ok();
    assert_eq!(told, json!({"message": "updated 2 of 2 records", "update_hashes": [1, 2], "skipped_hashes": []}));
    let rows = host.rows("dog");
    assert_eq!((&rows[0]["age"], &rows[1]["age"], &rows[2]["age"]), (&json!(8), &json!(7), &Value::Null));
    assert_eq!(rows[0]["tags"], json!(["x"]));
    assert_eq!(
        host.post(&sql("UPDATE gold.dog AS d SET name = 'none' WHERE d.id = 99")).ok()["message"],
        "updated 0 of 0 records"
    );
    assert_eq!(host.post(&sql("UPDATE gold.dog SET seen = true")).ok()["message"], "updated 3 of 3 records");
    // Nobody may write the times that the host sets.
    let times = || host.post(&sql("SELECT __createdtime__ AS c FROM gold.dog WHERE id = 1")).ok();
    let before = times();
    assert_eq!(
        host.post(&sql("UPDATE gold.dog SET __createdtime__ = 'bad', name = 'P' WHERE id = 1")).ok()["message"],
        "updated 1 of 1 records"
    );
    assert_eq!(times(), before);
    let told = host.post(&sql("UPDATE gold.dog SET id = 5 WHERE id = 1")).refused(400);
    assert!(told.contains("primary key"), "{told}");
}

#[test]
fn matching_records_are_deleted() {
    let host = start();
    let told = host.post(&sql("DELETE FROM gold.dog WHERE name LIKE 'k%' OR id = 'three'")).ok();
    assert_eq!(
        told,
        json!({
            "message": "2 of 2 records successfully deleted", "deleted_hashes": [2, "three"], "skipped_hashes": [],
        })
    );
    assert_eq!(
        host.post(&sql("DELETE FROM gold.dog WHERE id = 1")).ok()["message"],
        "1 of 1 record successfully deleted"
    );
    assert_eq!(host.post(&sql("delete from gold.dog")).ok()["message"], "0 of 0 records successfully deleted");
}

#[test]
fn an_invalid_statement_changes_nothing() {
    let host = start_with(Options::new().set("server.max_write_records", 10));
    let before = host.rows("dog");
    for (statement, status, says) in [
        ("INSERT INTO gold.dog VALUES (5)", 400, "needs column names"),
        ("INSERT INTO gold.dog (id, name) VALUES (5, 'a'), (6)", 400, "row 2"),
        (
            "INSERT INTO gold.dog (id) SELECT id, name FROM gold.dog",
            400,
            "INSERT names 1 columns, but its SELECT has 2",
        ),
        ("INSERT INTO gold.dog (id, `a/b`) VALUES (5, 1)", 400, "backticks or forward slashes"),
        ("INSERT INTO gold.dog (id) VALUES (5) RETURNING id", 400, "INSERT can be run with"),
        ("INSERT INTO gold.nothing (id) VALUES (5)", 404, "nothing"),
        ("INSERT INTO nowhere.dog (id) VALUES (5)", 404, "nowhere"),
        ("INSERT INTO gold.dog (id) SELECT id FROM gold.nothing", 404, "nothing"),
        ("UPDATE gold.dog SET name = unknown_attribute", 400, "unknown_attribute"),
        ("UPDATE gold.dog SET name = 'x' WHERE evil() = 1", 400, "evil"),
        ("UPDATE gold.dog SET name = 'x', name = 'y'", 400, "twice"),
        ("DELETE FROM gold.dog WHERE", 400, "Invalid SQL"),
        ("DELETE FROM gold.dog, gold.old", 400, ""),
        (
            "INSERT INTO gold.dog (id) SELECT a.id + 1000 + b.id FROM gold.old a, gold.old b",
            400,
            "server.max_write_records",
        ),
    ] {
        if says.contains("max_write") {
            host.insert("old", (1..=8).map(|id| json!({"id": id})).collect());
        }
        let reply = host.post(&sql(statement));
        let told = reply.refused(status);
        assert!(told.contains(says), "{statement}: {told}");
        assert_eq!(host.rows("dog"), before, "{statement}");
    }
}

/// A user who has these rights on `dog` and may read `old`.
fn user(host: &Host, name: &str, rights: Value) -> Login {
    let read = json!({"read": true, "insert": false, "update": false, "delete": false, "attribute_permissions": []});
    let permission = json!({"super_user": false, "gold": {"tables": {"dog": rights, "old": read}}});
    host.post(&json!({"operation": "add_role", "role": name, "permission": permission})).ok();
    let user = json!({"operation": "add_user", "username": name, "password": "pw", "role": name, "active": true});
    host.post(&user).ok();
    Login::basic(name, "pw")
}

#[test]
fn writing_needs_the_rights_of_the_operations_on_records_and_reading_those_to_read() {
    let host = start();
    let table = |read: bool, insert: bool, update: bool, delete: bool, attributes: Value| json!({"read": read, "insert": insert, "update": update, "delete": delete, "attribute_permissions": attributes});
    let reader = user(&host, "reader", table(true, false, false, false, json!([])));
    let writer = user(&host, "writer", table(false, true, true, true, json!([])));
    let attribute = |name: &str, read: bool, write: bool| json!({"attribute_name": name, "read": read, "insert": write, "update": write});
    let attributes =
        json!([attribute("id", true, true), attribute("name", true, true), attribute("age", false, false)]);
    let partial = user(&host, "partial", table(true, true, true, true, attributes));
    let before = host.rows("dog");
    for (who, statement) in [
        (&reader, "INSERT INTO gold.dog (id) VALUES (50)"),
        (&reader, "UPDATE gold.dog SET name = 'x'"),
        (&reader, "DELETE FROM gold.dog"),
        (&reader, "INSERT INTO gold.old (id) VALUES (50)"),
        (&reader, "UPDATE system.hdb_user SET active = false"),
        // The result of the change would reveal a value that the user may not read.
        (&writer, "UPDATE gold.dog SET name = 'x' WHERE age = 7"),
        (&writer, "DELETE FROM gold.dog WHERE age = 7"),
        (&writer, "INSERT INTO gold.dog (id) SELECT age + 100 FROM gold.dog"),
        (&partial, "UPDATE gold.dog SET age = 1"),
        (&partial, "UPDATE gold.dog SET name = age"),
        (&partial, "UPDATE gold.dog SET name = 'x' WHERE age = 7"),
        (&partial, "INSERT INTO gold.dog (id, age) VALUES (50, 1)"),
        (&partial, "INSERT INTO gold.dog (id, unheard_of) VALUES (50, 1)"),
        (&partial, "DELETE FROM gold.dog WHERE age = 7"),
    ] {
        let reply = host.post_as(who, &sql(statement));
        assert!([400, 403].contains(&reply.status), "{statement}: {} {}", reply.status, reply.text);
        assert_eq!(host.rows("dog"), before, "{statement}");
    }
    assert_eq!(
        host.post_as(&writer, &sql("INSERT INTO gold.dog (id) VALUES (50)")).ok()["inserted_hashes"],
        json!([50])
    );
    assert_eq!(
        host.post_as(&partial, &sql("UPDATE gold.dog SET name = 'x' WHERE id = 50")).ok()["update_hashes"],
        json!([50])
    );
    assert_eq!(
        host.post_as(&partial, &sql("DELETE FROM gold.dog WHERE name = 'x'")).ok()["deleted_hashes"],
        json!([50])
    );
}
