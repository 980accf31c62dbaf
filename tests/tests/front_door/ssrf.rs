//! `csv_url_load` does not reach the host's internal network, by any spelling or detour.

use jobhost_tests::web::Page;
use jobhost_tests::{Host, Options, Web};
use serde_json::{Value, json};

fn load(url: &str) -> Value {
    json!({"operation": "csv_url_load", "database": "gold", "table": "t", "csv_url": url})
}

#[test]
fn addresses_of_the_inside_are_refused_in_every_spelling() {
    let web = Web::start();
    let host = Host::start(Options::new());
    host.create_table("t");
    let port = web.port();
    let inside = [
        "127.0.0.1",
        "127.0.0.2",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "017700000001",
        "localhost",
        "localhost.",
        "LOCALHOST",
        "0.0.0.0",
        "0",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "user:pw@127.0.0.1",
        "127.0.0.1.",
        "①②⑦.0.0.1",
    ];
    for name in inside {
        let (_, told) = host.must_fail(&load(&format!("http://{name}:{port}/ok.csv")));
        assert!(!told.is_empty());
    }
    let elsewhere = [
        "http://10.0.0.1/x.csv",
        "http://172.16.0.1/x.csv",
        "http://192.168.0.1/x.csv",
        "http://169.254.169.254/latest/meta-data",
        "http://100.64.0.1/x.csv",
        "http://[fd00::1]/x.csv",
        "http://[fe80::1]/x.csv",
        "http://[fd00:ec2::254]/x.csv",
        "http://192.0.2.1/x.csv",
        "http://198.18.0.1/x.csv",
        "http://224.0.0.1/x.csv",
        "http://255.255.255.255/x.csv",
    ];
    for url in elsewhere {
        let (_, told) = host.must_fail(&load(url));
        assert!(
            told.contains("urls") && told.contains("allow"),
            "{url}: the sentence does not tell the operator what to configure: {told}"
        );
    }
    assert!(web.seen().is_empty(), "a request came through: {:?}", web.seen());
    assert_eq!(host.count("t"), 0);
}

#[test]
fn schemes_other_than_http_are_refused() {
    let host = Host::start(Options::new().set("urls.allow", "127.0.0.0/8"));
    host.create_table("t");
    for url in [
        "file:///etc/passwd",
        "ftp://127.0.0.1/x.csv",
        "gopher://127.0.0.1/x",
        "data:text/csv,id%0A1",
        "javascript:1",
        "unix:/tmp/x",
    ] {
        let told = host.post(&load(url)).refused(400);
        assert!(!told.is_empty());
    }
}

#[test]
fn allowed_addresses_work_and_no_redirect_leaves_them() {
    let (allowed, other) = (Web::start(), Web::start());
    let host = Host::start(Options::new().set("urls.allow", allowed.address()));
    host.create_table("t");
    host.run_ok(&load(&allowed.url("/ok.csv")));

    let targets = [
        other.url("/ok.csv"),
        format!("http://localhost:{}/ok.csv", other.port()),
        format!("http://[::ffff:127.0.0.1]:{}/ok.csv", other.port()),
        format!("//127.0.0.1:{}/ok.csv", other.port()),
        "http://169.254.169.254/latest/meta-data".to_owned(),
        "file:///etc/passwd".to_owned(),
    ];
    for target in targets {
        allowed.page("/away", Page::redirect(&target));
        allowed.page("/first", Page::redirect("/away"));
        let told = host.run_error(&load(&allowed.url("/first")));
        assert!(!told.contains("secret"), "{told}");
    }
    assert!(other.seen().is_empty(), "a redirect was followed to where it must not go: {:?}", other.seen());
    assert_eq!(host.count("t"), 3);
}

#[test]
fn a_proxy_of_the_environment_is_no_way_round() {
    let proxy = Web::start();
    let options = Options::new().environment("HTTP_PROXY", proxy.url("")).environment("http_proxy", proxy.url(""));
    let host = Host::start(options.environment("ALL_PROXY", proxy.url("")));
    host.create_table("t");
    host.must_fail(&load("http://10.0.0.1/x.csv"));
    host.must_fail(&load("http://169.254.169.254/latest/meta-data"));
    assert!(proxy.seen().is_empty(), "the guard was passed by a proxy: {:?}", proxy.seen());
}
