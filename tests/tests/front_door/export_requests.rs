//! Requests for exports: who may send them. Problems are reported before a job is created.

use jobhost_tests::exports::{everything, export_local, export_to_s3, sql};
use jobhost_tests::s3::S3Server;
use jobhost_tests::{Host, Login, Options};
use serde_json::{Value, json};

fn start() -> Host {
    let host = Host::start(Options::new());
    host.create_table("t");
    host.insert("t", json!([{"id": 1, "a": "x"}]));
    host
}

fn conditions() -> Value {
    json!({
        "operation": "search_by_conditions", "database": "gold", "table": "t", "get_attributes": ["*"],
        "conditions": [{"attribute": "a", "comparator": "equals", "value": "x"}],
    })
}

fn by_id(operation: &str) -> Value {
    json!({"operation": operation, "database": "gold", "table": "t", "ids": [1], "get_attributes": ["*"]})
}

/// The same export to a file and to an object.
fn both(host: &Host, server: &S3Server, search: &Value) -> [Value; 2] {
    [export_local(host, "json", "f", search.clone()), export_to_s3(server, "json", "f", search.clone())]
}

#[track_caller]
fn assert_no_jobs(host: &Host) {
    let all = json!({"operation": "search_jobs_by_start_date", "from_date": "2020-01-01", "to_date": "2099-01-01"});
    assert_eq!(host.post(&all).ok(), json!([]), "a refused request became a job");
    assert!(host.exported().is_empty());
}

#[test]
fn exports_require_a_super_user_whatever_the_search() {
    let server = S3Server::lenient();
    let host = start();
    let rights = json!({"read": true, "insert": true, "update": true, "delete": true, "attribute_permissions": []});
    let permission = json!({"super_user": false, "gold": {"tables": {"t": rights}}});
    host.post(&json!({"operation": "add_role", "role": "all", "permission": permission})).ok();
    let user = json!({"operation": "add_user", "username": "ann", "password": "pw", "role": "all", "active": true});
    host.post(&user).ok();
    let ann = Login::basic("ann", "pw");
    let searches = [
        everything("t"),
        conditions(),
        by_id("search_by_id"),
        by_id("search_by_hash"),
        sql("SELECT * FROM gold.t"),
        sql("DELETE FROM gold.t"),
        sql("SELEKT"),
        json!({"operation": "insert"}),
    ];
    for search in searches {
        for request in both(&host, &server, &search) {
            let reply = host.post_as(&ann, &request);
            assert_eq!(reply.status, 403, "{request}: {}", reply.text);
            let operation = request["operation"].as_str().expect("a name");
            let sentence = format!("Operation '{operation}' is restricted to 'super_user' roles");
            assert_eq!(reply.body["unauthorized_access"], json!([sentence]), "{request}");
        }
    }
    assert_no_jobs(&host);
    assert!(server.keys().is_empty());
}

