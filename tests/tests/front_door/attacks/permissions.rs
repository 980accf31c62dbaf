//! Every operation as every kind of user. A new operation needs a line here, or the suite fails.

use std::collections::BTreeSet;

use jobhost_tests::exports::everything;
use jobhost_tests::{Login, Options};
use serde_json::{Value, json};

use super::Victim;
use super::operations::{builtin, of_plugins};

/// Users, named after the rights of their role. A user who is not listed is refused. A super user may use every
/// operation.
type Users = &'static [&'static str];

const EVERYBODY: Users = &["nothing", "reader", "inserter", "partial", "all"];
const NOBODY: Users = &[];
/// Number of invalid logins that are tried on every operation.
const ALL_TRIED: usize = 3;

/// A request on `gold.t`.
fn in_t(fields: Value) -> Value {
    let mut request = json!({"database": "gold", "table": "t"});
    request.as_object_mut().expect("an object").extend(fields.as_object().expect("an object").clone());
    request
}

/// A request for each operation, and who may send it. The permitted ones change nothing.
fn table(victim: &Victim) -> Vec<(&'static str, Value, Users)> {
    let read = |mut fields: Value| {
        fields["get_attributes"] = json!(["a"]);
        in_t(fields)
    };
    let record = json!({"records": [{"id": 1, "a": "before"}]});
    let s3 = json!({"aws_access_key_id": "AK", "aws_secret_access_key": "SK", "bucket": "bkt", "key": "x.csv", "region": "r"});
    let ghost = json!({"id": "00000000-0000-4000-8000-000000000000"});
    let evil = json!({"username": "evil", "password": "pw", "role": "super_user", "active": true});
    let super_role = json!({"role": "evil", "id": "reader", "permission": {"super_user": true}});
    let export = json!({
        "format": "csv", "path": victim.exports(), "filename": "f", "search_operation": everything("t"), "s3": s3,
    });
    let load = json!({"action": "insert", "data": "id,a\n1,x\n"});
    let file = json!({"action": "insert", "file_path": victim.files().join("ok.csv")});
    let url = json!({"action": "insert", "csv_url": "http://127.0.0.1:1/x.csv"});
    let by_value = json!({"attribute": "a", "value": "*"});
    let by_conditions = json!({"conditions": [{"attribute": "a", "comparator": "equals", "value": "x"}]});
    let before = json!({"date": "2000-01-01"});
    const READERS: Users = &["reader", "all"];
    const INSERTERS: Users = &["inserter", "all"];
    // Only the job knows which attributes a load writes.
    const LOADERS: Users = &["inserter", "partial", "all"];
    vec![
        ("create_database", json!({"database": "evil"}), NOBODY),
        ("create_schema", json!({"schema": "evil"}), NOBODY),
        ("drop_database", json!({"database": "gold"}), NOBODY),
        ("drop_schema", json!({"schema": "gold"}), NOBODY),
        ("create_table", in_t(json!({"table": "evil", "primary_key": "id"})), NOBODY),
        ("drop_table", in_t(json!({})), NOBODY),
        ("create_attribute", in_t(json!({"attribute": "evil"})), NOBODY),
        ("drop_attribute", in_t(json!({"attribute": "a"})), NOBODY),
        ("describe_all", json!({}), EVERYBODY),
        ("describe_database", json!({"database": "gold"}), &["reader", "inserter", "partial", "all"]),
        ("describe_schema", json!({"schema": "gold"}), &["reader", "inserter", "partial", "all"]),
        ("describe_table", in_t(json!({})), &["reader", "inserter", "partial", "all"]),
        ("insert", in_t(record.clone()), INSERTERS),
        ("update", in_t(record.clone()), &["all"]),
        ("upsert", in_t(record), &["all"]),
        ("delete", in_t(json!({"ids": [77]})), &["all"]),
        ("search_by_id", read(json!({"ids": [1]})), READERS),
        ("search_by_hash", read(json!({"hash_values": [1]})), READERS),
        ("search_by_value", read(by_value), READERS),
        ("search_by_conditions", read(by_conditions), READERS),
        ("sql", json!({"sql": "SELECT a FROM gold.t"}), READERS),
        ("add_user", evil.clone(), NOBODY),
        ("alter_user", json!({"username": "reader", "role": "super_user"}), NOBODY),
        ("drop_user", json!({"username": "HDB_ADMIN"}), NOBODY),
        ("list_users", json!({}), NOBODY),
        ("user_info", json!({}), EVERYBODY),
        ("add_role", super_role.clone(), NOBODY),
        ("alter_role", super_role, NOBODY),
        ("drop_role", json!({"id": "reader"}), NOBODY),
        ("list_roles", json!({}), NOBODY),
        ("get_job", ghost.clone(), EVERYBODY),
        ("get_job_log", ghost.clone(), EVERYBODY),
        ("cancel_job", ghost, EVERYBODY),
        ("search_jobs_by_start_date", json!({"from_date": "2020-01-01", "to_date": "2099-01-01"}), NOBODY),
        ("list_plugins", json!({}), NOBODY),
        ("describe_plugin", json!({"name": "csv-load"}), NOBODY),
        ("add_plugin", json!({"file": "evil.wasm", "component": "AAAA"}), NOBODY),
        ("remove_plugin", json!({"name": "csv-load"}), NOBODY),
        ("reload_plugins", json!({}), NOBODY),
        ("csv_data_load", in_t(load), LOADERS),
        ("csv_preview", in_t(json!({"data": "id,a\n1,x"})), &["reader", "inserter", "partial", "all"]),
        ("csv_file_load", in_t(file.clone()), LOADERS),
        ("csv_url_load", in_t(url), LOADERS),
        ("json_data_load", in_t(json!({"action": "insert", "data": "{\"id\":1,\"a\":\"x\"}"})), LOADERS),
        ("json_file_load", in_t(file.clone()), LOADERS),
        ("json_url_load", in_t(json!({"action": "insert", "json_url": "http://127.0.0.1:1/x.json"})), LOADERS),
        ("parquet_file_load", in_t(file.clone()), LOADERS),
        ("parquet_url_load", in_t(json!({"action": "insert", "parquet_url": "http://127.0.0.1:1/x"})), LOADERS),
        ("parquet_s3_load", in_t(json!({"action": "insert", "s3": s3})), LOADERS),
        ("import_from_s3", in_t(json!({"action": "insert", "s3": s3})), LOADERS),
        ("export_local", export.clone(), NOBODY),
        ("export_to_s3", export, NOBODY),
        ("delete_records_before", in_t(before.clone()), NOBODY),
        ("delete_files_before", in_t(before), NOBODY),
    ]
}

