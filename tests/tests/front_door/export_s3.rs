//! `export_to_s3`: small objects in one request, large ones in parts, read back by another client.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine as _;
use jobhost_tests::csv_text::numbered;
use jobhost_tests::exports::{everything, export_local, export_to_s3, sql};
use jobhost_tests::s3::{Act, BUCKET, Proxy, S3Server, Stored};
use jobhost_tests::{Host, Options};
use serde_json::{Value, json};

/// Enough rows for more than 16 MiB of JSON lines.
const ROWS: u64 = 250_000;

fn load_rows(host: &Host) {
    host.create_table("t");
    let path = host.file("rows.csv", numbered(ROWS));
    host.run_ok(&json!({"operation": "csv_file_load", "database": "gold", "table": "t", "file_path": path}));
}

fn sorted() -> Value {
    sql("SELECT * FROM gold.t ORDER BY id")
}

#[track_caller]
fn assert_receipt(result: &Value, stored: &Stored, key: &str) {
    let mut crc = flate2::Crc::new();
    crc.update(&stored.bytes);
    let crc = base64::engine::general_purpose::STANDARD.encode(crc.sum().to_be_bytes());
    assert_eq!(result["ChecksumCRC32"], crc, "{result}");
    assert_eq!(result["ETag"], stored.etag, "{result}");
    assert_eq!(result["size"], stored.bytes.len(), "{result}");
    assert_eq!((&result["Bucket"], &result["Key"]), (&json!(BUCKET), &json!(key)), "{result}");
    assert!(result["Location"].as_str().is_some_and(|url| url.starts_with("http") && url.ends_with(key)), "{result}");
}

#[test]
fn small_exports_are_one_request_and_equal_a_local_export() {
    for server in [S3Server::strict(), S3Server::lenient(), S3Server::guarded()] {
        let proxy = Proxy::start(server.address(), |_| Act::Pass);
        let host = Host::start(Options::new().set("s3.endpoint", proxy.endpoint()));
        host.create_table("t");
        host.insert("t", json!([{"id": 1, "a": "x"}, {"id": 2, "a": "é,\"日本\""}]));
        for (format, compression, key) in [
            ("json", None, "out/small.json"),
            ("csv", None, "out/small.csv"),
            ("jsonl", Some("gzip"), "out/small.jsonl.gz"),
            ("csv", Some("zstd"), "out/small.csv.zst"),
        ] {
            let mut request = export_to_s3(&server, format, "out/small", sorted());
            let mut local = export_local(&host, format, "small", sorted());
            if let Some(compression) = compression {
                request["compression"] = json!(compression);
                local["compression"] = json!(compression);
            }
            let result = host.run_for_result(&request);
            let stored = server.get(key).expect("the object");
            assert_receipt(&result, &stored, key);
            assert_eq!(stored.media_type, "application/octet-stream");
            let path = host.run_for_result(&local)["path"].as_str().expect("a path").to_owned();
            assert_eq!(stored.bytes, std::fs::read(path).expect("the file"), "{key}");
        }
        let posts = proxy.asked().iter().filter(|asked| asked.method == "POST").count();
        assert_eq!(posts, 0, "a small object was uploaded in parts");
        let result =
            host.run_for_result(&export_to_s3(&server, "csv", "none", sql("SELECT * FROM gold.t WHERE id = 9")));
        assert_eq!((&result["size"], server.get("none.csv").expect("an object").bytes.len()), (&json!(0), 0));
    }
}

#[test]
fn large_exports_are_uploaded_in_parts() {
    for server in [S3Server::strict(), S3Server::lenient()] {
        let proxy = Proxy::start(server.address(), |_| Act::Pass);
        let host = Host::start(Options::new().set("s3.endpoint", proxy.endpoint()));
        load_rows(&host);
        let result = host.run_for_result(&export_to_s3(&server, "jsonl", "large", sorted()));
        let stored = server.get("large.jsonl").expect("the object");
        assert!(stored.bytes.len() > 16 * 1024 * 1024, "{} bytes are no large object", stored.bytes.len());
        assert_receipt(&result, &stored, "large.jsonl");
        assert_eq!(result["records"], ROWS);
        let parts = proxy.asked().iter().filter(|asked| asked.target.contains("partNumber=")).count();
        assert!(parts >= 2, "{parts} parts");
        let path = host.run_for_result(&export_local(&host, "jsonl", "large", sorted()))["path"].clone();
        let local = std::fs::read(path.as_str().expect("a path")).expect("the file");
        assert!(stored.bytes == local, "the object is not the file of the same export");
        assert_eq!(server.unfinished_uploads(), 0);
    }
}

#[test]
fn an_upload_that_fails_is_aborted_and_leaves_the_old_object() {
    let server = S3Server::lenient();
    server.put("large.jsonl", "old");
    // Which request fails: a part, or the one that completes the upload.
    let at_the_end = Arc::new(AtomicBool::new(false));
    let proxy = Proxy::start(server.address(), {
        let at_the_end = Arc::clone(&at_the_end);
        move |asked| {
            let fails = match at_the_end.load(Ordering::SeqCst) {
                true => asked.method == "POST" && asked.target.contains("uploadId="),
                false => asked.target.contains("partNumber=2"),
            };
            if fails { Act::Refuse(403) } else { Act::Pass }
        }
    });
    let host = Host::start(Options::new().set("s3.endpoint", proxy.endpoint()).set("s3.timeout_seconds", 5));
    load_rows(&host);
    for end in [false, true] {
        at_the_end.store(end, Ordering::SeqCst);
        host.run_error(&export_to_s3(&server, "jsonl", "large", everything("t")));
        assert_eq!(server.unfinished_uploads(), 0, "{}", server.log());
        assert_eq!(server.keys(), ["large.jsonl"]);
        assert_eq!(server.get("large.jsonl").expect("the object").bytes, b"old");
    }
}

#[test]
fn parts_that_a_busy_server_refuses_are_retried() {
    let server = S3Server::lenient();
    let proxy = Proxy::start(server.address(), |asked| match asked.writes() && asked.before < 2 {
        true => Act::Refuse(503),
        false => Act::Pass,
    });
    let host = Host::start(Options::new().set("s3.endpoint", proxy.endpoint()));
    load_rows(&host);
    let result = host.run_for_result(&export_to_s3(&server, "jsonl", "large", everything("t")));
    assert_receipt(&result, &server.get("large.jsonl").expect("the object"), "large.jsonl");
    assert_eq!(server.unfinished_uploads(), 0);
}
