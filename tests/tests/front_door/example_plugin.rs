//! The example of `docs/plugins.md`, unmodified, on a host with the grants from that page.

use jobhost_tests::{Host, Options, artifacts};
use serde_json::{Value, json};

/// Starts a host to which `jobhost plugin add` has added the example, from a file with cargo's name for it.
fn start(grants: &str) -> Host {
    let host = Host::start(Options::new().set("grants.reverse-load", grants));
    let home = tempfile::tempdir().expect("a directory");
    let built = home.path().join("reverse_load.wasm");
    std::fs::copy(artifacts::example("reverse-load"), &built).expect("a copy");
    let output = artifacts::command()
        .args(["plugin", "add"])
        .arg(&built)
        .args(["--set", &format!("plugins.dir={}", host.plugins().display())])
        .output()
        .expect("jobhost runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    host.post(&json!({"operation": "reload_plugins"})).ok();
    assert_eq!(host.plugin("reverse-load.wasm").expect("the plugin")["state"], "in_service");
    host
}

fn texts(host: &Host, table: &str) -> Vec<Value> {
    let mut texts: Vec<Value> = host.rows(table).iter().map(|row| row["text"].clone()).collect();
    texts.sort_by_key(Value::to_string);
    texts
}

#[test]
fn the_example_of_the_page_loads_lines_of_the_request_and_of_a_file() {
    let host = start("insert gold.*,read-file *");
    host.create_table("inline");
    let request = json!({"operation": "reverse_data_load", "database": "gold", "table": "inline", "data": "hello\nworld\r\ngrüße"});
    assert_eq!(host.run_ok(&request), "3 lines stored");
    assert_eq!(texts(&host, "inline"), [json!("dlrow"), json!("eßürg"), json!("olleh")]);

    let lines: String = (0..40_000).map(|number| format!("line {number}\n")).collect();
    let path = host.file("lines.txt", format!("{lines}\u{e9}"));
    host.create_table("filed");
    assert_eq!(
        host.run_ok(
            &json!({"operation": "reverse_file_load", "database": "gold", "table": "filed", "file_path": path})
        ),
        "40001 lines stored"
    );
    assert_eq!(host.count("filed"), 40_001);
}

#[test]
fn the_example_is_limited_to_its_grants_and_checks_its_own_requests() {
    let host = start("insert gold.*");
    host.create_table("t");
    let path = host.file("lines.txt", "one\n");
    let refused = host
        .post(&json!({"operation": "reverse_file_load", "database": "gold", "table": "t", "file_path": path}))
        .refused(403);
    assert!(refused.contains("grants") && refused.contains("restart"), "{refused}");
    for request in [json!({"data": 5}), json!({})] {
        let mut request = request;
        request["operation"] = json!("reverse_data_load");
        request["table"] = json!("t");
        request["database"] = json!("gold");
        assert_eq!(host.post(&request).refused(400), "'data' is required and must be a string");
    }
}