fn named(operation: &str, fields: &Value) -> Value {
    let mut request = json!({"operation": operation});
    request.as_object_mut().expect("an object").extend(fields.as_object().expect("an object").clone());
    request
}

/// Starts a host with a user for each column of the table.
fn start() -> Victim {
    // No S3 server listens here.
    let options = Options::new().set("s3.endpoint", "http://127.0.0.1:1").set("s3.timeout_seconds", 1);
    let victim = Victim::start(options);
    victim.file("ok.csv", "id,a\n1,x\n");
    let rights = |read: bool, insert: bool, rest: bool, attributes: Value| json!({"t": {"read": read, "insert": insert, "update": rest, "delete": rest, "attribute_permissions": attributes}});
    let only_id = json!([
        {"attribute_name": "id", "read": true, "insert": true, "update": false},
        {"attribute_name": "a", "read": false, "insert": false, "update": false},
    ]);
    victim.add_user("nothing", json!({}));
    victim.add_user("reader", rights(true, false, false, json!([])));
    victim.add_user("inserter", rights(false, true, false, json!([])));
    victim.add_user("partial", rights(true, true, false, only_id));
    victim.add_user("all", rights(true, true, true, json!([])));
    victim.add_user("asleep", rights(true, true, true, json!([])));
    victim.post(&json!({"operation": "alter_user", "username": "asleep", "active": false})).ok();
    victim
}

