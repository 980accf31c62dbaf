//! Plugins are added and removed while the host runs: through the folder, operations and the command line. A plugin
//! stays in service until its replacement is good.

use jobhost_tests::components::describing;
use jobhost_tests::{Host, Options, artifacts, eventually};
use serde_json::{Value, json};

fn listed(host: &Host, file: &str) -> Option<Value> {
    let files = host.post(&json!({"operation": "list_plugins"})).ok();
    files.as_array().expect("a list").iter().find(|entry| entry["file"] == file).cloned()
}

#[test]
fn adding_a_file_adds_its_operations_and_removing_it_removes_them() {
    let host = Host::start(Options::new());
    let refused = host.post(&json!({"operation": "trap"})).refused(400);
    assert_eq!(refused, "Operation 'trap' not found");
    let file = host.plugins().join("traps.wasm");
    std::fs::copy(artifacts::guest("traps"), &file).expect("a copy");
    let entry = eventually("the plugin", || listed(&host, "traps.wasm"));
    assert_eq!((&entry["state"], &entry["name"]), (&json!("in_service"), &json!("traps")), "{entry:#}");
    host.run_error(&json!({"operation": "trap"}));
    std::fs::remove_file(&file).expect("removed");
    eventually("its end", || listed(&host, "traps.wasm").is_none().then_some(()));
    assert_eq!(host.post(&json!({"operation": "trap"})).status, 400);
}

#[test]
fn a_running_job_keeps_its_plugin_when_the_file_is_removed() {
    let host = Host::start(Options::new().guest("sleeps").set("jobs.cancel_grace_seconds", 0));
    let id = host.start_job(&json!({"operation": "sleep"}));
    host.job_when(&id, "the start", |row| row["phase"] == "running");
    std::fs::remove_file(host.plugins().join("sleeps.wasm")).expect("removed");
    eventually("its end", || listed(&host, "sleeps.wasm").is_none().then_some(()));
    assert_eq!(host.job_now(&id)["status"], "IN_PROGRESS");
    host.post(&json!({"operation": "cancel_job", "id": id})).ok();
    assert_eq!(host.job(&id)["status"], "CANCELLED");
}

#[test]
fn a_bad_replacement_is_listed_and_the_one_before_stays() {
    let host = Host::start(Options::new().guest("traps"));
    let before = listed(&host, "traps.wasm").expect("the plugin");
    std::fs::write(host.plugins().join("traps.wasm"), b"\0asm\x0d\0\x01\0 this is no component").expect("written");
    let entry =
        eventually("the failure", || listed(&host, "traps.wasm").filter(|entry| entry["state"] != "in_service"));
    assert_eq!(entry["state"], "previous_in_service", "{entry:#}");
    assert_eq!(entry["sha256_in_service"], before["sha256"]);
    assert_ne!(entry["sha256"], before["sha256"]);
    assert!(entry["reason"].as_str().is_some_and(|reason| reason.contains("cannot be read")), "{entry:#}");
    host.run_error(&json!({"operation": "trap"}));
}

#[test]
fn a_file_that_is_not_a_component_of_the_world_is_listed_with_its_reason() {
    let host = Host::start(Options::new());
    for (file, bytes) in [("core.wasm", &b"\0asm\x01\0\0\0"[..]), ("text.wasm", b"hello"), ("empty.wasm", b"")] {
        std::fs::write(host.plugins().join(file), bytes).expect("written");
    }
    let files = host.post(&json!({"operation": "reload_plugins"})).ok();
    for file in ["core.wasm", "text.wasm", "empty.wasm"] {
        let entry = files.as_array().expect("a list").iter().find(|entry| entry["file"] == file).expect("the file");
        assert_eq!(entry["state"], "failed", "{entry:#}");
        assert!(entry["reason"].is_string() && entry["supported_contracts"] == json!(["0.1"]), "{entry:#}");
    }
}

