//! A component that is expensive to compile is given up at its limits of time and memory, and other clients are served
//! meanwhile.

use jobhost_tests::components::{component, enlarged, laborious};
use jobhost_tests::{Host, Options, eventually};

/// A component whose compilation takes far longer than the tests allow.
fn dear(functions: u32, rounds: u32) -> Vec<u8> {
    enlarged(&component("sleeps"), &laborious(functions, rounds), 0)
}

/// Drop it in, and serve others until it is listed. Returns the reason.
fn given_up(host: &Host, bytes: &[u8]) -> String {
    std::fs::write(host.plugins().join("sleeps.wasm"), bytes).expect("a file");
    let entry = eventually("the verdict on the component", || {
        host.serves_others();
        host.plugin("sleeps.wasm")
    });
    assert_eq!(entry["state"], "failed", "{entry:#}");
    entry["reason"].as_str().expect("a reason").to_owned()
}

#[test]
fn compiling_ends_at_its_time() {
    let host = Host::start(Options::new().set("plugins.compile_seconds", 2));
    for (what, bytes) in [("enormous functions", dear(40, 50_000)), ("many functions", dear(200_000, 8))] {
        let reason = given_up(&host, &bytes);
        assert!(reason.contains("plugins.compile_seconds") && reason.contains('2'), "{what}: {reason}");
        std::fs::remove_file(host.plugins().join("sleeps.wasm")).expect("the file");
        eventually("its end", || host.plugin("sleeps.wasm").is_none().then_some(()));
    }
    host.drop_in_good("sleeps.wasm", component("sleeps"));
}

#[test]
fn compiling_ends_at_its_memory() {
    const MOST: u64 = 900 * 1024 * 1024;
    let host = Host::start(Options::new().set("plugins.compile_memory_bytes", MOST));
    let before = host.peak_memory();
    let reason = given_up(&host, &dear(60, 50_000));
    assert!(reason.contains("plugins.compile_memory_bytes") && reason.contains(&MOST.to_string()), "{reason}");
    let grown = host.peak_memory().saturating_sub(before);
    assert!(grown < 300 * 1024 * 1024, "the host itself grew by {grown} bytes");
    host.drop_in_good("sleeps.wasm", component("sleeps"));
}

#[test]
fn a_start_completes_despite_a_component_that_is_expensive_to_compile() {
    let mut host = Host::start(Options::new().set("plugins.compile_seconds", 3));
    host.stop();
    std::fs::write(host.plugins().join("a-dear-one.wasm"), dear(40, 50_000)).expect("a file");
    host.restart();
    host.serves_others();
    let entry = eventually("the verdict on the component", || host.plugin("a-dear-one.wasm"));
    assert_eq!(entry["state"], "failed", "{entry:#}");
}
