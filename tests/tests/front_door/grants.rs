//! Plugins need two permissions: the plugin requests a capability in its description, and the operator grants it in the
//! configuration. Without the grant, a plan cannot use the capability, and the refusal contains the line that would
//! grant it. The guest `acts` requests everything and runs the steps in its request.

mod bounds;
mod concurrency;
mod lines;
mod outside;
mod places;
mod s3;
mod tables;
mod withdrawn;

use jobhost_tests::{Host, Options};
use serde_json::{Value, json};

/// Starts a host with the guest `acts` and the data that it acts on.
fn start(change: impl FnOnce(Options) -> Options) -> Host {
    let host = Host::start(change(Options::new().guest("acts")));
    host.create_table("t");
    host.create_table("u");
    host.insert("t", json!([{"id": 7}]));
    host
}

fn act(plan: Value, steps: Value) -> Value {
    json!({"operation": "act", "plan": plan, "steps": steps})
}

/// Runs a job that must succeed, and returns the outcome of each step.
#[track_caller]
fn came(host: &Host, request: &Value) -> Vec<String> {
    serde_json::from_value(host.run_for_result(request)).expect("a text for each step")
}

/// The grants that a refusal suggests: `…: [grants] acts = ["…", …]`.
#[track_caller]
fn lines_of(sentence: &str) -> Vec<String> {
    let line = line_of(sentence);
    let list = line.strip_prefix("[grants] acts = ").unwrap_or_else(|| panic!("another plugin's line: {line}"));
    serde_json::from_str(list).unwrap_or_else(|error| panic!("{list}: {error}"))
}

#[track_caller]
fn line_of(sentence: &str) -> &str {
    let start = sentence.find("[grants] ").unwrap_or_else(|| panic!("no line for the configuration: {sentence}"));
    &sentence[start..]
}

/// Sends a request that must be refused for lack of a grant, and returns the message.
#[track_caller]
fn not_granted(host: &Host, request: &Value) -> String {
    let sentence = host.post(request).refused(403);
    assert!(sentence.contains("acts@0.1.0"), "{sentence}");
    assert!(sentence.contains("add this to the configuration and restart the host: [grants] acts = ["), "{sentence}");
    sentence
}

/// Restarts the host with these grants for `acts`.
fn grant(host: &mut Host, lines: &[String]) {
    host.stop();
    host.restart_with(|options| options.set("grants.acts", lines.join(",")));
}

/// A request that is refused without a grant and works with the one that the refusal names, which must be this; a grant of
/// another scope does not do. Returns what came of its steps.
#[track_caller]
fn works_with_its_line_only(host: &mut Host, request: &Value, line: &str, other: &str) -> Vec<String> {
    grant(host, &[]);
    assert_eq!(lines_of(&not_granted(host, request)), [line]);
    grant(host, &[other.to_owned()]);
    assert_eq!(lines_of(&not_granted(host, request)), [other, line], "what was granted stays");
    grant(host, &[line.to_owned()]);
    came(host, request)
}
