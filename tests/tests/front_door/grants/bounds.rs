//! Limits on memory, wall time and processor time that a grant sets for one plugin.

use jobhost_tests::limits::ended_by;
use jobhost_tests::{Host, Options};
use serde_json::json;

#[test]
fn a_limit_of_a_grant_is_named_when_it_is_reached() {
    let options = Options::new().guest("hoards").guest("spins").guest("sleeps");
    let options = options
        .set("grants.hoards", "memory-bytes 33554432")
        .set("grants.spins", "cpu-seconds 1")
        .set("grants.sleeps", "wall-seconds 1");
    let host = Host::start(options);
    for (operation, key, limit) in [
        ("hoard", "grants.hoards memory-bytes", 33_554_432),
        ("spin", "grants.spins cpu-seconds", 1),
        ("sleep", "grants.sleeps wall-seconds", 1),
    ] {
        let row = host.served_until_the_end_of(&host.start_job(&json!({"operation": operation})));
        let met = ended_by(&row, key);
        assert_eq!(met["limit"], limit, "{row:#}");
        assert!(met["reached"].as_u64() >= Some(limit), "{row:#}");
    }
}

#[test]
fn a_limit_of_a_grant_may_exceed_that_of_other_plugins() {
    let options = Options::new().guest("hoards").guest("spins").guest("sleeps").set("sandbox.memory_bytes", 16 << 20);
    let options = options.set("sandbox.wall_seconds", 1).set("sandbox.cpu_seconds", 1);
    let options = options.set("grants.hoards", "memory-bytes 50331648,wall-seconds 300,cpu-seconds 300");
    let host = Host::start(options);
    let row = host.run(&json!({"operation": "hoard"}));
    assert_eq!(ended_by(&row, "grants.hoards memory-bytes")["limit"], 50_331_648, "{row:#}");
    assert_eq!(ended_by(&host.run(&json!({"operation": "sleep"})), "sandbox.wall_seconds")["limit"], 1);
}
