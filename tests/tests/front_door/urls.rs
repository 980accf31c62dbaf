//! Loads from a URL: what real servers send, and limits on what they can do to the host.

use jobhost_tests::csv_text::numbered;
use jobhost_tests::web::encode::{ENCODINGS, encode};
use jobhost_tests::web::{Body, OK_CSV, Page};
use jobhost_tests::{Host, Options, Web};
use serde_json::{Value, json};

const LOADED: &str = "successfully loaded 3 of 3 records";

fn start(change: impl FnOnce(Options) -> Options) -> (Web, Host) {
    let web = Web::start();
    let host = Host::start(change(Options::new().set("urls.allow", web.address())));
    host.create_table("t");
    (web, host)
}

fn load(web: &Web, path: &str) -> Value {
    json!({"operation": "csv_url_load", "database": "gold", "table": "t", "action": "upsert", "csv_url": web.url(path)})
}

#[test]
fn encoded_bodies_are_decoded() {
    let (web, host) = start(|options| options);
    let csv = numbered(20_000);
    for encoding in ENCODINGS {
        web.page("/encoded", Page::csv(encode(encoding, csv.as_bytes())).header("Content-Encoding", encoding));
        assert_eq!(host.run_ok(&load(&web, "/encoded")), "successfully loaded 20000 of 20000 records", "{encoding}");
        web.page("/broken", Page::csv(&encode(encoding, csv.as_bytes())[..2000]).header("Content-Encoding", encoding));
        host.run_error(&load(&web, "/broken"));
    }
}

#[test]
fn a_body_in_an_unknown_encoding_is_not_taken_for_csv() {
    let (web, host) = start(|options| options);
    web.page("/unknown", Page::csv(OK_CSV).header("Content-Encoding", "x-rot13"));
    let told = host.run_error(&load(&web, "/unknown"));
    assert!(told.contains("x-rot13"), "{told}");
}

#[test]
fn a_body_has_a_largest_size_before_and_after_decoding() {
    let (web, host) = start(|options| options.set("urls.max_bytes", 1_000_000));
    let row = "1,xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n";
    let bomb = format!("id,a\n{}", row.repeat(200_000));
    for encoding in ENCODINGS {
        let body = encode(encoding, bomb.as_bytes());
        assert!(body.len() < 1_000_000, "{encoding}: the limit would be met before decoding");
        web.page("/bomb", Page::csv(body).header("Content-Encoding", encoding));
        let told = host.run_error(&load(&web, "/bomb"));
        assert!(told.contains("urls.max_bytes"), "{encoding}: {told}");
    }
    web.page("/endless", Page::csv("").body(Body::Endless(row.as_bytes().into())));
    let told = host.run_error(&load(&web, "/endless"));
    assert!(told.contains("urls.max_bytes"), "{told}");
    web.page("/announced", Page::csv(bomb));
    let told = host.run_error(&load(&web, "/announced"));
    assert!(told.contains("urls.max_bytes"), "{told}");
    assert_eq!(host.count("t"), 0);
}

#[test]
fn redirects_are_followed_within_a_limit() {
    let (web, host) = start(|options| options.set("urls.max_redirects", 3));
    web.page("/3", Page::redirect("/2"));
    web.page("/2", Page::redirect(&web.url("/1")));
    web.page("/1", Page::redirect("ok.csv"));
    assert_eq!(host.run_ok(&load(&web, "/3")), LOADED);
    web.page("/4", Page::redirect("/3"));
    let told = host.run_error(&load(&web, "/4"));
    assert!(told.contains("redirect") && told.contains('3'), "{told}");
    web.page("/loop", Page::redirect("/loop"));
    let told = host.run_error(&load(&web, "/loop"));
    assert!(told.contains("redirect"), "{told}");
    web.page("/nowhere", Page::status(302));
    host.run_error(&load(&web, "/nowhere"));
}

