//! The matrix of permissions: users can do exactly what their role says, in operations and in jobs.

use jobhost_tests::{Host, Login, Options};
use serde_json::{Value, json};

/// A host with the tables `open` and `shut`, and one user for each role of the matrix.
fn host() -> Host {
    let host = Host::start(Options::new());
    for table in ["open", "shut", "partly"] {
        host.create_table(table);
        host.insert(table, json!([{"id": 1, "a": "x", "b": "y", "c": "z"}]));
    }
    let rights = |read: bool, insert: bool, update: bool, delete: bool| json!({"read": read, "insert": insert, "update": update, "delete": delete, "attribute_permissions": []});
    add(&host, "reader", json!({"open": rights(true, false, false, false)}));
    add(&host, "inserter", json!({"open": rights(false, true, false, false)}));
    add(&host, "updater", json!({"open": rights(false, false, true, false)}));
    add(&host, "writer", json!({"open": rights(false, true, true, false)}));
    add(&host, "deleter", json!({"open": rights(false, false, false, true)}));
    add(&host, "stranger", json!({}));
    let mut partly = rights(true, true, true, false);
    partly["attribute_permissions"] = json!([
        {"attribute_name": "id", "read": true, "insert": true, "update": true},
        {"attribute_name": "a", "read": true, "insert": true, "update": true},
        {"attribute_name": "b", "read": false, "insert": false, "update": false},
        {"attribute_name": "c", "read": false, "insert": true, "update": false},
        {"attribute_name": "__updatedtime__", "read": true, "insert": true, "update": true},
    ]);
    add(&host, "partial", json!({"partly": partly}));
    host
}

fn add(host: &Host, name: &str, tables: Value) {
    let permission = json!({"super_user": false, "gold": {"tables": tables}});
    host.post(&json!({"operation": "add_role", "role": name, "permission": permission})).ok();
    let user = json!({"operation": "add_user", "username": name, "password": "pw", "role": name, "active": true});
    host.post(&user).ok();
}

fn request(operation: &str, fields: Value) -> Value {
    let mut request = json!({"operation": operation, "database": "gold", "table": "open"});
    request.as_object_mut().expect("an object").extend(fields.as_object().expect("an object").clone());
    request
}

#[test]
fn each_right_allows_its_operations_and_no_other() {
    let host = host();
    let search = json!({"attribute": "id", "value": "*", "get_attributes": ["*"]});
    let ids = json!({"ids": [1], "get_attributes": ["*"]});
    let conditions =
        json!({"conditions": [{"attribute": "a", "comparator": "equals", "value": "x"}], "get_attributes": ["*"]});
    let record = json!({"records": [{"id": 1, "a": "z"}]});
    let csv = "id,a\n1,z\n";
    // Operation, fields, and the users who may send it.
    let matrix: [(&str, Value, &[&str]); 11] = [
        ("search_by_value", search, &["reader"]),
        ("search_by_id", ids.clone(), &["reader"]),
        ("search_by_conditions", conditions, &["reader"]),
        ("insert", record.clone(), &["inserter", "writer"]),
        ("update", record.clone(), &["updater", "writer"]),
        ("upsert", record, &["writer"]),
        ("delete", json!({"ids": [77]}), &["deleter"]),
        ("csv_data_load", json!({"data": csv, "action": "insert"}), &["inserter", "writer"]),
        ("csv_data_load", json!({"data": csv, "action": "update"}), &["updater", "writer"]),
        ("csv_data_load", json!({"data": csv, "action": "upsert"}), &["writer"]),
        ("csv_data_load", json!({"data": csv}), &["writer"]),
    ];
    for (operation, fields, allowed) in matrix {
        for user in ["reader", "inserter", "updater", "writer", "deleter", "stranger"] {
            let reply = host.post_as(&Login::basic(user, "pw"), &request(operation, fields.clone()));
            let expected = if allowed.contains(&user) { 200 } else { 403 };
            assert_eq!(reply.status, expected, "{user} {operation} {fields}: {}", reply.text);
            if reply.status == 403 {
                assert!(reply.body["unauthorized_access"].is_array(), "{}", reply.text);
                assert!(reply.body["invalid_schema_items"].is_array(), "{}", reply.text);
            }
        }
    }
}

