//! The host may crash during an upload: the next start ends the job and leaves no incomplete upload behind.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jobhost_tests::csv_text::numbered;
use jobhost_tests::exports::{everything, export_to_s3};
use jobhost_tests::s3::{Act, Proxy, S3Server};
use jobhost_tests::{Host, Options};
use serde_json::{Value, json};

const ROWS: u64 = 250_000;

/// An upload whose second part is held, and its job.
struct Held {
    server: S3Server,
    proxy: Proxy,
    host: Host,
    id: String,
}

fn hold(server: S3Server) -> Held {
    let holds = Arc::new(AtomicBool::new(true));
    let proxy = Proxy::start(server.address(), move |asked| {
        let second = asked.target.contains("partNumber=2");
        // Only once: after the restart, all parts pass.
        if second && holds.swap(false, Ordering::SeqCst) { Act::Hold(0) } else { Act::Pass }
    });
    let host = Host::start(Options::new().set("s3.endpoint", proxy.endpoint()));
    host.create_table("t");
    let path = host.file("rows.csv", numbered(ROWS));
    host.run_ok(&json!({"operation": "csv_file_load", "database": "gold", "table": "t", "file_path": path}));
    server.put("large.jsonl", "old");
    let id = host.start_job(&export_to_s3(&server, "jsonl", "large", everything("t")));
    proxy.await_request("the second part", |asked| asked.target.contains("partNumber=2"));
    Held { server, proxy, host, id }
}

#[track_caller]
fn assert_whole(server: &S3Server, row: &Value) {
    assert_eq!(row["status"], "COMPLETE", "{row:#}");
    let text = String::from_utf8(server.get("large.jsonl").expect("the object").bytes).expect("UTF-8");
    assert_eq!(text.lines().count() as u64, ROWS);
    assert_eq!(server.unfinished_uploads(), 0, "an upload was left behind");
    assert_eq!(server.keys(), ["large.jsonl"]);
}

#[test]
fn a_kill_during_an_upload_leaves_no_upload_and_no_half_object() {
    for server in [S3Server::lenient(), S3Server::strict()] {
        let Held { server, proxy, mut host, id } = hold(server);
        host.kill();
        assert_eq!(server.get("large.jsonl").expect("the object").bytes, b"old");
        assert_eq!(server.unfinished_uploads(), 1, "nothing was under way: the test proves nothing");
        host.restart();
        let row = host.job(&id);
        assert_eq!(row["attempt"], 2, "{row:#}");
        assert_whole(&server, &row);
        drop(proxy);
    }
}

#[test]
fn a_graceful_stop_during_an_upload_aborts_it() {
    let Held { server, proxy, mut host, id } = hold(S3Server::lenient());
    assert!(host.stop().success());
    let left = server.unfinished_uploads();
    host.restart();
    assert_whole(&server, &host.job(&id));
    assert!(left <= 1, "{left} uploads were left by the stop");
    drop(proxy);
}