#[test]
fn media_types_are_parsed() {
    let (web, host) = start(|options| options);
    for media_type in [
        "text/csv",
        "TEXT/CSV",
        "text/csv;charset=utf-8",
        "text/csv; header=present; charset=\"utf-8\"",
        "text/plain",
        "application/octet-stream",
        "application/vnd.ms-excel",
    ] {
        web.page("/typed", Page::new(media_type, OK_CSV));
        assert_eq!(host.run_ok(&load(&web, "/typed")), LOADED, "{media_type}");
    }
    for media_type in ["application/json", "text/html; charset=utf-8"] {
        web.page("/typed", Page::new(media_type, OK_CSV));
        let expected =
            format!("CSV Load failed from URL: {}, unsupported content type: {media_type}", web.url("/typed"));
        let told = host.run_error(&load(&web, "/typed"));
        assert!(told == expected || told == expected.replace("; charset=utf-8", ""), "{told}");
    }
    web.page("/untyped", Page::status(200).body(Body::Whole(OK_CSV.as_bytes().into())));
    let told = host.run_error(&load(&web, "/untyped"));
    assert!(told.starts_with("CSV Load failed from URL:") && told.contains("unsupported content type"), "{told}");
}

#[test]
fn failures_of_the_other_side_are_told() {
    let (web, host) = start(|options| options.set("urls.timeout_seconds", 2));
    for (status, reason) in [(404, "Not Found"), (500, "Internal Server Error"), (403, "Forbidden")] {
        web.page("/status", Page::status(status));
        let expected =
            format!("CSV Load failed from URL: {}, status code: {status}, message: {reason}", web.url("/status"));
        assert_eq!(host.run_error(&load(&web, "/status")), expected);
    }
    web.page("/cut", Page::csv("").body(Body::CutOff(OK_CSV.as_bytes().into())));
    host.run_error(&load(&web, "/cut"));
    web.page("/slow", Page::csv("").body(Body::Held("id,a\n".as_bytes().into(), "1,x\n".as_bytes().into())));
    let told = host.run_error(&load(&web, "/slow"));
    assert!(told.contains("urls.timeout_seconds"), "{told}");
    assert_eq!(host.count("t"), 0);
    let gone = Web::start().url("/ok.csv");
    let refused = json!({"operation": "csv_url_load", "database": "gold", "table": "t", "csv_url": gone});
    host.must_fail(&refused);
}

#[test]
fn headers_are_passed_on_to_the_server_that_was_named_only() {
    let (first, second) = (Web::start(), Web::start());
    let host = Host::start(Options::new().set("urls.allow", format!("{},{}", first.address(), second.address())));
    host.create_table("t");
    let mut request = load(&first, "/ok.csv");
    request["passthrough_headers"] = json!({"X-Api-Key": "k1", "Authorization": "Bearer k2"});
    host.run_ok(&request);
    let seen = first.seen();
    assert_eq!(seen[0].header("x-api-key"), Some("k1"));
    assert_eq!(seen[0].header("authorization"), Some("Bearer k2"));

    first.page("/away", Page::redirect(&second.url("/ok.csv")));
    request["csv_url"] = json!(first.url("/away"));
    host.run_ok(&request);
    let seen = second.seen();
    assert_eq!((seen[0].header("x-api-key"), seen[0].header("authorization")), (None, None), "{seen:?}");
}

#[test]
fn passed_on_headers_cannot_change_the_request_itself() {
    let web = Web::start();
    let host = Host::start(Options::new().set("urls.allow", web.address()));
    host.create_table("t");
    let mut request = load(&web, "/ok.csv");
    for (headers, what) in [
        (json!({"X": "a\r\nHost: b"}), "a line break in a value"),
        (json!({"X Y": "a"}), "a space in a name"),
        (json!({"X": {}}), "an object as value"),
        (json!({"Host": "elsewhere"}), "the host"),
        (json!({"Content-Length": "5"}), "the length"),
    ] {
        request["passthrough_headers"] = headers;
        let reply = host.post(&request);
        if reply.status == 200 {
            // Harmless alternative: the header is not sent.
            host.job(reply.body["job_id"].as_str().expect("a job"));
            let seen = web.seen();
            let last = seen.last().expect("a request");
            assert_eq!(last.header("host"), Some(web.address().as_str()), "{what}");
            assert_eq!(last.header("content-length"), None, "{what}");
        } else {
            assert_eq!(reply.status, 400, "{what}: {}", reply.text);
        }
    }
}