/// Everything that an operation could change.
fn state(victim: &Victim) -> Vec<Value> {
    let ask = |operation: &str| victim.post(&json!({"operation": operation})).ok();
    let tables = victim.post(&json!({"operation": "describe_table", "database": "gold", "table": "t"})).ok();
    let databases: Vec<String> = ask("describe_all").as_object().expect("databases").keys().cloned().collect();
    vec![
        json!(victim.rows("t")),
        tables["attributes"].clone(),
        json!(databases),
        ask("list_users"),
        ask("list_roles"),
        ask("list_plugins"),
        json!(victim.exported()),
    ]
}

#[test]
fn the_table_has_every_operation() {
    let victim = Victim::start(Options::new());
    let listed: BTreeSet<String> = table(&victim).iter().map(|(name, ..)| (*name).to_owned()).collect();
    let entrances = ["create_authentication_tokens", "refresh_operation_token"].map(str::to_owned);
    let listed: BTreeSet<String> = listed.into_iter().chain(entrances).collect();
    let existing: BTreeSet<String> = builtin().into_iter().chain(of_plugins(&victim)).collect();
    assert_eq!(listed, existing, "an operation is not in the table of permissions, or one of the table has gone");
}

#[test]
fn nobody_gets_in_without_a_valid_login() {
    let victim = start();
    let before = state(&victim);
    let strangers = [
        ("no login", Login::Nobody),
        ("a wrong password", Login::basic("all", "wrong")),
        ("an inactive user", Login::basic("asleep", "pw")),
        ("no password", Login::basic("all", "")),
        ("an unknown user", Login::basic("ghost", "pw")),
        ("another case", Login::basic("ALL", "pw")),
        ("a longer name", Login::basic("all ", "pw")),
        ("a longer password", Login::basic("all", "pw ")),
        ("a NUL", Login::basic("all\u{0}", "pw")),
        ("no name", Login::basic("", "")),
        ("a token that is none", Login::Bearer("x".to_owned())),
        ("another scheme", Login::Header("Digest username=\"HDB_ADMIN\"".to_owned())),
        ("no scheme", Login::Header("HDB_ADMIN:password".to_owned())),
        ("not base64", Login::Header("Basic %%%".to_owned())),
        ("no colon", Login::Header("Basic SERCX0FETUlO".to_owned())),
        ("nothing", Login::Header(String::new())),
    ];
    for (number, (what, login)) in strangers.iter().enumerate() {
        // Each wrong password costs a hash, so the later logins are tried on few operations only.
        let tried = if number < ALL_TRIED { usize::MAX } else { 3 };
        for (operation, fields, _) in table(&victim).into_iter().take(tried) {
            let reply = victim.post_as(login, &named(operation, &fields));
            assert_eq!(reply.status, 401, "{what}: {operation}: {}", reply.text);
            victim.refused(what, reply);
        }
        for operation in ["create_authentication_tokens", "refresh_operation_token"] {
            let reply = victim.post_as(login, &json!({"operation": operation}));
            assert!(reply.status == 401 || reply.status == 400, "{what}: {operation}: {}", reply.text);
            assert!(!reply.text.contains("eyJ"), "{what}: {operation}: {}", reply.text);
        }
    }
    assert_eq!(state(&victim), before);
    victim.assert_unharmed();
}

