//! The host reads a component's version of the contract before it compiles the component, and reports which versions it
//! supports.

use jobhost_tests::{Host, Options};
use serde_json::json;

#[test]
fn a_plugin_with_an_unknown_contract_version_is_listed_with_the_supported_versions() {
    // Both are built from this repository. `renames` uses version 0.2, which exists only in the host's own tests, where
    // it runs beside plugins of 0.1.
    let host =
        Host::start(Options::new().guest("renames").guest("oversteps").set("grants.oversteps", "insert gold.mine"));
    let listed = host.post(&json!({"operation": "list_plugins"})).ok();
    let of = |file: &str| {
        let lines = listed.as_array().expect("a list");
        lines.iter().find(|line| line["file"] == file).unwrap_or_else(|| panic!("no {file} in {listed:#}")).clone()
    };
    let renames = of("renames.wasm");
    assert_eq!(renames["state"], "failed", "{renames:#}");
    let reason = renames["reason"].as_str().expect("a reason");
    assert!(reason.contains("jobhost:plugin@0.2.0") && reason.contains("runs 0.1"), "{reason}");
    assert_eq!(renames["supported_contracts"], json!(["0.1"]));
    assert_eq!(renames["sha256"].as_str().map(str::len), Some(64));
    assert_eq!(of("oversteps.wasm")["state"], "in_service");

    host.create_table("mine");
    host.create_table("theirs");
    host.run_ok(&json!({"operation": "overstep"}));
}
