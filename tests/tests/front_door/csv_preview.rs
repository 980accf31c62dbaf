//! `csv_preview`: how a load would read its input, without a job.

use jobhost_tests::s3::S3Server;
use jobhost_tests::web::encode::encode;
use jobhost_tests::web::{OK_CSV, Page};
use jobhost_tests::{Host, Options, Web};
use serde_json::{Value, json};

fn preview(field: &str, value: impl serde::Serialize) -> Value {
    json!({"operation": "csv_preview", field: value})
}

fn shown(host: &Host, request: &Value) -> Value {
    host.post(request).ok()
}

#[test]
fn every_source_can_be_previewed() {
    let (web, server) = (Web::start(), S3Server::strict());
    let host = Host::start(Options::new().set("urls.allow", web.address()).set("s3.endpoint", server.endpoint()));
    web.page("/ok.csv", Page::csv(encode("gzip", OK_CSV.as_bytes())).header("Content-Encoding", "gzip"));
    server.put("ok.csv", encode("zstd", OK_CSV.as_bytes()));
    let expected = shown(&host, &preview("data", OK_CSV));
    assert_eq!(expected["records"][0], json!({"id": 1, "name": "a", "n": 10}));
    assert_eq!((&expected["complete"], &expected["dialect"]["delimiter"]), (&json!(true), &json!(",")));
    assert_eq!(shown(&host, &preview("file_path", host.file("ok.csv", OK_CSV))), expected);
    assert_eq!(shown(&host, &preview("csv_url", web.url("/ok.csv"))), expected);
    assert_eq!(shown(&host, &preview("s3", server.object("ok.csv"))), expected);
}

#[test]
fn a_preview_is_that_of_a_load_into_the_table() {
    let host = Host::start(Options::new());
    let create = json!({
        "operation": "create_table", "database": "gold", "table": "typed",
        "attributes": [{"name": "code", "type": "String", "is_primary_key": true}, {"name": "n", "type": "Int"}],
    });
    host.post(&create).ok();
    let mut request = preview("data", "code;n\n007;1\n008;x\n");
    let untyped = shown(&host, &request);
    assert_eq!(untyped["records"][1], json!({"code": "008", "n": "x"}));
    assert_eq!(untyped["warnings"][0]["code"], "key-missing");
    (request["database"], request["table"]) = ("gold".into(), "typed".into());
    let typed = shown(&host, &request);
    assert_eq!(typed["records"], json!([{"code": "007", "n": 1}]));
    assert_eq!((&typed["rejected"]["line"], &typed["rejected"]["column"]), (&json!(3), &json!("n")));
    assert_eq!(typed["warnings"], json!([]));
    assert_eq!(host.count("typed"), 0, "a preview writes nothing");
    request["table"] = "missing".into();
    assert!(host.post(&request).refused(400).contains("missing"));
}

#[test]
fn a_preview_reads_the_beginning_of_a_large_input() {
    let web = Web::start();
    let host = Host::start(Options::new().set("urls.allow", web.address()));
    let large = format!("id,a\n{}", "1,xxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n".repeat(1_000_000));
    web.page("/large.csv", Page::csv(large.clone()));
    for request in [preview("csv_url", web.url("/large.csv")), preview("file_path", host.file("large.csv", large))] {
        let mut request = request;
        request["rows"] = 2.into();
        let shown = shown(&host, &request);
        assert_eq!((shown["records"].as_array().map(Vec::len), &shown["complete"]), (Some(2), &json!(false)));
    }
    let spooled = std::fs::read_dir(host.data().join("spool")).expect("the spool").count();
    assert_eq!(spooled, 0, "the download is removed");
}

#[test]
fn nobody_reads_what_a_load_could_not_read() {
    let web = Web::start();
    let host = Host::start(Options::new());
    host.create_table("t");
    assert!(host.post(&preview("file_path", "/etc/passwd")).refused(403).contains("/etc/passwd"));
    let told = host.post(&preview("csv_url", web.url("/ok.csv"))).refused(403);
    assert!(told.contains("private"), "{told}");
    let told = host.post(&json!({"operation": "csv_preview"})).refused(400);
    assert!(told.contains("exactly one of 'data', 'file_path', 'csv_url' and 's3'"), "{told}");
    let mut request = preview("data", "id\n1");
    request["delimeter"] = ";".into();
    assert!(host.post(&request).refused(400).contains("did you mean 'delimiter'?"));
}
