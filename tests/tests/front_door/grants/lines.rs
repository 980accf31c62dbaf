//! The refusal and the line that it suggests.

use jobhost_tests::Options;
use serde_json::json;

use super::{act, came, line_of, lines_of, not_granted, start};

#[test]
fn a_plugin_without_a_grant_is_refused_with_the_line_that_allows_it() {
    let mut host = start(|options| options);
    let request = act(json!({"tables": [["gold.t", "insert"]]}), json!([["write", "gold.t", "insert"], ["flush"]]));
    let sentence = not_granted(&host, &request);
    assert!(sentence.contains("insert on gold.t"), "{sentence}");
    assert_eq!(line_of(&sentence), "[grants] acts = [\"insert gold.t\"]");
    assert_eq!(host.count("t"), 1);

    // Puts exactly that line into a file.
    host.stop();
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), line_of(&sentence).replacen("] ", "]\n", 1)).expect("a configuration");
    let path = file.path().to_owned();
    host.restart_with(|options| options.environment("JOBHOST_CONFIG", path));
    assert_eq!(came(&host, &request), ["ok", "1 written"]);
}

#[test]
fn one_line_contains_the_missing_and_the_existing_grants() {
    let mut host = start(|options| options.set("grants.acts", "delete gold.t"));
    let file = host.file("in.csv", "id\n1\n");
    let query = json!({
        "operation": "search_by_value", "database": "gold", "table": "t", "attribute": "id", "value": "*",
        "get_attributes": ["*"],
    });
    let plan = json!({
        "tables": [["gold.t", "upsert", "delete"], ["gold.u", "insert"]],
        "queries": [query],
        "sources": [file],
        "sinks": [[host.exports(), "out.txt"]],
    });
    let request = act(plan, json!([["query", 0], ["open", 0], ["create", 0], ["write", "gold.u", "insert"]]));
    let lines = lines_of(&not_granted(&host, &request));
    assert_eq!(lines[0], "delete gold.t");
    for part in ["insert gold.t", "update gold.t", "insert gold.u", "query gold.t", "read-file /", "write-file /"] {
        assert!(lines.iter().any(|line| line.starts_with(part)), "{part} in {lines:?}");
    }
    super::grant(&mut host, &lines);
    assert_eq!(came(&host, &request), ["1 rows", "5 read", "16 stored", "ok"]);
}

#[test]
fn an_empty_plan_needs_no_grant() {
    let host = start(|options| options);
    assert_eq!(came(&host, &act(json!({}), json!([["flush"]]))), ["0 written"]);
}

#[test]
fn the_list_of_plugins_shows_requested_and_granted_capabilities() {
    let host = start(|options| options.set("grants.acts", "insert gold.*,concurrency 3"));
    let entry = host.plugin("acts.wasm").expect("the plugin");
    assert_eq!(entry["granted"], json!(["insert gold.*", "concurrency 3"]), "{entry:#}");
    assert_eq!(entry["asks"].as_array().map(Vec::len), Some(9), "{entry:#}");
    let missing = entry["not_granted"].as_array().expect("a list");
    assert!(missing.contains(&json!("fetch-url")) && !missing.contains(&json!("insert")), "{entry:#}");
}

#[test]
fn an_invalid_grant_keeps_the_host_from_starting() {
    let home = tempfile::tempdir().expect("a directory");
    for (grant, part) in [
        ("fly *", "insert, update"),
        ("insert", "CAPABILITY SCOPE"),
        ("insert dog", "database.table"),
        ("read-file in", "absolute"),
        ("read-file /a/../b", "absolute"),
        ("concurrency none", "concurrency"),
    ] {
        let options = Options::new().set("grants.acts", grant);
        let output = jobhost_tests::Host::command(&options, home.path()).output().expect("jobhost runs");
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{grant}: it started");
        assert!(told.contains("grants.acts") && told.contains(part), "{grant}: {told}");
    }
}
