//! The operator's locks on the plugin folder: a list of digests, and keys that must have signed a plugin.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use jobhost_tests::{Host, Options, artifacts, encoded, eventually};
use serde_json::{Value, json};

fn key(seed: u8) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).expect("a key")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn public(pair: &Ed25519KeyPair) -> String {
    hex(pair.public_key().as_ref())
}

fn signature(pair: &Ed25519KeyPair, component: &[u8]) -> Vec<u8> {
    pair.sign(component).as_ref().to_vec()
}

fn guest() -> Vec<u8> {
    std::fs::read(artifacts::guest("traps")).expect("the guest")
}

fn put(host: &Host, file: &str, bytes: &[u8]) {
    // Renamed when complete, as the documentation requires for copying files into the folder.
    let part = host.plugins().join(format!("{file}.part"));
    std::fs::write(&part, bytes).and_then(|()| std::fs::rename(&part, host.plugins().join(file))).expect("a file");
}

fn listed(host: &Host, file: &str) -> Option<Value> {
    let files = host.post(&json!({"operation": "list_plugins"})).ok();
    files.as_array().expect("a list").iter().find(|entry| entry["file"] == file).cloned()
}

#[track_caller]
fn reloaded(host: &Host) -> Value {
    host.post(&json!({"operation": "reload_plugins"})).ok();
    listed(host, "traps.wasm").expect("the file")
}

/// A host that trusts the keys 1 and 2.
fn locked() -> Host {
    let keys = format!("{},{}", public(&key(1)), public(&key(2)));
    Host::start(Options::new().set("plugins.signing_keys", keys))
}

#[track_caller]
fn failed(entry: &Value, part: &str) {
    assert_eq!(entry["state"], "failed", "{entry:#}");
    assert!(entry["reason"].as_str().is_some_and(|reason| reason.contains(part)), "not {part}: {entry:#}");
    assert_eq!(entry["sha256"], hex(digest(&SHA256, &guest()).as_ref()), "{entry:#}");
}

#[test]
fn only_what_a_trusted_key_signed_is_loaded() {
    let host = locked();
    let component = guest();
    put(&host, "traps.wasm", &component);
    failed(&reloaded(&host), "no signature");
    assert_eq!(host.post(&json!({"operation": "trap"})).status, 400);
    let good = signature(&key(1), &component);
    let mut tampered = good.clone();
    tampered[40] ^= 1;
    for (bad, part) in [
        (signature(&key(3), &component), "plugins.signing_keys"),
        (signature(&key(1), &component[1..]), "plugins.signing_keys"),
        (signature(&key(1), digest(&SHA256, &component).as_ref()), "plugins.signing_keys"),
        (tampered, "plugins.signing_keys"),
        (vec![0; 64], "plugins.signing_keys"),
        (good[..63].to_vec(), "63 bytes"),
        ([&good[..], b"\n"].concat(), "65 bytes"),
        (hex(&good).into_bytes(), "128 bytes"),
        (Vec::new(), "0 bytes"),
        (vec![7; 5000], "64"),
    ] {
        put(&host, "traps.wasm.sig", &bad);
        failed(&reloaded(&host), part);
        assert_eq!(host.post(&json!({"operation": "trap"})).status, 400);
    }
    for pair in [1, 2] {
        put(&host, "traps.wasm.sig", &signature(&key(pair), &component));
        let entry = reloaded(&host);
        assert_eq!(entry["state"], "in_service", "{entry:#}");
        host.run_error(&json!({"operation": "trap"}));
    }
    // The shipped plugins have no signature here.
    let entry = listed(&host, "csv-load.wasm").expect("the file");
    assert!(entry["state"] == "failed" && entry["reason"].to_string().contains("no signature"), "{entry:#}");
}

#[test]
fn adding_a_signature_later_puts_the_plugin_into_service() {
    let host = locked();
    let component = guest();
    put(&host, "traps.wasm", &component);
    let entry = eventually("the file", || listed(&host, "traps.wasm"));
    failed(&entry, "no signature");
    put(&host, "traps.wasm.sig", &signature(&key(2), &component));
    // Noticed only by watching the folder.
    eventually("the plugin", || listed(&host, "traps.wasm").filter(|entry| entry["state"] == "in_service"));
    host.run_error(&json!({"operation": "trap"}));
}

#[test]
fn a_component_that_was_changed_after_it_was_signed_does_not_replace_the_good_one() {
    let host = locked();
    let component = guest();
    put(&host, "traps.wasm.sig", &signature(&key(1), &component));
    put(&host, "traps.wasm", &component);
    let before = reloaded(&host);
    assert_eq!(before["state"], "in_service", "{before:#}");
    // It is still a component: a custom section with the name "x" is appended.
    let changed = [&component[..], &[0, 2, 1, b'x']].concat();
    put(&host, "traps.wasm", &changed);
    let entry = reloaded(&host);
    assert_eq!(entry["state"], "previous_in_service", "{entry:#}");
    assert_eq!(entry["sha256_in_service"], before["sha256"], "{entry:#}");
    assert!(entry["reason"].to_string().contains("plugins.signing_keys"), "{entry:#}");
    host.run_error(&json!({"operation": "trap"}));
    put(&host, "traps.wasm.sig", &signature(&key(1), &changed));
    let entry = reloaded(&host);
    assert_eq!(
        (&entry["state"], &entry["sha256"]),
        (&json!("in_service"), &json!(hex(digest(&SHA256, &changed).as_ref())))
    );
}