#[test]
fn problems_with_the_search_are_reported_immediately() {
    let server = S3Server::lenient();
    let host = start();
    let with = |mut search: Value, name: &str, value: Value| {
        search[name] = value;
        search
    };
    let without = |mut search: Value, name: &str| {
        search.as_object_mut().expect("an object").remove(name);
        search
    };
    let bad_sql = "Invalid SQL at: SELEKT. Please ensure your SQL is valid. Try adding backticks to reserved words and schema table references.";
    let unknown = json!([{"attribute": "a", "comparator": "like", "value": 1}]);
    let cases: Vec<(Value, &[u16], &str)> = vec![
        (with(everything("t"), "table", json!("zzz")), &[400, 404], "Table 'gold.zzz' does not exist"),
        (with(everything("t"), "database", json!("zzz")), &[400, 404], "database 'zzz' does not exist"),
        (with(everything("t"), "attribute", json!("zip")), &[400], "unknown attribute 'zip'"),
        (with(everything("t"), "get_attributes", json!(["zip"])), &[400], "unknown attribute 'zip'"),
        (without(by_id("search_by_hash"), "ids"), &[400], "'hash_values' is required"),
        (without(by_id("search_by_id"), "ids"), &[400], "'ids' is required"),
        (without(by_id("search_by_id"), "get_attributes"), &[400], "'get_attributes' is required"),
        (with(by_id("search_by_id"), "table", json!("zzz")), &[400, 404], "Table 'gold.zzz' does not exist"),
        (with(conditions(), "conditions", json!([])), &[400], "'conditions' must contain at least 1 items"),
        (with(conditions(), "conditions", unknown), &[400], "Unknown query comparator \"like\""),
        (with(conditions(), "table", json!("zzz")), &[400, 404], "Table 'gold.zzz' does not exist"),
        (sql("SELEKT"), &[400], bad_sql),
        (sql("SELECT * FROM gold.zzz"), &[400, 404], "Table 'gold.zzz' does not exist"),
        (sql("SELECT zip FROM gold.t"), &[400], "zip"),
        (sql("DELETE FROM gold.t"), &[400], "SELECT"),
        (sql("UPDATE gold.t SET a = 1"), &[400], "SELECT"),
        (sql("DROP TABLE gold.t"), &[400], "SELECT"),
        (json!({"operation": "sql"}), &[400], "The 'sql' parameter is missing from the request body"),
        (json!({}), &[400], "search_operation.operation missing"),
        (
            json!({"operation": "insert"}),
            &[400],
            "search_operation.operation must be one of the following values: search_by_value, search_by_hash, search_by_id, sql, search_by_conditions",
        ),
        (json!({"operation": "export_local"}), &[400], "must be one of the following values"),
        (json!(null), &[400], "search_operation"),
        (json!("SELECT 1"), &[400], "search_operation"),
        (json!([everything("t")]), &[400], "search_operation"),
    ];
    for (search, statuses, says) in cases {
        for request in both(&host, &server, &search) {
            let reply = host.post(&request);
            assert!(statuses.contains(&reply.status), "{request}: {} {}", reply.status, reply.text);
            let told = reply.body["error"].as_str().expect("a sentence");
            assert!(told.contains(says), "{request}: {told}");
        }
    }
    assert_no_jobs(&host);
    assert_eq!(host.count("t"), 1);
}

#[test]
fn problems_with_the_target_are_reported_immediately() {
    let server = S3Server::lenient();
    let host = start();
    let [local, s3] = both(&host, &server, &everything("t"));
    let format = "format invalid. must be one of the following values: json, csv, jsonl, parquet";
    let change = |request: &Value, pointer: &str, value: Value| {
        let mut request = request.clone();
        match pointer.strip_prefix("s3.") {
            Some(name) => request["s3"][name] = value,
            None => request[pointer] = value,
        }
        request
    };
    let cases = [
        (change(&local, "format", json!(null)), "format missing"),
        (change(&local, "format", json!("xml")), format),
        (change(&s3, "format", json!("JSON")), format),
        (change(&local, "format", json!(5)), "format"),
        (change(&local, "compression", json!("bzip2")), "compression"),
        (change(&local, "path", json!(null)), "path is missing."),
        (change(&local, "path", json!(5)), "'path' must be a string"),
        (change(&s3, "s3", json!(null)), "S3 object is missing."),
        (change(&s3, "s3", json!({})), "S3 object is missing."),
        (change(&s3, "s3", json!("bkt")), "s3"),
        (change(&s3, "s3.aws_access_key_id", json!(null)), "aws_access_key_id is missing."),
        (change(&s3, "s3.aws_secret_access_key", json!("")), "aws_secret_access_key is missing."),
        (change(&s3, "s3.bucket", json!(null)), "bucket is missing."),
        (change(&s3, "s3.key", json!(null)), "key is missing."),
        (change(&s3, "s3.region", json!(null)), "region is missing."),
        (change(&s3, "s3.key", json!(5)), "key"),
        (change(&s3, "s3.path_style", json!("yes")), "path_style"),
    ];
    for (request, says) in cases {
        let told = host.post(&request).refused(400);
        assert!(told.contains(says), "{request}: {told}");
        assert!(!told.contains("undefined") && !told.contains("not a function"), "{told}");
    }
    assert_no_jobs(&host);
}
