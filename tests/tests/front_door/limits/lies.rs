//! The host does not trust sizes that a guest passes: none of them makes it reserve memory.

use jobhost_tests::limits::ended_by;
use jobhost_tests::{Host, Options};
use serde_json::{Value, json};

const MEBIBYTE: u64 = 1024 * 1024;

fn start() -> Host {
    let host = Host::start(Options::new().guest("lies").set("grants.lies", "insert gold.t,update gold.t,read-file *"));
    host.create_table("t");
    host
}

fn request(mode: &str) -> Value {
    json!({"operation": "lie", "mode": mode})
}

/// Returns the row of a job that passes false sizes. Checks that other clients are served meanwhile, and that the host
/// grows by no more than the guest's own memory.
#[track_caller]
fn lie(host: &Host, request: &Value) -> Value {
    let before = host.peak_memory();
    let row = host.served_until_the_end_of(&host.start_job(request));
    let grown = host.peak_memory().saturating_sub(before);
    assert!(grown < 200 * MEBIBYTE, "{request}: the host grew by {grown} bytes");
    assert!(row.to_string().len() < 100_000, "{request}: the row has {} bytes", row.to_string().len());
    row
}

#[test]
fn what_lies_outside_a_guests_memory_is_a_trap() {
    let host = start();
    for mode in ["forged batch", "forged checkpoint", "forged text"] {
        let row = lie(&host, &request(mode));
        assert_eq!(row["status"], "ERROR", "{mode}: {row:#}");
        assert!(["trap", "limit", "contract"].contains(&row["error"]["kind"].as_str().expect("a kind")), "{row:#}");
        let message = row["message"].as_str().expect("a message");
        assert!(message.contains("memory") || message.contains("sandbox.call_bytes"), "{mode}: {message}");
    }
    let reply = host.post(&request("forged plan"));
    assert!((400..600).contains(&reply.status), "{} {}", reply.status, reply.text);
    assert!(host.rows("t").is_empty(), "{:?}", host.rows("t"));
}

#[test]
fn one_call_carries_so_much_and_no_more() {
    let host = start();
    for mode in ["large batch", "large reject", "names", "aliased names", "poll"] {
        let row = lie(&host, &request(mode));
        assert_eq!(ended_by(&row, "sandbox.call_bytes")["limit"], 4 * MEBIBYTE, "{mode}: {row:#}");
    }
}

#[test]
fn random_bytes_and_zeroes_are_returned_in_limited_portions() {
    let host = start();
    for mode in ["random", "insecure random", "zeroes", "blocking zeroes"] {
        let row = lie(&host, &request(mode));
        assert_eq!(row["status"], "ERROR", "{mode}: {row:#}");
        let message = row["message"].as_str().expect("a message");
        assert!(!message.contains('\n') && message.len() < 500, "{mode}: {message}");
    }
    // There is nothing to read, whatever the size.
    assert_eq!(lie(&host, &request("input"))["status"], "COMPLETE");
}

#[test]
fn a_read_returns_no_more_than_the_host_has_room_for() {
    let host = start();
    let file = host.file("in.csv", vec![b'x'; 600 * 1024]);
    let row = lie(&host, &json!({"operation": "lie", "mode": "read", "file": file}));
    assert_eq!(row["status"], "COMPLETE", "{row:#}");
    let sizes: Vec<u64> =
        row["message"].as_str().expect("sizes").split(", ").map(|size| size.parse().unwrap()).collect();
    assert_eq!(sizes.iter().sum::<u64>(), 600 * 1024);
    assert!(sizes.iter().all(|size| *size <= 256 * 1024), "{sizes:?}");
}