#[test]
fn a_plugin_can_be_uploaded_described_and_removed() {
    let host = Host::start(Options::new());
    let bytes = std::fs::read(artifacts::guest("traps")).expect("the guest");
    let component = jobhost_tests::encoded(&bytes);
    let add = |name: &str, component: &str| json!({"operation": "add_plugin", "file": name, "component": component});
    let told = host.post(&add("mine.wasm", &component)).refused(400);
    assert!(told.contains("traps.wasm"), "a plugin's file bears its name: {told}");
    let entry = host.post(&add("traps.wasm", &component)).ok();
    assert_eq!(entry["state"], "in_service", "{entry:#}");
    host.run_error(&json!({"operation": "trap"}));
    let described = host.post(&json!({"operation": "describe_plugin", "name": "traps"})).ok();
    assert_eq!(described["operations"][0]["name"], "trap", "{described:#}");
    for (request, part) in [
        (add("../x.wasm", &component), "file name"),
        (add("x.wasm", "%%"), "base64"),
        (add("x.wasm", "AAAA"), "not WebAssembly"),
        (json!({"operation": "add_plugin", "file": "x.wasm"}), "exactly one"),
        (json!({"operation": "add_plugin", "file": "x.wasm", "component": component, "sha256": "00"}), "sha256"),
    ] {
        let told = host.post(&request).refused(400);
        assert!(told.contains(part), "{part}: {told}");
    }
    host.post(&json!({"operation": "remove_plugin", "name": "traps"})).ok();
    assert_eq!(host.post(&json!({"operation": "trap"})).status, 400);
    assert!(!host.plugins().join("traps.wasm").exists());
    assert_eq!(host.post(&json!({"operation": "remove_plugin", "name": "traps"})).status, 404);
}

#[test]
fn two_plugins_cannot_bring_the_same_operation() {
    let host = Host::start(Options::new());
    host.drop_in_good("rival.wasm", describing("rival"));
    let reason = host.drop_in_bad("describes.wasm", describing("well"));
    assert!(reason.contains("rival") && reason.contains("describe_me"), "{reason}");
    // The first plugin keeps the operation. When it is removed, the other one takes over.
    std::fs::remove_file(host.plugins().join("rival.wasm")).expect("removed");
    eventually("its turn", || listed(&host, "describes.wasm").filter(|entry| entry["state"] == "in_service"));
}

#[test]
fn only_listed_digests_are_loaded() {
    let listed_digest = "0".repeat(64);
    let host = Host::start(Options::new().set("plugins.allowed_digests", &listed_digest));
    let entry = listed(&host, "csv-load.wasm").expect("the file");
    assert_eq!(entry["state"], "failed", "{entry:#}");
    let digest = entry["sha256"].as_str().expect("a digest");
    let reason = entry["reason"].as_str().expect("a reason");
    assert!(reason.contains(&format!("allowed_digests = [{digest:?}]")), "{reason}");
}

#[test]
fn a_damaged_entry_of_the_compile_cache_is_a_miss() {
    let mut host = Host::start(Options::new());
    host.stop();
    let cache = host.data().join("cache");
    host.restart_with(|options| options.set("plugins.cache_dir", cache.display()));
    host.stop();
    let mut entries = 0;
    for entry in std::fs::read_dir(&cache).expect("the cache") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|extension| extension == "cwasm") {
            let mut bytes = std::fs::read(&path).expect("read");
            let middle = bytes.len() / 2;
            bytes[middle] ^= 0xff;
            std::fs::write(&path, bytes).expect("written");
            entries += 1;
        }
    }
    assert!(entries >= 4, "{entries} entries");
    host.restart();
    assert!(host.log().contains("damaged or from another host"), "the damage is not told");
    host.create_table("t");
    host.run_ok(&json!({"operation": "csv_data_load", "database": "gold", "table": "t", "data": "id\n1\n"}));
}

#[test]
fn the_command_line_lists_checks_adds_and_removes() {
    let home = tempfile::tempdir().expect("a directory");
    let plugin = |arguments: &[&str]| {
        let mut command = artifacts::command();
        let folder = format!("plugins.dir={}", home.path().display());
        command.arg("plugin").args(arguments).args(["--set", &folder]).output().expect("jobhost runs")
    };
    let guest = artifacts::guest("traps");
    let guest = guest.to_str().expect("a path");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    // The compiler's name for the file. In the folder, it is named after the plugin.
    let built = tempfile::Builder::new().suffix("_release.wasm").tempfile().expect("a file");
    std::fs::copy(guest, built.path()).expect("a copy");
    let built = built.path().to_str().expect("a path");
    let checked = plugin(&["check", built]);
    assert!(checked.status.success() && text(checked.stdout).contains("traps@0.1.0"));
    assert!(plugin(&["add", built]).status.success());
    let list = text(plugin(&["list"]).stdout);
    assert!(list.contains("traps.wasm: traps@0.1.0") && list.contains("provides trap"), "{list}");
    let refused = plugin(&["add", "/etc/hostname"]);
    assert!(!refused.status.success() && text(refused.stderr).contains("not WebAssembly"));
    assert!(plugin(&["remove", "traps.wasm"]).status.success());
    assert!(!plugin(&["remove", "traps.wasm"]).status.success());
    assert_eq!(std::fs::read_dir(home.path()).expect("the folder").count(), 0);
}
