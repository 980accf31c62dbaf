//! Limits of linear memory and of the stack.

use jobhost_tests::components::{component, enlarged, memory};
use jobhost_tests::limits::ended_by;
use jobhost_tests::{Host, Options};
use serde_json::json;

const MEBIBYTE: u64 = 1024 * 1024;

#[test]
fn memory_ends_at_its_limit_with_the_figures() {
    let host = Host::start(Options::new().guest("hoards").set("sandbox.memory_bytes", 64 * MEBIBYTE));
    let before = host.peak_memory();
    let row = host.served_until_the_end_of(&host.start_job(&json!({"operation": "hoard"})));
    let limit = ended_by(&row, "sandbox.memory_bytes");
    assert_eq!(limit["limit"], 64 * MEBIBYTE, "{row:#}");
    assert!(limit["reached"].as_u64() > Some(64 * MEBIBYTE), "{row:#}");
    let grown = host.peak_memory().saturating_sub(before);
    assert!(grown < 200 * MEBIBYTE, "the host grew by {grown} bytes");
    let metrics = host.send(host.admin(), "GET", "/metrics", None, b"").text;
    assert!(metrics.contains("jobhost_limits_hit_total{limit=\"sandbox.memory_bytes\"} 1"), "{metrics}");
}

#[test]
fn the_memories_of_all_instances_count() {
    let host = Host::start(Options::new().set("sandbox.memory_bytes", 64 * MEBIBYTE));
    let before = host.peak_memory();
    // Two memories of 48 MiB: each is within the limit, both together are not.
    let reason = host.drop_in_bad("sleeps.wasm", enlarged(&component("sleeps"), &memory(768), 2));
    assert!(reason.contains("sandbox.memory_bytes") && reason.contains("67108864"), "{reason}");
    let reason = host.drop_in_bad("sleeps.wasm", enlarged(&component("sleeps"), &memory(1), 20));
    assert!(reason.contains("sandbox.memories") && reason.contains(" 8"), "{reason}");
    host.drop_in_good("sleeps.wasm", enlarged(&component("sleeps"), &memory(1), 2));
    assert!(host.peak_memory().saturating_sub(before) < 200 * MEBIBYTE);
    host.serves_others();
}

#[test]
fn recursion_ends_with_the_stack() {
    let host = Host::start(Options::new().guest("recurses"));
    let row = host.served_until_the_end_of(&host.start_job(&json!({"operation": "recurse"})));
    let limit = ended_by(&row, "sandbox.stack_bytes");
    assert_eq!(limit["limit"], MEBIBYTE, "{row:#}");
    let reply = host.post(&json!({"operation": "recurse", "mode": "plan"}));
    assert!((400..600).contains(&reply.status), "{} {}", reply.status, reply.text);
    assert!(reply.text.contains("sandbox.stack_bytes"), "{}", reply.text);
    host.serves_others();
}

#[test]
fn the_stack_limit_can_be_raised() {
    let host = Host::start(Options::new().guest("recurses").set("sandbox.stack_bytes", 4 * MEBIBYTE));
    let row = host.run(&json!({"operation": "recurse"}));
    assert_eq!(ended_by(&row, "sandbox.stack_bytes")["limit"], 4 * MEBIBYTE, "{row:#}");
}
