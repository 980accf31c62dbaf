//! Deceptive addresses: URLs that two parsers understand differently, redirects of every kind, and S3 endpoints. The
//! spellings of loopback are in `ssrf.rs` and `s3_access.rs`, names whose address changes in `rebinding.rs`.

use jobhost_tests::s3::{BUCKET, REGION};
use jobhost_tests::web::Page;
use jobhost_tests::{Options, Web};
use serde_json::{Value, json};

use super::Victim;

fn load(url: &str) -> Value {
    json!({"operation": "csv_url_load", "database": "gold", "table": "t", "csv_url": url})
}

fn import(endpoint: &str) -> Value {
    let s3 = json!({
        "aws_access_key_id": "AK", "aws_secret_access_key": "SK", "bucket": BUCKET, "key": "ok.csv", "region": REGION,
        "endpoint": endpoint,
    });
    json!({"operation": "import_from_s3", "database": "gold", "table": "t", "s3": s3})
}

/// Spellings of the server `other` (`127.0.0.1:PORT`) that look like the server `allowed`, or that are malformed.
fn disguises(allowed: &str, other: &str) -> Vec<String> {
    let port = other.rsplit(':').next().expect("a port").to_owned();
    let mut spellings = vec![
        format!("http://{allowed}@{other}/ok.csv"),
        format!("http://{allowed}%2f@{other}/ok.csv"),
        format!("http://{allowed}:x@{other}/ok.csv"),
        format!("http://x@{allowed}@{other}/ok.csv"),
        format!("http://{other}#@{allowed}/ok.csv"),
        format!("http://{other}?@{allowed}/ok.csv"),
        format!("http://{other}\\@{allowed}/ok.csv"),
        format!("http:\\\\{other}\\ok.csv"),
        format!("http:{other}/ok.csv"),
        format!("http:/{other}/ok.csv"),
        format!("http:////{other}/ok.csv"),
        format!("hTTp://{other}/ok.csv"),
        format!(" \thttp://{other}/ok.csv\n"),
        format!("ht\ntp://127.0\t.0.1:{port}/ok.csv"),
        format!("http://{other}/ok.csv\u{0}"),
        format!("http://127.0.0.1:0{port}/ok.csv"),
        format!("http://127.0.0.1:{}/ok.csv", 65_536 + u32::from(port.parse::<u16>().expect("a port"))),
        format!("http://{allowed}:{port}/ok.csv"),
        format!("http://{allowed}%40{other}/ok.csv"),
        format!("http://{allowed} {other}/ok.csv"),
        format!("http://127。0。0。1:{port}/ok.csv"),
        format!("http://127.0.0.1%00.example.com:{port}/ok.csv"),
    ];
    let hosts = [
        "127.0.1",
        "127.0.0.1.",
        "127.000.000.001",
        "0x7f.0x0.0x0.0x1",
        "0177.0.0.01",
        "0x7F000001",
        "[::ffff:127.0.0.1]",
        "[::ffff:0:127.0.0.1]",
        "[0:0:0:0:0:ffff:7f00:0001]",
        "[64:ff9b::127.0.0.1]",
        "[64:ff9b:1::7f00:1]",
        "[2002:7f00:1::1]",
        "[2001:0:7f00:1::]",
        "[::1]",
        "[::1%25lo]",
        "[fe80::1%25lo]",
        "0.0.0.0",
        "0",
        "localhost",
        "localhost.",
    ];
    spellings.extend(hosts.iter().map(|host| format!("http://{host}:{port}/ok.csv")));
    spellings
}

#[test]
fn no_spelling_of_a_url_passes_one_server_off_as_another() {
    let (allowed, other) = (Web::start(), Web::start());
    // The canary would show that the other server was reached.
    other.page("/ok.csv", Page::csv("id,a\n666,stolen\n"));
    let victim = Victim::start(Options::new().set("urls.allow", allowed.address()));
    for url in disguises(&allowed.address(), &other.address()) {
        victim.fails(&url, &load(&url));
    }
    assert!(other.seen().is_empty(), "a request came through: {:?}", other.seen());
    // A backslash counts as a slash, so this is a path on the allowed server.
    victim.fails("a path", &load(&format!("http://{}\\@{}/ok.csv", allowed.address(), other.address())));
    assert!(other.seen().is_empty(), "a request came through: {:?}", other.seen());
    victim.assert_unharmed();
}

