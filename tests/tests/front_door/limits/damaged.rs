//! Files that are not components, or are damaged. Each is listed with its reason or loads; the host keeps running.

use jobhost_tests::components::{component, damaged, of_another_world, renamed};
use jobhost_tests::{Host, Login, Options};
use serde_json::json;

/// The tests share a compile cache, which must not store damaged components.
fn start() -> (tempfile::TempDir, Host) {
    let cache = tempfile::tempdir().expect("a directory");
    let host = Host::start(Options::new().set("plugins.cache_dir", cache.path().display()));
    (cache, host)
}

#[test]
fn a_file_that_is_not_a_component_of_the_world_is_listed_with_the_problem() {
    let (_cache, host) = start();
    let sleeps = component("sleeps");
    for (what, bytes, part) in [
        ("empty", Vec::new(), "not WebAssembly"),
        ("text", b"(component)".to_vec(), "not WebAssembly"),
        ("a magic number", b"\0asm".to_vec(), ""),
        ("a core module", b"\0asm\x01\0\0\0".to_vec(), "core module"),
        ("an empty component", b"\0asm\x0d\0\x01\0".to_vec(), "another world"),
        ("another world", of_another_world(), "another world"),
        ("a later contract", renamed("sleeps", "jobhost:plugin/job@0.1.0", "jobhost:plugin/job@7.1.0"), "7.1.0"),
        ("another export", renamed("sleeps", "jobhost:plugin/job@", "jobhost:plugin/jab@"), "another world"),
        ("a missing interface", renamed("floods", "plugin/rejects@0.1.0", "plugin/rejectz@0.1.0"), "rejectz@0.1.0"),
        ("WASI that is none", renamed("sleeps", "wasi:io/poll@", "wasi:io/pool@"), "wasi:io/pool@"),
        ("half", sleeps[..sleeps.len() / 2].to_vec(), ""),
        ("all but a byte", sleeps[..sleeps.len() - 1].to_vec(), ""),
    ] {
        let reason = host.drop_in_bad("sleeps.wasm", bytes);
        assert!(reason.contains(part), "{what}: {part:?} is not in {reason}");
        assert!(is_a_sentence(&reason), "{what}: {reason}");
    }
    let entry = host.plugin("sleeps.wasm").expect("the file");
    assert_eq!(entry["sha256"].as_str().map(str::len), Some(64), "{entry:#}");
    host.serves_others();
    host.drop_in_good("sleeps.wasm", sleeps);
}

#[test]
fn a_component_has_a_largest_size() {
    let sleeps = component("sleeps");
    let most = sleeps.len() + 10;
    let host = Host::start(Options::new().set("plugins.component_bytes", most.max(600_000)));
    let most = most.max(600_000);
    let larger = [sleeps.clone(), vec![0; most + 1 - sleeps.len()]].concat();
    let reason = host.drop_in_bad("sleeps.wasm", &larger);
    assert!(reason.contains("plugins.component_bytes") && reason.contains(&most.to_string()), "{reason}");
    assert!(reason.contains(&(most + 1).to_string()), "{reason}");
    // A file of any size costs nothing.
    let before = host.peak_memory();
    let file = std::fs::File::create(host.plugins().join("sleeps.wasm")).expect("a file");
    file.set_len(1 << 40).expect("a sparse file");
    let files = host.post(&json!({"operation": "reload_plugins"})).ok();
    assert!(files.to_string().contains("plugins.component_bytes"), "{files:#}");
    assert!(host.peak_memory().saturating_sub(before) < 50 * 1024 * 1024);
    host.drop_in_good("sleeps.wasm", &sleeps);
}

#[test]
fn a_damaged_component_is_listed_or_loads() {
    let (_cache, host) = start();
    let good = component("sleeps");
    for seed in 0..24 {
        std::fs::write(host.plugins().join(format!("damaged-{seed}.wasm")), damaged(&good, seed)).expect("a file");
    }
    let files = host.post(&json!({"operation": "reload_plugins"})).ok();
    for seed in 0..24 {
        let file = format!("damaged-{seed}.wasm");
        let entry = files.as_array().expect("a list").iter().find(|entry| entry["file"] == file).expect("the file");
        // Its name differs from that of the file, if it can report a name at all.
        assert_eq!(entry["state"], "failed", "{entry:#}");
        let reason = entry["reason"].as_str().expect("a reason");
        assert!(is_a_sentence(reason), "{file}: {reason}");
    }
    assert_eq!(host.send(&Login::Nobody, "GET", "/health", None, b"").status, 200);
    host.serves_others();
}

#[test]
fn a_damaged_component_in_service_affects_nobody() {
    let options = Options::new().set("sandbox.wall_seconds", 5).set("sandbox.cpu_seconds", 5);
    let cache = tempfile::tempdir().expect("a directory");
    let host = Host::start(options.set("plugins.cache_dir", cache.path().display()));
    let good = component("traps");
    for seed in (1..24).step_by(2) {
        let entry = host.drop_in("traps.wasm", damaged(&good, seed));
        if entry["state"] == "in_service" {
            let reply = host.post(&json!({"operation": "trap"}));
            if let Some(id) = reply.body["job_id"].as_str() {
                host.job(id);
            }
        }
    }
    host.serves_others();
}

fn is_a_sentence(reason: &str) -> bool {
    !reason.is_empty() && reason.len() < 2000 && !reason.contains('\n')
}
