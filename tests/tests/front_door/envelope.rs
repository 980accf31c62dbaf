//! The envelope of requests: anything that is not an operation is refused with a message, and nothing crashes the host.

use jobhost_tests::{Host, Login, Options};
use serde_json::json;

#[test]
fn health_needs_no_login_and_identifies_the_host() {
    let host = Host::start(Options::new());
    let reply = host.send(&Login::Nobody, "GET", "/health", None, b"");
    assert_eq!(reply.status, 200);
    assert!(reply.header("content-type").is_some_and(|value| value.starts_with("text/plain")));
    assert_eq!(reply.text, "HarperDB is running.");
    let body = host.post(&json!({"operation": "describe_all"}));
    assert_eq!(body.header("content-type"), Some("application/json"));
}

#[test]
fn anything_that_is_not_a_request_is_refused() {
    let host = Host::start(Options::new());
    let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    let deep_operation = format!("{{\"operation\": \"insert\", \"records\": {deep}}}");
    let cases: &[(&str, &[u8], u16)] = &[
        ("nothing", b"", 400),
        ("half an object", b"{\"operation\": ", 400),
        ("not UTF-8", b"{\"operation\": \"\xff\"}", 400),
        ("a number as operation", b"{\"operation\": 5}", 400),
        ("an object as operation", b"{\"operation\": {}}", 400),
        ("an empty operation", b"{\"operation\": \"\"}", 400),
        ("an unknown operation", b"{\"operation\": \"frobnicate\"}", 400),
        ("deep nesting", deep.as_bytes(), 400),
        ("deep nesting in an operation", deep_operation.as_bytes(), 400),
    ];
    for (what, body, status) in cases {
        let reply = host.send(host.admin(), "POST", "/", Some("application/json"), body);
        assert_eq!(reply.status, *status, "{what}: {}", reply.text);
        assert!(reply.body["error"].is_string(), "{what}: {}", reply.text);
        for internal in ["panicked", "src/", "serde", "called `"] {
            assert!(!reply.text.contains(internal), "{what} shows internals: {}", reply.text);
        }
    }
    assert_eq!(host.send(&Login::Nobody, "GET", "/health", None, b"").status, 200, "the host is gone");
}

#[test]
fn a_body_has_a_maximum_size() {
    let host = Host::start(Options::new().set("server.max_body_bytes", 10_000));
    let body = json!({"operation": "describe_all", "padding": "x".repeat(20_000)});
    let told = host.post(&body).refused(413);
    assert!(told.contains("10000") || told.contains("server.max_body_bytes"), "{told}");
    host.post(&json!({"operation": "describe_all"})).ok();
}

#[test]
fn media_types_are_parsed_and_other_paths_are_not_found() {
    let host = Host::start(Options::new());
    let body = br#"{"operation": "describe_all"}"#;
    let post = |media_type| host.send(host.admin(), "POST", "/", media_type, body).status;
    assert_eq!(post(Some("application/json")), 200);
    assert_eq!(post(Some("application/json; charset=utf-8")), 200);
    assert_eq!(post(Some("Application/JSON")), 200);
    assert_eq!(post(Some("application/x-www-form-urlencoded")), 415);
    assert_eq!(post(None), 415);
    for (method, path) in [("PUT", "/"), ("DELETE", "/"), ("POST", "/foo"), ("GET", "/../health"), ("POST", "//")] {
        assert_eq!(
            host.send(host.admin(), method, path, Some("application/json"), body).status,
            404,
            "{method} {path}"
        );
    }
}

#[test]
fn a_user_mistake_is_never_an_internal_error() {
    let host = Host::start(Options::new());
    host.create_table("t");
    let operations = [
        "get_job",
        "search_jobs_by_start_date",
        "create_table",
        "create_database",
        "drop_table",
        "drop_database",
        "create_attribute",
        "drop_attribute",
        "describe_table",
        "describe_database",
        "insert",
        "update",
        "upsert",
        "delete",
        "search_by_id",
        "search_by_hash",
        "search_by_value",
        "search_by_conditions",
        "add_user",
        "alter_user",
        "drop_user",
        "add_role",
        "alter_role",
        "drop_role",
        "csv_data_load",
        "csv_file_load",
        "csv_url_load",
    ];
    let values = [json!(null), json!(5), json!(true), json!([]), json!({}), json!([null]), json!("\u{0}"), json!("x")];
    let fields = [
        "table",
        "database",
        "id",
        "ids",
        "records",
        "attribute",
        "value",
        "conditions",
        "get_attributes",
        "username",
        "role",
        "permission",
        "password",
        "data",
        "file_path",
        "csv_url",
        "action",
        "from_date",
        "limit",
        "sort",
        "operator",
        "primary_key",
        "attributes",
    ];
    for operation in operations {
        for field in fields {
            for value in &values {
                let mut request = json!({"operation": operation, "database": "gold", "table": "t"});
                request[field] = value.clone();
                let reply = host.post(&request);
                assert!(reply.status < 500, "{request}: {} {}", reply.status, reply.text);
            }
        }
    }
    assert_eq!(host.send(&Login::Nobody, "GET", "/health", None, b"").status, 200, "the host is gone");
}