#[test]
fn every_role_can_do_what_it_says_and_nothing_else() {
    let victim = start();
    let before = state(&victim);
    for user in EVERYBODY {
        let login = Login::basic(user, "pw");
        for (operation, fields, allowed) in table(&victim) {
            let reply = victim.post_as(&login, &named(operation, &fields));
            let what = format!("{user}: {operation}");
            if allowed.contains(user) {
                // What the request names need not exist, but the error must not be about permissions.
                let denied_address = operation.ends_with("_url_load") && reply.text.contains("[urls] allow");
                assert!(![401, 403].contains(&reply.status) || denied_address, "{what}: {}", reply.text);
                victim.clean(&what, &reply.text);
                if let Some(id) = reply.body["job_id"].as_str() {
                    let row = victim.job(id);
                    assert!(*user != "partial" || row["status"] == "ERROR", "{what}: {row:#}");
                }
            } else {
                assert_eq!(reply.status, 403, "{what}: {}", reply.text);
                victim.refused(&what, reply);
            }
        }
    }
    assert_eq!(state(&victim), before, "something was changed by somebody who may not");
    for (operation, fields, _) in table(&victim) {
        if ["drop_database", "drop_schema", "drop_user", "remove_plugin", "drop_table"].contains(&operation) {
            continue;
        }
        let reply = victim.post(&named(operation, &fields));
        let address = reply.text.contains("[urls] allow") || reply.text.contains("[s3] allow");
        assert!(![401, 403].contains(&reply.status) || address, "super_user: {operation}: {}", reply.text);
    }
}

/// Values that a role may not read influence neither an order, nor a condition, nor what is left out.
#[test]
fn what_may_not_be_read_does_not_show_by_detours() {
    let victim = start();
    let partial = Login::basic("partial", "pw");
    let detours = [
        json!({"operation": "search_by_value", "attribute": "a", "value": "b*", "get_attributes": ["id"]}),
        json!({"operation": "search_by_value", "attribute": "id", "value": "*", "get_attributes": ["id"], "sort": {"attribute": "a"}}),
        json!({"operation": "search_by_conditions", "get_attributes": ["id"], "conditions": [
            {"operator": "or", "conditions": [{"attribute": "id", "comparator": "equals", "value": 0},
                {"attribute": "a", "comparator": "starts_with", "value": "b"}]}]}),
        json!({"operation": "search_by_conditions", "get_attributes": ["id"], "conditions": [
            {"search_attribute": "a", "search_type": "equals", "search_value": "before"}]}),
        json!({"operation": "sql", "sql": "SELECT id FROM gold.t WHERE a LIKE 'b%'"}),
        json!({"operation": "sql", "sql": "SELECT id FROM gold.t AS x ORDER BY x.a"}),
        json!({"operation": "sql", "sql": "SELECT id FROM gold.t AS x WHERE EXISTS (SELECT 1 FROM gold.t AS y WHERE y.a = 'before')"}),
        json!({"operation": "sql", "sql": "SELECT y.b FROM (SELECT a AS b FROM gold.t) AS y"}),
        json!({"operation": "sql", "sql": "WITH y AS (SELECT a FROM gold.t) SELECT * FROM y"}),
        json!({"operation": "sql", "sql": "SELECT id FROM gold.t UNION SELECT a FROM gold.t"}),
        json!({"operation": "sql", "sql": "SELECT CASE WHEN `t`.`a` = 'before' THEN 1 ELSE 0 END AS c FROM gold.t"}),
        json!({"operation": "sql", "sql": "SELECT COUNT(*) OVER (PARTITION BY a) AS c FROM gold.t"}),
    ];
    for mut request in detours {
        request["database"] = json!("gold");
        request["table"] = json!("t");
        let reply = victim.post_as(&partial, &request);
        assert!(!reply.text.contains("before"), "{request}: {}", reply.text);
        assert!(reply.status == 403 || reply.status == 400, "{request}: {} {}", reply.status, reply.text);
    }
    let all = victim.post_as(&partial, &json!({"operation": "sql", "sql": "SELECT * FROM gold.t"}));
    assert!(!all.text.contains("before"), "{}", all.text);
    let described = victim.post_as(&partial, &json!({"operation": "describe_table", "database": "gold", "table": "t"}));
    assert!(!described.text.contains("\"a\""), "the name of a hidden attribute is told: {}", described.text);
    victim.assert_unharmed();
}
