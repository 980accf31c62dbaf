//! A component that fails is reported in one sentence; a component that attacks the host has no effect. `limits`
//! contains the tests of limits.

use std::path::Path;

use jobhost_tests::{Host, Login, Options, artifacts};
use serde_json::{Value, json};

#[track_caller]
fn ended_with_error(row: &Value) -> (String, String) {
    assert_eq!(row["status"], "ERROR", "{row:#}");
    let message = row["message"].as_str().unwrap_or_else(|| panic!("no sentence in {row:#}"));
    assert!(!message.contains('\n') && message.len() < 500, "not one sentence: {message}");
    assert!(row["error"].is_object(), "no detail in {row:#}");
    (message.to_owned(), row["error"].to_string())
}

#[test]
fn a_trap_is_reported_in_one_sentence_with_a_backtrace() {
    let host = Host::start(Options::new().guest("traps"));
    let row = host.run(&json!({"operation": "trap"}));
    let (message, detail) = ended_with_error(&row);
    assert_eq!(row["plugin"], "traps@0.1.0", "{message}");
    assert!(detail.contains("deep_inside"), "no backtrace in {detail}");
    assert!(detail.contains("the guest gave up on purpose"), "no tail of stderr in {detail}");
    // The plugin is still in service, and the host runs.
    ended_with_error(&host.run(&json!({"operation": "trap"})));
    assert_eq!(host.send(&Login::Nobody, "GET", "/health", None, b"").status, 200);
}

#[test]
fn what_the_plan_does_not_name_is_denied() {
    let host = Host::start(Options::new().guest("oversteps").set("grants.oversteps", "insert gold.mine"));
    host.create_table("mine");
    host.create_table("theirs");
    host.insert("theirs", json!([{"id": 1, "by": "us"}]));
    let message = host.run_ok(&json!({"operation": "overstep"}));
    for denied in
        ["other table", "absent table", "other action", "describe", "declare", "source", "sink", "query", "delete"]
    {
        assert!(message.contains(&format!("{denied}: ErrorKind::Denied")), "{denied} in {message}");
    }
    for failed in ["file", "directory", "create"] {
        assert!(message.contains(&format!("{failed}: failed")), "{failed} in {message}");
    }
    assert!(message.contains("environment: 0"), "{message}");
    assert!(message.ends_with("own table: ok"), "{message}");
    assert_eq!(host.rows("theirs"), [json!({"id": 1, "by": "us"})]);
    assert_eq!(host.rows("mine"), [json!({"id": 1, "by": "oversteps"})]);
    assert!(!Path::new("/tmp/jobhost-overstep").exists());
}

#[test]
fn an_invalid_plugin_has_no_effect() {
    let mut host = Host::start(Options::new().guest("traps"));
    assert!(host.stop().success());
    std::fs::write(host.plugins().join("junk.wasm"), b"not a component").expect("a file");
    std::fs::write(host.plugins().join("module.wasm"), b"\0asm\x01\0\0\0").expect("a file");
    std::fs::write(host.plugins().join("empty.wasm"), b"").expect("a file");
    std::fs::write(host.plugins().join("readme.txt"), b"not a plugin").expect("a file");
    host.restart();
    host.create_table("t");
    let load = json!({"operation": "csv_data_load", "database": "gold", "table": "t", "data": "id\n1\n"});
    host.run_ok(&load);
    // The list waits until the whole folder has been examined.
    host.plugin("module.wasm").expect("the file");
    let log = host.log();
    for name in ["junk.wasm", "module.wasm", "empty.wasm"] {
        assert!(log.contains(name), "the log does not tell about {name}");
    }
}

#[test]
fn every_guest_has_a_test() {
    let sources = sources_of(&artifacts::in_package("tests/front_door"));
    for entry in std::fs::read_dir(artifacts::in_package("guests")).expect("the guests") {
        let path = entry.expect("an entry").path();
        let manifest = std::fs::read_to_string(path.join("Cargo.toml")).unwrap_or_default();
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
        // Either published with the host, or used to build a modified component.
        let tested =
            [format!(".guest(\"{name}\")"), format!("\"{name}.wasm\"")].iter().any(|used| sources.contains(used));
        assert!(tested || !manifest.contains("cdylib"), "no test uses the guest {name}");
    }
}

/// All sources in and below a folder.
fn sources_of(folder: &Path) -> String {
    let entries = std::fs::read_dir(folder).expect("the sources").map(|entry| entry.expect("an entry").path());
    entries
        .map(|path| if path.is_dir() { sources_of(&path) } else { std::fs::read_to_string(path).expect("a source") })
        .collect()
}
