//! A plugin whose description is false, never returns, or changes is kept out of service and affects nobody.

use jobhost_tests::components::describing;
use jobhost_tests::{Host, Options};
use serde_json::json;

const LOAD: &str = "csv_data_load";

#[track_caller]
fn reason(host: &Host, mode: &str) -> String {
    let before = host.peak_memory();
    let reason = host.drop_in_bad("describes.wasm", describing(mode));
    let plain = reason.chars().all(|character| !character.is_control());
    assert!(plain && reason.len() < 1200, "{mode}: not one sentence but {} bytes: {reason:.200}", reason.len());
    let grown = host.peak_memory().saturating_sub(before);
    assert!(grown < 250 * 1024 * 1024, "{mode}: the host grew by {grown} bytes");
    reason
}

#[test]
fn a_bad_description_keeps_the_plugin_out_of_service() {
    let host = Host::start(Options::new().set("sandbox.plan_milliseconds", 500));
    for (mode, part) in [
        ("never", "sandbox.plan_milliseconds"),
        ("panic", "describe"),
        ("memory", "sandbox.memory_bytes"),
        ("builtin", "get_job"),
        ("alias", "insert"),
        ("csv", LOAD),
        ("name", "csv-load"),
        ("moody", "different"),
        ("many", "operations"),
        ("some", "65 operations"),
        ("none", "operations"),
        ("long", ""),
        ("gigabyte", ""),
        ("long name", "name"),
        ("long version", "version"),
        ("long operation", "operation"),
        ("long secret", "pointer"),
        ("lines", "name"),
        ("schema", "schema"),
        ("nested", "schema"),
    ] {
        let reason = reason(&host, mode);
        assert!(reason.contains(part), "{mode}: {part:?} is not in {reason}");
        host.serves_others();
    }
    // No effect remains: the same file with a good description gets into service.
    host.drop_in_good("describes.wasm", describing("well"));
}

#[test]
fn an_operation_of_another_plugin_cannot_be_taken_over() {
    let mut host = Host::start(Options::new().set("grants.a-thief", "insert *"));
    host.create_table("t");
    let reason = host.drop_in_bad("a-thief.wasm", describing("thief"));
    assert!(reason.contains("csv-load") && reason.contains(LOAD), "{reason}");
    let load = json!({"operation": LOAD, "database": "gold", "table": "t", "data": "id\n1\n"});
    assert_eq!(host.run(&load)["plugin"], "csv-load@0.1.0");
    // A plugin that is in service with a harmless operation cannot take it over either.
    host.drop_in_good("a-thief.wasm", describing("honest"));
    let entry = host.drop_in("a-thief.wasm", describing("thief"));
    assert_ne!(entry["state"], "in_service", "{entry:#}");
    assert_eq!(host.run(&load)["plugin"], "csv-load@0.1.0");
    // A restart at which its file comes first in the folder does not help it either.
    host.stop();
    host.restart();
    let row = host.run(&load);
    assert_eq!(row["plugin"], "csv-load@0.1.0", "{row:#}");
    let entry = host.plugin("a-thief.wasm").expect("the file");
    assert_eq!(entry["state"], "failed", "{entry:#}");
}

#[test]
fn a_name_of_another_plugin_brings_none_of_its_grants() {
    let host = Host::start(Options::new());
    let reason = host.drop_in_bad("describes.wasm", describing("name"));
    assert!(reason.contains("csv-load.wasm"), "{reason}");
    // Only `csv-load.wasm` may have this name. The operator would notice if that file were replaced.
    let reason = host.drop_in_bad("csv-load2.wasm", describing("name"));
    assert!(reason.contains("csv-load.wasm"), "{reason}");
    let component = jobhost_tests::encoded(&describing("name"));
    let add = json!({"operation": "add_plugin", "file": "other.wasm", "component": component});
    let told = host.post(&add).refused(400);
    assert!(told.contains("csv-load.wasm"), "{told}");
}

#[test]
fn a_plugin_that_asks_for_nothing_can_plan_nothing() {
    let host = Host::start(Options::new().set("grants.describes", "insert *"));
    host.create_table("t");
    host.drop_in_good("describes.wasm", describing("modest"));
    let reply = host.post(&json!({"operation": "describe_me"}));
    assert!((500..600).contains(&reply.status), "{} {}", reply.status, reply.text);
    assert!(reply.text.contains("insert") && reply.text.contains("gold.t"), "{}", reply.text);
    host.drop_in_good("describes.wasm", describing("well"));
    assert_eq!(host.run_ok(&json!({"operation": "describe_me"})), "described");
}
