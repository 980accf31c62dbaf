//! Limits of tables, their elements, and core instances.

use jobhost_tests::components::{component, enlarged, growing, memory, tables};
use jobhost_tests::limits::ended_by;
use jobhost_tests::{Host, Options};
use serde_json::json;

#[test]
fn a_table_grows_up_to_its_limit() {
    let host = Host::start(Options::new().set("sandbox.table_elements", 50_000));
    host.drop_in_good("grows.wasm", growing());
    let row = host.served_until_the_end_of(&host.start_job(&json!({"operation": "grow"})));
    let limit = ended_by(&row, "sandbox.table_elements");
    assert_eq!(limit["limit"], 50_000, "{row:#}");
    assert!(limit["reached"].as_u64() > Some(50_000), "{row:#}");
    assert!(row["message"].as_str().is_some_and(|message| message.contains("50000")), "{row:#}");
}

#[test]
fn what_is_too_much_from_the_start_is_never_in_service() {
    let host = Host::start(Options::new());
    let before = host.peak_memory();
    let sleeps = component("sleeps");
    for (module, instances, key, figure) in [
        (tables(1, 10_000_000), 1, "sandbox.table_elements", "100000"),
        // Each is within the limit, both together are not.
        (tables(1, 60_000), 2, "sandbox.table_elements", "100000"),
        (tables(70, 1), 1, "sandbox.tables", "64"),
        (tables(7, 1), 10, "sandbox.tables", "64"),
        (memory(0), 100, "sandbox.", ""),
        (tables(0, 0), 100, "sandbox.instances", "64"),
        (tables(0, 0), 900, "sandbox.instances", "64"),
    ] {
        let reason = host.drop_in_bad("sleeps.wasm", enlarged(&sleeps, &module, instances));
        assert!(reason.contains(key) && reason.contains(figure), "{key} {figure}: {reason}");
    }
    host.drop_in_good("sleeps.wasm", enlarged(&sleeps, &tables(2, 100), 10));
    let grown = host.peak_memory().saturating_sub(before);
    assert!(grown < 200 * 1024 * 1024, "the host grew by {grown} bytes");
    host.serves_others();
}

#[test]
fn the_limits_of_a_component_can_be_raised() {
    let options = Options::new().set("sandbox.instances", 200).set("sandbox.table_elements", 1_000_000);
    let host = Host::start(options.set("sandbox.tables", 200));
    host.drop_in_good("sleeps.wasm", enlarged(&component("sleeps"), &tables(1, 5_000), 100));
}