#[test]
fn no_redirect_of_any_kind_leads_to_a_server_that_is_not_allowed() {
    let (allowed, other) = (Web::start(), Web::start());
    other.page("/ok.csv", Page::csv("id,a\n666,stolen\n"));
    let victim = Victim::start(Options::new().set("urls.allow", allowed.address()));
    let mut targets = disguises(&allowed.address(), &other.address());
    // A header cannot contain a line break or NUL.
    targets.retain(|target| !target.contains(['\n', '\u{0}']));
    let elsewhere = [
        "file:///etc/passwd",
        "ftp://127.0.0.1/x",
        "gopher://127.0.0.1:70/x",
        "data:text/csv,id%0A666",
        "javascript:1",
        "http://169.254.169.254/latest/meta-data",
        "http://[fd00:ec2::254]/latest/meta-data",
        "//169.254.169.254/x",
        "https:169.254.169.254",
    ];
    targets.extend(elsewhere.map(str::to_owned));
    targets.push(format!("//{}/ok.csv", other.address()));
    targets.push(format!("\\\\{}\\ok.csv", other.address()));
    for (number, target) in targets.iter().enumerate() {
        let status = [301, 302, 303, 307, 308][number % 5];
        allowed.page("/away", Page::status(status).header("Location", target));
        victim.fails(&format!("{status} to {target}"), &load(&allowed.url("/away")));
    }
    for status in [301, 302, 303, 307, 308] {
        allowed.page("/away", Page::status(status).header("Location", &other.url("/ok.csv")));
        victim.fails(&format!("{status}"), &load(&allowed.url("/away")));
    }
    for status in [300, 304, 305, 306] {
        allowed.page("/away", Page::status(status).header("Location", &other.url("/ok.csv")));
        victim.fails(&format!("{status} is no redirect to follow"), &load(&allowed.url("/away")));
    }
    assert!(other.seen().is_empty(), "a redirect was followed to where it must not go: {:?}", other.seen());
    victim.assert_unharmed();
}

#[test]
fn a_refresh_or_a_link_in_the_answer_is_not_followed() {
    let (allowed, other) = (Web::start(), Web::start());
    let victim = Victim::start(Options::new().set("urls.allow", allowed.address()));
    let page = Page::csv("id,a\n1,x\n")
        .header("Refresh", &format!("0;url={}", other.url("/ok.csv")))
        .header("Link", &format!("<{}>; rel=preload", other.url("/ok.csv")))
        .header("Content-Location", &other.url("/ok.csv"))
        .header("Alt-Svc", &format!("http/1.1=\"{}\"", other.address()));
    allowed.page("/ok", page);
    victim.run_ok(&load(&allowed.url("/ok")));
    victim.run_ok(&load(&allowed.url("/ok")));
    assert!(other.seen().is_empty(), "{:?}", other.seen());
    victim.assert_unharmed();
}

#[test]
fn no_spelling_of_an_s3_endpoint_reaches_a_server_that_is_not_allowed() {
    let (allowed, other) = (Web::start(), Web::start());
    let victim = Victim::start(Options::new().set("s3.allow", allowed.address()).set("s3.timeout_seconds", 2));
    for url in disguises(&allowed.address(), &other.address()) {
        let endpoint = url.replace("/ok.csv", "");
        victim.fails(&endpoint, &import(&endpoint));
    }
    for endpoint in ["http://169.254.169.254", "http://[fd00:ec2::254]", "file:///etc", "http://", "//x", ""] {
        victim.fails(endpoint, &import(endpoint));
    }
    assert!(other.seen().is_empty(), "a request came through: {:?}", other.seen());
    victim.assert_unharmed();
}

#[test]
fn a_redirect_of_an_s3_server_is_not_followed() {
    let (allowed, other) = (Web::start(), Web::start());
    let victim = Victim::start(Options::new().set("s3.allow", allowed.address()).set("s3.timeout_seconds", 2));
    for status in [301, 302, 303, 307, 308] {
        let page = Page::status(status).header("Location", &other.url("/ok.csv"));
        allowed.page(&format!("/{BUCKET}/ok.csv"), page.header("x-amz-bucket-region", "evil.example"));
        victim.fails(&format!("{status}"), &import(&allowed.url("")));
    }
    assert!(!allowed.seen().is_empty());
    assert!(other.seen().is_empty(), "a redirect was followed: {:?}", other.seen());
    victim.assert_unharmed();
}
