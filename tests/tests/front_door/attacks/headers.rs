//! Text that tries to become a header, a line or a separate request to another server.

use jobhost_tests::exports::everything;
use jobhost_tests::s3::{BUCKET, REGION};
use jobhost_tests::{Options, Web};
use serde_json::{Map, Value, json};

use super::Victim;

fn load(web: &Web, headers: Value) -> Value {
    json!({
        "operation": "csv_url_load", "database": "gold", "table": "t", "csv_url": web.url("/ok.csv"),
        "passthrough_headers": headers,
    })
}

#[test]
fn no_passed_on_header_changes_the_request() {
    let web = Web::start();
    let victim = Victim::start(Options::new().set("urls.allow", web.address()));
    let framing = [
        "Host",
        "HOST",
        "Content-Length",
        "cONTENT-lENGTH",
        "Transfer-Encoding",
        "Connection",
        "Keep-Alive",
        "TE",
        "Trailer",
        "Upgrade",
        "HTTP2-Settings",
        "Proxy-Authorization",
        "Proxy-Authenticate",
        "Proxy-Connection",
        "Expect",
        "Accept-Encoding",
        "Range",
    ];
    for name in framing {
        let told = victim.refused(name, victim.post(&load(&web, json!({name: "x"}))));
        assert!(told.to_lowercase().contains(&name.to_lowercase()), "{name} is not named: {told}");
    }
    let names = [
        "",
        " ",
        "X Y",
        "X:",
        "X:Y",
        "X\r\nHost",
        "X\nHost",
        "X\u{0}",
        "\u{7f}",
        "Ünicode",
        ":authority",
        "GET / HTTP/1.1\r\nX",
        " Host",
        "Host ",
        "X\tY",
        "(X)",
    ];
    for name in names {
        victim.refused(&format!("{name:?}"), victim.post(&load(&web, json!({name: "x"}))));
    }
    let values = ["a\r\nHost: evil", "a\nHost: evil", "a\rHost: evil", "a\u{0}b", "a\r\n\r\nGET / HTTP/1.1", "\u{7f}"];
    for value in values {
        victim.refused(&format!("{value:?}"), victim.post(&load(&web, json!({"X": value}))));
    }
    for value in [json!({}), json!([]), json!(null), json!(["a", "b"])] {
        victim.refused(&format!("{value}"), victim.post(&load(&web, json!({"X": value}))));
    }
    for headers in [json!("Host: evil"), json!(["Host: evil"]), json!(5)] {
        victim.refused(&format!("{headers}"), victim.post(&load(&web, headers)));
    }
    assert!(web.seen().is_empty(), "a request was sent: {:?}", web.seen());
    victim.assert_unharmed();
    // Everything else is sent as a single header, whatever it contains.
    victim.run_ok(&load(&web, json!({"X-A": "Host: evil", "x-b": " ;,=\"%0d%0a", "X-C": 1.5, "X-D": true})));
    let seen = web.seen();
    let value = |name: &str| seen[0].header(name);
    assert_eq!((value("host"), value("x-a")), (Some(web.address().as_str()), Some("Host: evil")));
    assert_eq!((value("x-c"), value("x-d")), (Some("1.5"), Some("true")));
}

#[test]
fn too_many_and_too_long_headers_are_refused_and_break_nothing() {
    let web = Web::start();
    let victim = Victim::start(Options::new().set("urls.allow", web.address()));
    let many = |count: usize| Value::Object((0..count).map(|n| (format!("x-{n}"), json!("v"))).collect::<Map<_, _>>());
    // More than a header map can hold.
    victim.refused("40,000 headers", victim.post(&load(&web, many(40_000))));
    victim.refused("a value of 4 MiB", victim.post(&load(&web, json!({"X": "x".repeat(4 << 20)}))));
    victim.refused("a name of 1 MiB", victim.post(&load(&web, json!({"x".repeat(1 << 20): "x"}))));
    assert!(web.seen().is_empty(), "a request was sent: {} headers", web.seen()[0].headers.len());
    victim.assert_unharmed();
}

#[test]
fn no_field_of_s3_adds_a_header_a_host_or_a_path() {
    let web = Web::start();
    let victim = Victim::start(Options::new().set("s3.allow", web.address()).set("s3.timeout_seconds", 2));
    let evil = [
        ("region", "us-east-1\r\nHost: evil"),
        ("region", "us-east-1/../x"),
        ("region", "x@evil.example"),
        ("bucket", "bkt\r\nHost: evil"),
        ("bucket", "bkt/../../x"),
        ("bucket", "bkt?x"),
        ("bucket", "bkt#x"),
        ("bucket", ".."),
        ("bucket", "bkt%2f.."),
        ("bucket", "bkt@evil.example"),
        ("key", "../../x.csv"),
        ("key", "a/../b.csv"),
        ("key", "x\r\nHost: evil.csv"),
        ("key", "x\u{0}.csv"),
        ("aws_access_key_id", "AK\r\nHost: evil"),
        ("aws_access_key_id", "AK/20260101/us-east-1/s3/aws4_request, SignedHeaders="),
        ("aws_secret_access_key", "S\r\nK"),
        ("session_token", "T\r\nHost: evil"),
        ("session_token", "T\u{0}"),
        ("endpoint", "http://evil\r\nHost: x"),
    ];
    for (field, value) in evil {
        let mut s3 = json!({
            "aws_access_key_id": "AK", "aws_secret_access_key": "SK", "bucket": BUCKET, "key": "ok.csv",
            "region": REGION, "endpoint": web.url(""),
        });
        s3[field] = json!(value);
        let import = json!({"operation": "import_from_s3", "database": "gold", "table": "t", "s3": s3});
        let export = json!({
            "operation": "export_to_s3", "format": "csv", "s3": s3, "search_operation": everything("t"),
        });
        for request in [import, export] {
            victim.refused(&format!("{field} {value:?}"), victim.post(&request));
        }
    }
    assert!(web.seen().is_empty(), "a request was sent: {:?}", web.seen());
    // Any valid key is a single path, whatever it contains.
    for key in [
        "a b?x=y#z%2f.csv",
        "ünï/☃.csv",
        "%2e%2e/x.csv",
        "x;y=z&a.csv",
        "@evil.example.csv",
        "a\\..\\b.csv",
        "/x.csv",
        "//evil.example/x.csv",
        "a b?x//%2e%2e//#y.csv",
    ] {
        let s3 = json!({
            "aws_access_key_id": "AK", "aws_secret_access_key": "SK", "bucket": BUCKET, "key": key,
            "region": REGION, "endpoint": web.url(""),
        });
        victim.fails(key, &json!({"operation": "import_from_s3", "database": "gold", "table": "t", "s3": s3}));
    }
    for seen in web.seen() {
        let path = seen.path.as_str();
        assert!(path.starts_with(&format!("/{BUCKET}/")) && !path.contains(['?', '#', '\\']), "{path}");
        assert!(!path.split('/').any(|part| part == ".."), "{path}");
        assert_eq!(seen.header("host"), Some(web.address().as_str()));
    }
    victim.assert_unharmed();
}
