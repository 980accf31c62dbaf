//! Two keys: a plugin asks in its description, the operator grants in the configuration. Without the second nothing of a
//! plan is possible, and the refusal has the line that would allow it. The guest `acts` asks for everything, and does what
//! its request says.

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

/// A host with the guest `acts` and what it can act on.
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

/// What came of each step of a job that must get through.
#[track_caller]
fn came(host: &Host, request: &Value) -> Vec<String> {
    serde_json::from_value(host.run_for_result(request)).expect("a text for each step")
}

/// The grants that a refusal says would allow it: `…: [grants] acts = ["…", …]`.
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

/// A request that must be refused for want of a grant, with the sentence.
#[track_caller]
fn not_granted(host: &Host, request: &Value) -> String {
    let sentence = host.post(request).refused(403);
    assert!(sentence.contains("acts@0.1.0"), "{sentence}");
    assert!(sentence.contains("add this to the configuration and restart the host: [grants] acts = ["), "{sentence}");
    sentence
}

/// Start the host anew with these grants for `acts`.
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
