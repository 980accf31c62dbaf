//! What real servers send for a CSV file: several gzip members, files that are stored compressed, imprecise media
//! types, and temporary failures.

use jobhost_tests::web::encode::encode;
use jobhost_tests::web::{OK_CSV, Page};
use jobhost_tests::{Host, Options, Web};
use serde_json::{Value, json};

const LOADED: &str = "successfully loaded 3 of 3 records";

fn start() -> (Web, Host) {
    let web = Web::start();
    let host = Host::start(Options::new().set("urls.allow", web.address()));
    host.create_table("t");
    (web, host)
}

fn load(web: &Web, path: &str) -> Value {
    json!({"operation": "csv_url_load", "database": "gold", "table": "t", "action": "upsert", "csv_url": web.url(path)})
}

/// The text in two members, or frames.
fn in_two(encoding: &str, text: &str) -> Vec<u8> {
    let (first, second) = text.as_bytes().split_at(text.len() / 2);
    [encode(encoding, first), encode(encoding, second)].concat()
}

#[test]
fn all_members_of_a_body_count() {
    let (web, host) = start();
    for encoding in ["gzip", "zstd"] {
        web.page("/members", Page::csv(in_two(encoding, OK_CSV)).header("Content-Encoding", encoding));
        assert_eq!(host.run_ok(&load(&web, "/members")), LOADED, "{encoding}");
    }
    let twice = encode("br", &encode("gzip", OK_CSV.as_bytes()));
    web.page("/twice", Page::csv(twice).header("Content-Encoding", "gzip, br"));
    assert_eq!(host.run_ok(&load(&web, "/twice")), LOADED);
}

#[test]
fn files_that_are_stored_compressed_are_decoded() {
    let (web, host) = start();
    for (path, media_type, encoding) in [
        ("/a.csv.gz", "application/gzip", "gzip"),
        ("/b.csv.gz", "application/x-gzip", "gzip"),
        ("/c", "application/octet-stream", "gzip"),
        ("/d.csv.zst", "application/zstd", "zstd"),
    ] {
        web.page(path, Page::new(media_type, in_two(encoding, OK_CSV)));
        assert_eq!(host.run_ok(&load(&web, path)), LOADED, "{path}");
    }
}

#[test]
fn the_file_name_decides_if_the_media_type_is_imprecise() {
    let (web, host) = start();
    for media_type in ["binary/octet-stream", "application/csv", "text/comma-separated-values"] {
        web.page("/typed", Page::new(media_type, OK_CSV));
        assert_eq!(host.run_ok(&load(&web, "/typed")), LOADED, "{media_type}");
    }
    for path in ["/plain.csv", "/old.CSV"] {
        web.page(path, Page::new("", OK_CSV));
        assert_eq!(host.run_ok(&load(&web, path)), LOADED, "{path}");
    }
    web.page("/login.csv", Page::new("text/html", OK_CSV));
    assert!(host.run_error(&load(&web, "/login.csv")).contains("text/html"));
    web.page("/untyped", Page::new("", OK_CSV));
    assert!(host.run_error(&load(&web, "/untyped")).contains("unsupported content type"));
}

#[test]
fn content_that_is_not_text_is_named_in_the_error() {
    let (web, host) = start();
    for (start, what) in [
        (&b"PK\x03\x04\x14\x00\x06\x00 and so on"[..], "an Excel workbook or a ZIP archive"),
        (b"PAR1\x15\x04\x15\x20 and so on", "a Parquet file"),
        (b"SQLite format 3\0 and so on", "an SQLite database"),
    ] {
        web.page("/book.csv", Page::new("application/octet-stream", start));
        let told = host.run_error(&load(&web, "/book.csv"));
        assert!(told.contains(what), "{told}");
        let path = host.file("book.csv", start);
        let request = json!({"operation": "csv_file_load", "database": "gold", "table": "t", "file_path": path});
        assert!(host.run_error(&request).contains(what));
    }
    assert_eq!(host.count("t"), 0);
}

#[test]
fn a_server_that_is_temporarily_busy_is_retried() {
    let (web, host) = start();
    for status in [503, 429, 500] {
        let path = format!("/busy-{status}");
        web.page(&path, Page::status(status).header("Retry-After", "1"));
        let job = host.start_job(&load(&web, &path));
        web.await_requests(&path, 1);
        web.page(&path, Page::csv(OK_CSV));
        assert_eq!(host.job(&job)["message"], LOADED, "{status}");
    }
}

#[test]
fn a_missing_file_is_not_retried() {
    let (web, host) = start();
    let row = host.run(&load(&web, "/nothing"));
    assert_eq!(row["status"], "ERROR", "{row:#}");
    assert_eq!(row["error"]["retryable"], false, "{row:#}");
    assert_eq!(web.seen().iter().filter(|seen| seen.path == "/nothing").count(), 1);
    web.page("/failing", Page::status(502));
    let row = host.run(&load(&web, "/failing"));
    assert_eq!(row["error"]["retryable"], true, "{row:#}");
    assert_eq!(web.seen().iter().filter(|seen| seen.path == "/failing").count(), 4);
}

#[test]
fn the_charset_of_the_media_type_counts_unless_the_request_names_an_encoding() {
    let (web, host) = start();
    web.page("/latin", Page::new("text/csv; charset=ISO-8859-1", b"id,a\n1,caf\xe9\n"));
    host.run_ok(&load(&web, "/latin"));
    assert_eq!(host.rows("t"), [json!({"id": 1, "a": "café"})]);
    let mut named = load(&web, "/latin");
    named["encoding"] = json!("windows-1251");
    host.run_ok(&named);
    assert_eq!(host.rows("t"), [json!({"id": 1, "a": "cafй"})]);
    web.page("/wrong", Page::new("text/csv; charset=UTF-8", b"id,a\n2,caf\xe9\n"));
    let told = host.run_error(&load(&web, "/wrong"));
    assert!(told.contains("line 2, byte 5 has bytes that are not UTF-8"), "{told}");
}
