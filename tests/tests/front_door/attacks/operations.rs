//! The names of all operations. Those of the host come from its source, those of plugins from a running host. A new
//! operation is therefore attacked too, or a test reports that it is missing.

use std::collections::BTreeSet;

use jobhost_tests::{Host, artifacts};
use serde_json::json;

/// The host's own operations with all synonyms.
pub fn builtin() -> Vec<String> {
    let source =
        std::fs::read_to_string(artifacts::in_package("../host/server/src/api/operations.rs")).expect("the source");
    let mut names = BTreeSet::new();
    for line in source.lines() {
        let listed = line.trim().strip_prefix("operation(&[").and_then(|rest| rest.split_once(']'));
        let listed = listed.map(|(names, _)| names);
        // The two operations for logging in are defined separately.
        let single = line.strip_prefix("const ").and_then(|rest| rest.split_once("&str = ")).map(|(_, name)| name);
        for name in listed.or(single).into_iter().flat_map(|names| names.split(',')) {
            names.insert(name.trim().trim_matches([';', '"']).to_owned());
        }
    }
    assert!(names.len() >= 35 && names.contains("refresh_operation_token"), "the source reads differently: {names:?}");
    names.into_iter().collect()
}

/// The operations of a host's plugins with all aliases.
pub fn of_plugins(host: &Host) -> Vec<String> {
    let mut names = BTreeSet::new();
    for file in host.post(&json!({"operation": "list_plugins"})).ok().as_array().expect("a list") {
        let described = host.post(&json!({"operation": "describe_plugin", "name": file["name"]})).ok();
        for operation in described["operations"].as_array().expect("operations") {
            let aliases = operation["aliases"].as_array().into_iter().flatten();
            names.extend(
                [&operation["name"]].into_iter().chain(aliases).map(|name| name.as_str().expect("a name").to_owned()),
            );
        }
    }
    assert!(names.contains("csv_data_load") && names.contains("export_local"), "{names:?}");
    names.into_iter().collect()
}