#[test]
fn what_is_for_super_users_is_for_nobody_else() {
    let host = host();
    let requests = [
        json!({"operation": "create_database", "database": "mine"}),
        json!({"operation": "drop_database", "database": "gold"}),
        request("create_table", json!({"table": "new", "primary_key": "id"})),
        request("drop_table", json!({})),
        request("create_attribute", json!({"attribute": "c"})),
        request("drop_attribute", json!({"attribute": "a"})),
        json!({"operation": "add_user", "username": "eve", "password": "pw", "role": "super_user", "active": true}),
        json!({"operation": "alter_user", "username": "writer", "role": "super_user"}),
        json!({"operation": "drop_user", "username": "reader"}),
        json!({"operation": "list_users"}),
        json!({"operation": "add_role", "role": "mine", "permission": {"super_user": true}}),
        json!({"operation": "alter_role", "id": "writer", "role": "writer", "permission": {"super_user": true}}),
        json!({"operation": "drop_role", "id": "reader"}),
        json!({"operation": "list_roles"}),
        json!({"operation": "search_jobs_by_start_date", "from_date": "2020-01-01", "to_date": "2099-01-01"}),
    ];
    for request in requests {
        let reply = host.post_as(&Login::basic("writer", "pw"), &request);
        assert_eq!(reply.status, 403, "{request}: {}", reply.text);
        let operation = request["operation"].as_str().expect("a name");
        let sentence = format!("Operation '{operation}' is restricted to 'super_user' roles");
        assert_eq!(reply.body["unauthorized_access"], json!([sentence]), "{request}");
    }
    host.post_as(&Login::basic("reader", "pw"), &json!({"operation": "user_info"})).ok();
}

#[test]
fn a_table_that_one_may_not_see_is_not_there() {
    let host = host();
    let writer = Login::basic("writer", "pw");
    let load = |table: &str| {
        let request = request("csv_data_load", json!({"table": table, "data": "id\n1\n"}));
        let reply = host.post_as(&writer, &request);
        assert_eq!(reply.status, 403, "{}", reply.text);
        reply.text.replace(table, "T")
    };
    assert_eq!(load("shut"), load("nowhere"), "the answer tells which tables exist");
    let all = host.post_as(&Login::basic("reader", "pw"), &json!({"operation": "describe_all"})).ok();
    assert!(all["gold"].get("open").is_some() && all["gold"].get("shut").is_none(), "{all}");
    let system = request("insert", json!({"database": "system", "table": "hdb_user", "records": [{"username": "x"}]}));
    assert_eq!(host.post(&system).status, 403);
}

