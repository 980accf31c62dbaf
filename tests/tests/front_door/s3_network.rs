//! Unreliable networks and servers: temporary failures are retried, and permanent failures are errors that write
//! nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use jobhost_tests::csv_text::numbered;
use jobhost_tests::exports::import_from_s3;
use jobhost_tests::s3::{Act, Asked, Proxy, S3Server};
use jobhost_tests::{Host, Options};
use serde_json::json;

const ROWS: u64 = 60_000;
const KEY: &str = "rows.csv";

/// Starts a server with a table, a proxy in front of it that applies the rule, and a host that knows only the proxy.
fn start(rule: impl Fn(&Asked) -> Act + Send + Sync + 'static) -> (S3Server, Proxy, Host) {
    start_patient(4, rule)
}

fn start_patient(seconds: u64, rule: impl Fn(&Asked) -> Act + Send + Sync + 'static) -> (S3Server, Proxy, Host) {
    let server = S3Server::strict();
    server.put(KEY, numbered(ROWS));
    let proxy = Proxy::start(server.address(), rule);
    let options = Options::new().set("s3.endpoint", proxy.endpoint()).set("s3.timeout_seconds", seconds);
    let host = Host::start(options);
    host.create_table("t");
    (server, proxy, host)
}

fn loaded() -> String {
    format!("successfully loaded {ROWS} of {ROWS} records")
}

#[test]
fn an_interrupted_connection_is_resumed_where_it_ended() {
    let (server, proxy, host) = start(|asked| match asked.reads(KEY) && asked.before == 0 {
        true => Act::Cut(300_000),
        false => Act::Pass,
    });
    assert_eq!(host.run_ok(&import_from_s3(&server, "t", KEY)), loaded());
    assert_eq!(host.count("t"), ROWS);
    let reads: Vec<Asked> = proxy.asked().into_iter().filter(|asked| asked.reads(KEY)).collect();
    let from = |asked: &Asked| asked.header("range").is_some_and(|range| !range.starts_with("bytes=0-"));
    assert!(reads.iter().any(from), "the whole object was read again: {reads:?}");
    let later = &reads[1..];
    assert!(later.iter().all(|asked| asked.header("if-match").is_some()), "another object could slip in: {later:?}");
}

#[test]
fn a_connection_that_is_always_interrupted_is_an_error() {
    let (server, proxy, host) = start(|asked| if asked.reads(KEY) { Act::Cut(0) } else { Act::Pass });
    let told = host.run_error(&import_from_s3(&server, "t", KEY));
    assert!(!told.contains(server.secret_key()), "{told}");
    assert_eq!(host.count("t"), 0);
    let reads = proxy.asked().iter().filter(|asked| asked.reads(KEY)).count();
    assert!((2..1000).contains(&reads), "read {reads} times");
}

#[test]
fn a_server_that_is_temporarily_busy_is_retried() {
    for act in [Act::Refuse(503), Act::Refuse(500), Act::Drop] {
        let (server, _proxy, host) = start(move |asked| if asked.before < 2 { act } else { Act::Pass });
        assert_eq!(host.run_ok(&import_from_s3(&server, "t", KEY)), loaded(), "{act:?}");
    }
}

#[test]
fn a_server_that_stays_busy_or_is_unreachable_is_an_error() {
    let (server, proxy, host) = start(|_| Act::Refuse(503));
    let told = host.run_error(&import_from_s3(&server, "t", KEY));
    assert!(told.contains("503"), "{told}");
    let address = proxy.address();
    drop(proxy);
    let told = host.run_error(&import_from_s3(&server, "t", KEY));
    assert!(told.contains(&address), "the sentence does not name the server: {told}");
    assert_eq!(host.count("t"), 0);
}

#[test]
fn a_slow_server_keeps_only_its_own_job_waiting() {
    let (server, proxy, host) =
        start_patient(300, |asked| if asked.reads(KEY) && asked.before == 0 { Act::Hold(100_000) } else { Act::Pass });
    let id = host.start_job(&import_from_s3(&server, "t", KEY));
    proxy.await_request("the first read", |asked| asked.reads(KEY));
    host.insert("t", json!([{"id": "meanwhile"}]));
    let csv = json!({"operation": "csv_data_load", "database": "gold", "table": "t", "data": "id\nother\n"});
    host.run_ok(&csv);
    let row = host.job_now(&id);
    assert_eq!(row["status"], "IN_PROGRESS", "{row:#}");
    proxy.release();
    assert_eq!(host.job(&id)["message"], loaded());
}

#[test]
fn a_server_that_stops_in_the_middle_for_ever_is_an_error() {
    let (server, _proxy, host) = start(|asked| if asked.reads(KEY) { Act::Hold(1000) } else { Act::Pass });
    let told = host.run_error(&import_from_s3(&server, "t", KEY));
    assert!(told.contains("s3.timeout_seconds") || told.contains("in time"), "{told}");
    assert_eq!(host.count("t"), 0);
}

#[test]
fn an_object_that_changes_while_it_is_read_is_an_error_and_no_mixture() {
    let server = Arc::new(S3Server::strict());
    let other: String = numbered(ROWS).replace("name number", "other");
    let reads = Arc::new(AtomicUsize::new(0));
    // The read before which the object is replaced: within the first pass if that has several, or before the second.
    let change_at = Arc::new(AtomicUsize::new(0));
    let proxy = Proxy::start(server.address(), {
        let (server, reads, change_at) = (Arc::clone(&server), Arc::clone(&reads), Arc::clone(&change_at));
        move |asked| {
            if asked.reads(KEY) && reads.fetch_add(1, Ordering::SeqCst) == change_at.load(Ordering::SeqCst) {
                server.put(KEY, &other);
            }
            Act::Pass
        }
    });
    let host = Host::start(Options::new().set("s3.endpoint", proxy.endpoint()));
    host.create_table("t");
    for change in [1, 2] {
        server.put(KEY, numbered(ROWS));
        reads.store(0, Ordering::SeqCst);
        change_at.store(change, Ordering::SeqCst);
        let row = host.run(&import_from_s3(&server, "t", KEY));
        if reads.load(Ordering::SeqCst) > change {
            assert_eq!(row["status"], "ERROR", "changed before read {change}: {row:#}");
            assert!(row["message"].to_string().contains("changed"), "{row:#}");
            assert_eq!(host.count("t"), 0);
        } else {
            assert!(change > 1, "the second pass did not read: {row:#}");
            assert_eq!(row["message"], loaded());
        }
    }
}