#[test]
fn a_start_looks_at_signatures_and_not_only_at_the_cache_of_compiled_plugins() {
    let mut host = Host::start(Options::new().guest("traps"));
    host.run_error(&json!({"operation": "trap"}));
    host.stop();
    host.restart_with(|options| options.set("plugins.signing_keys", public(&key(1))));
    failed(&listed(&host, "traps.wasm").expect("the file"), "no signature");
    assert_eq!(host.post(&json!({"operation": "trap"})).status, 400);
}

#[test]
fn an_upload_includes_its_signature() {
    let host = locked();
    let component = guest();
    let add = |signature: Option<&[u8]>| {
        let mut request = json!({"operation": "add_plugin", "file": "traps.wasm", "component": encoded(&component)});
        if let Some(signature) = signature {
            request["signature"] = json!(encoded(signature));
        }
        host.post(&request)
    };
    assert!(add(None).refused(400).contains("no signature"));
    assert!(add(Some(&signature(&key(3), &component))).refused(400).contains("plugins.signing_keys"));
    assert!(add(Some(b"short")).refused(400).contains("5 bytes"));
    let request =
        json!({"operation": "add_plugin", "file": "traps.wasm", "component": encoded(&component), "signature": "%"});
    assert!(host.post(&request).refused(400).contains("'signature' must be base64"));
    assert!(!host.plugins().join("traps.wasm").exists() && !host.plugins().join("traps.wasm.sig").exists());
    let good = signature(&key(1), &component);
    let entry = add(Some(&good)).ok();
    assert_eq!(entry["state"], "in_service", "{entry:#}");
    assert_eq!(std::fs::read(host.plugins().join("traps.wasm.sig")).expect("the signature"), good);
    host.run_error(&json!({"operation": "trap"}));
    host.post(&json!({"operation": "remove_plugin", "name": "traps"})).ok();
    assert!(!host.plugins().join("traps.wasm.sig").exists(), "the signature outlives its component");
}

#[test]
fn the_command_line_enforces_the_same_locks_as_the_host() {
    let home = tempfile::tempdir().expect("a directory");
    let file = artifacts::guest("traps");
    let check = |path: &std::path::Path| {
        let mut command = artifacts::command();
        command
            .arg("plugin")
            .arg("check")
            .arg(path)
            .arg("--set")
            .arg(format!("plugins.signing_keys={}", public(&key(1))));
        let output = command.current_dir(&home).output().expect("jobhost runs");
        (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
    };
    let (passed, told) = check(&file);
    assert!(!passed && told.contains("no signature"), "{told}");
    let copy = home.path().join("traps.wasm");
    std::fs::copy(&file, &copy).expect("a copy");
    std::fs::write(home.path().join("traps.wasm.sig"), signature(&key(1), &guest())).expect("a signature");
    let (passed, told) = check(&copy);
    assert!(passed, "{told}");
}

#[test]
fn only_listed_digests_are_accepted() {
    let component = guest();
    let allowed = hex(digest(&SHA256, &component).as_ref());
    let host = Host::start(Options::new().set("plugins.allowed_digests", &allowed));
    put(&host, "traps.wasm", &component);
    let entry = reloaded(&host);
    assert_eq!((&entry["state"], &entry["sha256"]), (&json!("in_service"), &json!(allowed)), "{entry:#}");
    host.run_error(&json!({"operation": "trap"}));
    let other = [&component[..], &[0, 2, 1, b'x']].concat();
    let digest = hex(digest(&SHA256, &other).as_ref());
    put(&host, "traps.wasm", &other);
    let entry = reloaded(&host);
    assert_eq!((&entry["state"], &entry["sha256"]), (&json!("previous_in_service"), &json!(digest)), "{entry:#}");
    // The reason contains the line to add, which has the digest of the file.
    assert!(entry["reason"].as_str().is_some_and(|reason| reason.contains(&format!("{digest:?}"))), "{entry:#}");
    let add = json!({"operation": "add_plugin", "file": "other.wasm", "component": encoded(&other)});
    assert!(host.post(&add).refused(400).contains("plugins.allowed_digests"));
    assert!(!host.plugins().join("other.wasm").exists());
    host.run_error(&json!({"operation": "trap"}));
}

#[test]
fn a_listed_digest_still_needs_its_signature() {
    let component = guest();
    let options = Options::new().set("plugins.signing_keys", public(&key(1)));
    let host = Host::start(options.set("plugins.allowed_digests", hex(digest(&SHA256, &component).as_ref())));
    put(&host, "traps.wasm", &component);
    failed(&reloaded(&host), "no signature");
    put(&host, "traps.wasm.sig", &signature(&key(1), &component));
    assert_eq!(reloaded(&host)["state"], "in_service");
}

#[test]
fn an_invalid_key_stops_the_start() {
    let home = tempfile::tempdir().expect("a directory");
    let long = "a".repeat(66);
    for bad in ["12", "zz", long.as_str()] {
        let options = Options::new().set("plugins.signing_keys", bad);
        let output = Host::command(&options, home.path()).output().expect("jobhost runs");
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && told.contains("plugins.signing_keys"), "{bad}: {told}");
    }
}