#[test]
fn attributes_have_rights_of_their_own() {
    let host = host();
    let partial = Login::basic("partial", "pw");
    let ask = |operation: &str, fields: Value| {
        let mut request = request(operation, fields);
        request["table"] = json!("partly");
        host.post_as(&partial, &request)
    };
    assert_eq!(ask("insert", json!({"records": [{"id": 2, "a": "x"}]})).status, 200);
    assert_eq!(ask("update", json!({"records": [{"id": 2, "a": "y"}]})).status, 200);
    let refused = ask("insert", json!({"records": [{"id": 3, "a": "x", "b": "y"}]}));
    assert_eq!(refused.status, 403, "{}", refused.text);
    // A user without any right on an attribute cannot tell whether it exists.
    let unknown = |names: &[&str]| {
        let items: Vec<_> =
            names.iter().map(|name| format!("Attribute '{name}' does not exist on 'gold.partly'")).collect();
        json!(items)
    };
    assert_eq!(refused.body["unauthorized_access"], json!([]), "{}", refused.text);
    assert_eq!(refused.body["invalid_schema_items"], unknown(&["b"]), "{}", refused.text);
    let refused = ask("upsert", json!({"records": [{"id": 3, "new": 1, "c": "x"}]}));
    let required = &refused.body["unauthorized_access"][0]["required_attribute_permissions"];
    assert_eq!(required, &json!([{"attribute_name": "c", "required_permissions": ["update"]}]), "{}", refused.text);
    assert_eq!(refused.body["invalid_schema_items"], unknown(&["new"]), "{}", refused.text);
    for (operation, fields, names) in [
        ("search_by_value", json!({"attribute": "b", "value": "*", "get_attributes": ["*"]}), &["b"][..]),
        ("search_by_id", json!({"ids": [1], "get_attributes": ["id", "nowhere", "b"]}), &["nowhere", "b"]),
        (
            "search_by_conditions",
            json!({"conditions": [{"attribute": "nowhere", "value": 1}, {"attribute": "b", "value": 1}]}),
            &["nowhere", "b"],
        ),
        ("sql", json!({"sql": "SELECT b FROM gold.partly"}), &["b"]),
        ("sql", json!({"sql": "SELECT *, nowhere FROM gold.partly"}), &["nowhere"]),
    ] {
        let refused = ask(operation, fields.clone());
        assert_eq!(refused.status, 403, "{operation} {fields}: {}", refused.text);
        assert_eq!(refused.body["unauthorized_access"], json!([]), "{operation} {fields}: {}", refused.text);
        assert_eq!(refused.body["invalid_schema_items"], unknown(names), "{operation} {fields}: {}", refused.text);
    }
    let refused = ask("update", json!({"records": [{"id": 2, "a": "z", "__updatedtime__": 1}]}));
    assert_eq!(refused.status, 403, "{}", refused.text);
    let times = "Internal timestamp attributes - '__createdtime_' and '__updatedtime__' - \
                 cannot be inserted to or updated by HDB users.";
    assert_eq!(refused.body, json!({"error": times, "code": "permission_denied"}));
    assert_eq!(ask("search_by_id", json!({"ids": [1], "get_attributes": ["id", "a"]})).status, 200);
    assert_eq!(ask("search_by_id", json!({"ids": [1], "get_attributes": ["b"]})).status, 403);
    let all = ask("search_by_id", json!({"ids": [1], "get_attributes": ["*"]}));
    assert!(all.status == 403 || all.body[0].get("b").is_none(), "`*` gives what may not be read: {}", all.text);
    let hidden =
        json!({"conditions": [{"attribute": "b", "comparator": "equals", "value": "y"}], "get_attributes": ["id"]});
    assert_eq!(ask("search_by_conditions", hidden).status, 403, "a condition tells what may not be read");
    let sorted = json!({
        "conditions": [{"attribute": "a", "comparator": "equals", "value": "x"}], "get_attributes": ["id"],
        "sort": {"attribute": "b"},
    });
    assert_eq!(ask("search_by_conditions", sorted).status, 403, "an order tells what may not be read");

    // In a load, only the job knows the columns.
    let load = ask("csv_data_load", json!({"action": "insert", "data": "id,a,b\n4,x,y\n"}));
    let id = load.ok()["job_id"].as_str().expect("a job").to_owned();
    let row = host.job(&id);
    assert_eq!(row["status"], "ERROR", "{row:#}");
    assert_eq!(row["message"]["invalid_schema_items"], unknown(&["b"]), "{row:#}");
    assert_eq!(host.count("partly"), 2);
}

#[test]
fn only_its_owner_and_super_users_see_a_job() {
    let host = host();
    let (writer, reader) = (Login::basic("writer", "pw"), Login::basic("reader", "pw"));
    let id = host.start_job_as(&writer, &request("csv_data_load", json!({"data": "id,a\n5,x\n"})));
    assert_eq!(host.job(&id)["user"], "writer");
    let ask = json!({"operation": "get_job", "id": id});
    assert_eq!(host.post_as(&writer, &ask).ok()[0]["id"], id);
    let others = host.post_as(&reader, &ask);
    assert!(others.status == 403 || others.body == json!([]), "{} {}", others.status, others.text);
}

#[test]
fn a_changed_role_takes_effect_immediately() {
    let host = host();
    let writer = Login::basic("writer", "pw");
    let insert = request("insert", json!({"records": [{"id": 9, "a": "x"}]}));
    host.post_as(&writer, &insert).ok();
    let permission = json!({"super_user": false, "gold": {"tables": {"open": {
        "read": true, "insert": false, "update": false, "delete": false, "attribute_permissions": []}}}});
    host.post(&json!({"operation": "alter_role", "id": "writer", "role": "writer", "permission": permission})).ok();
    assert_eq!(host.post_as(&writer, &insert).status, 403);
}
