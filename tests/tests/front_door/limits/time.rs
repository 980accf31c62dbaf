//! Limits of processor time, wall time, and calls of the host that do not return.

use jobhost_tests::components::{component, enlarged, spinning};
use jobhost_tests::limits::ended_by;
use jobhost_tests::web::{Body, Page};
use jobhost_tests::{Host, Options, Web};
use serde_json::json;

#[test]
fn an_endless_loop_ends_at_its_limit_and_holds_nobody_up() {
    for (key, other) in
        [("sandbox.cpu_seconds", "sandbox.wall_seconds"), ("sandbox.wall_seconds", "sandbox.cpu_seconds")]
    {
        let host = Host::start(Options::new().guest("spins").set("jobs.workers", 2).set(key, 2).set(other, 300));
        let row = host.served_until_the_end_of(&host.start_job(&json!({"operation": "spin"})));
        let limit = ended_by(&row, key);
        assert_eq!(limit["limit"], 2, "{row:#}");
        assert!(limit["reached"].as_u64() >= Some(2), "{row:#}");
    }
}

#[test]
fn waiting_ends_at_the_wall_limit() {
    let host = Host::start(Options::new().guest("sleeps").set("sandbox.wall_seconds", 2));
    let row = host.served_until_the_end_of(&host.start_job(&json!({"operation": "sleep"})));
    assert_eq!(ended_by(&row, "sandbox.wall_seconds")["limit"], 2, "{row:#}");
}

#[test]
fn a_call_that_does_not_come_back_ends_the_job() {
    let web = Web::start();
    web.page("/held", Page::csv("").body(Body::Held(b"id\n".as_slice().into(), b"1\n".as_slice().into())));
    let options = Options::new().guest("acts").set("urls.allow", web.address()).set("sandbox.host_call_seconds", 2);
    let host = Host::start(options.set("grants.acts", format!("fetch-url {}", web.address())));
    let request = json!({"operation": "act", "plan": {"sources": [web.url("/held")]}, "steps": [["open", 0]]});
    let row = host.served_until_the_end_of(&host.start_job(&request));
    assert_eq!(ended_by(&row, "sandbox.host_call_seconds")["limit"], 2, "{row:#}");
    assert!(row["message"].as_str().is_some_and(|message| message.contains("open")), "{row:#}");
}

#[test]
fn a_component_that_computes_during_instantiation_is_listed_as_failed() {
    let host = Host::start(Options::new().set("sandbox.plan_milliseconds", 300));
    let reason = host.drop_in_bad("sleeps.wasm", enlarged(&component("sleeps"), &spinning(), 1));
    assert!(reason.contains("sandbox.plan_milliseconds"), "{reason}");
    host.serves_others();
}
