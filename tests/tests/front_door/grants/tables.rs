//! Grants for actions on tables.

use jobhost_tests::Options;
use jobhost_tests::exports::{everything, sql};
use serde_json::{Value, json};

use super::{act, came, grant, line_of, lines_of, not_granted, start, works_with_its_line_only};

#[test]
fn each_action_has_its_own_keyword() {
    let mut host = start(|options| options);
    for (right, steps, line, other, expected) in [
        ("insert", json!([["write", "gold.t", "insert"]]), "insert gold.t", "update gold.t", "ok"),
        ("update", json!([["write", "gold.t", "update"]]), "update gold.t", "insert gold.t", "ok"),
        ("delete", json!([["delete", "gold.t"]]), "delete gold.t", "update *", "2 deleted"),
    ] {
        let request = act(json!({"tables": [["gold.t", right]]}), steps);
        assert_eq!(works_with_its_line_only(&mut host, &request, line, other), [expected], "{right}");
    }
    let queries = json!({"queries": [sql("SELECT id FROM gold.u")]});
    let came =
        works_with_its_line_only(&mut host, &act(queries, json!([["query", 0]])), "query gold.u", "query gold.t");
    assert_eq!(came, ["0 rows"]);
}

#[test]
fn an_upsert_needs_two_grants() {
    let mut host = start(|options| options.set("grants.acts", "insert gold.t"));
    let request = act(json!({"tables": [["gold.t", "upsert"]]}), json!([["write", "gold.t", "upsert"]]));
    let lines = lines_of(&not_granted(&host, &request));
    assert_eq!(lines, ["insert gold.t", "update gold.t"]);
    grant(&mut host, &lines);
    assert_eq!(came(&host, &request), ["ok"]);
}

#[test]
fn every_form_of_a_scope_covers_what_it_says_and_no_more() {
    let mut host = start(|options| options);
    let silver = json!({"operation": "create_table", "database": "silver", "table": "t", "primary_key": "id"});
    host.post(&silver).ok();
    let insert = |table: &str| act(json!({"tables": [[table, "insert"]]}), json!([]));
    for (scope, covered) in [
        ("insert gold.t", [true, false, false]),
        ("insert gold.*", [true, true, false]),
        ("insert *.t", [true, false, true]),
        ("insert *.*", [true, true, true]),
        ("insert *", [true, true, true]),
        ("insert silver.*", [false, false, true]),
        ("update *", [false, false, false]),
    ] {
        grant(&mut host, &[scope.to_owned()]);
        for (table, covered) in ["gold.t", "gold.u", "silver.t"].into_iter().zip(covered) {
            if covered {
                assert_eq!(came(&host, &insert(table)), [""; 0], "{scope} {table}");
            } else {
                not_granted(&host, &insert(table));
            }
        }
    }
}

#[test]
fn a_query_needs_a_grant_for_each_table_that_it_reads() {
    let mut host = start(|options| options.set("grants.acts", "query gold.t"));
    let join =
        act(json!({"queries": [sql("SELECT a.id FROM gold.t a JOIN gold.u b ON a.id = b.id")]}), json!([["query", 0]]));
    let lines = lines_of(&not_granted(&host, &join));
    assert_eq!(lines, ["query gold.t", "query gold.u"]);
    let nested =
        json!({"queries": [everything("t"), sql("SELECT id FROM gold.t WHERE id IN (SELECT id FROM gold.u)")]});
    assert_eq!(lines_of(&not_granted(&host, &act(nested, json!([])))), lines);
    grant(&mut host, &lines);
    assert_eq!(came(&host, &join), ["0 rows"]);
}

#[test]
fn a_table_without_a_right_in_the_plan_is_not_described() {
    let host = start(|options| options);
    for name in ["gold.t", "system.hdb_user", "system.hdb_job"] {
        let request = act(json!({"tables": [[name]]}), json!([["describe", name]]));
        let reply = host.post(&request);
        if reply.status == 200 {
            let row = host.job(reply.body["job_id"].as_str().expect("a job"));
            let came = row["result"][0].as_str().unwrap_or_default();
            assert!(came.starts_with("ErrorKind::"), "{name} was described without any grant: {row:#}");
        } else {
            assert!((400..600).contains(&reply.status), "{name}: {}", reply.text);
        }
    }
}

#[test]
fn a_grant_does_not_extend_the_rights_of_the_user() {
    let host = start(|options| options.set("grants.acts", "insert *,update *,delete *,query *"));
    for plan in [
        json!({"tables": [["system.hdb_user", "insert"]]}),
        json!({"queries": [{"operation": "search_by_value", "database": "system", "table": "hdb_user",
            "attribute": "username", "value": "*", "get_attributes": ["*"]}]}),
        json!({"tables": [["gold.nowhere", "insert"]]}),
    ] {
        let reply = host.post(&act(plan.clone(), json!([])));
        assert!((400..500).contains(&reply.status), "{plan}: {}", reply.text);
    }
}

#[test]
fn the_grants_of_a_shipped_plugin_can_be_narrowed() {
    let mut host = start(|options: Options| options.set("grants.csv-load", "insert data.*"));
    let data = json!({"operation": "create_table", "database": "data", "table": "t", "primary_key": "id"});
    host.post(&data).ok();
    let load = |database: &str, action: &str| -> Value {
        json!({"operation": "csv_data_load", "database": database, "table": "t", "action": action, "data": "id\n1\n"})
    };
    host.run_ok(&load("data", "insert"));
    let sentence = host.post(&load("gold", "insert")).refused(403);
    assert_eq!(line_of(&sentence), "[grants] csv-load = [\"insert data.*\", \"insert gold.t\"]");
    let sentence = host.post(&load("data", "update")).refused(403);
    assert_eq!(line_of(&sentence), "[grants] csv-load = [\"insert data.*\", \"update data.t\"]");
    let file = host.file("in.csv", "id\n1\n");
    let request = json!({
        "operation": "csv_file_load", "database": "data", "table": "t", "action": "insert", "file_path": file,
    });
    let sentence = host.post(&request).refused(403);
    assert!(line_of(&sentence).contains("\"read-file /"), "{sentence}");
    // Even without any grant it is loaded, and others are unaffected.
    host.stop();
    host.restart_with(|options| options.set("grants.csv-load", ""));
    let sentence = host.post(&load("data", "insert")).refused(403);
    assert_eq!(line_of(&sentence), "[grants] csv-load = [\"insert data.t\"]");
    let delete = json!({"operation": "delete_records_before", "database": "gold", "table": "t", "date": "2099-01-01"});
    host.run_ok(&delete);
}
