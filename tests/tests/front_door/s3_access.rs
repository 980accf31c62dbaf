//! Access keys and addresses: who may reach which S3 server, and what a refusal says.

use jobhost_tests::exports::{everything, export_to_s3, import_from_s3};
use jobhost_tests::s3::{Act, BUCKET, Proxy, REGION, S3Server};
use jobhost_tests::web::{OK_CSV, Page};
use jobhost_tests::{Host, Login, Options, Web};
use serde_json::{Value, json};

fn start(server: &S3Server) -> Host {
    server.put("ok.csv", OK_CSV);
    let host = Host::start(Options::new().set("s3.endpoint", server.endpoint()));
    host.create_table("t");
    host
}

fn with(mut request: Value, changes: &[(&str, &str)]) -> Value {
    for (name, value) in changes {
        request["s3"][*name] = json!(value);
    }
    request
}

#[test]
fn wrong_keys_are_refused_by_servers_that_check_them() {
    for (name, server) in [("s3s-fs", S3Server::strict()), ("moto", S3Server::guarded())] {
        let host = start(&server);
        let import = import_from_s3(&server, "t", "ok.csv");
        let export = export_to_s3(&server, "json", "out", everything("t"));
        for request in [&import, &export] {
            for (field, wrong) in [("aws_secret_access_key", "wrong-secret"), ("aws_access_key_id", "AKIAWRONG")] {
                let told = host.run_error(&with(request.clone(), &[(field, wrong)]));
                let says =
                    ["denied", "refused", "signature", "403", "credentials", "keys", "not signed up", "access key"];
                let lower = told.to_lowercase();
                assert!(says.iter().any(|word| lower.contains(word)), "{name}, {field}: {told}");
                assert!(!told.contains("wrong-secret") && !told.contains(server.secret_key()), "{name}: {told}");
            }
        }
        assert_eq!(host.count("t"), 0);
        assert_eq!(server.keys(), ["ok.csv"], "{name}");
        assert_eq!(host.run_ok(&import), "successfully loaded 3 of 3 records", "{name}");
    }
}

#[test]
fn errors_name_the_missing_bucket_or_key() {
    for server in [S3Server::strict(), S3Server::lenient()] {
        let host = start(&server);
        let told = host.run_error(&with(import_from_s3(&server, "t", "ok.csv"), &[("key", "gone.csv")]));
        assert!(told.contains("The specified key does not exist"), "{told}");
    }
    // s3s-fs creates a bucket on write, and reports only a missing key on read.
    let server = S3Server::lenient();
    let host = start(&server);
    for request in [import_from_s3(&server, "t", "ok.csv"), export_to_s3(&server, "json", "out", everything("t"))] {
        let told = host.run_error(&with(request, &[("bucket", "nowhere")]));
        assert!(told.contains("The specified bucket does not exist"), "{told}");
    }
}

#[test]
fn a_wrong_region_is_an_error_that_says_so() {
    let server = S3Server::strict();
    let host = start(&server);
    let told = host.run_error(&with(import_from_s3(&server, "t", "ok.csv"), &[("region", "eu-west-3")]));
    assert!(told.contains("region"), "{told}");
    assert_eq!(host.count("t"), 0);
}

#[test]
fn addresses_of_the_inside_need_the_operators_consent() {
    let server = S3Server::lenient();
    server.put("ok.csv", OK_CSV);
    let proxy = Proxy::start(server.address(), |_| Act::Pass);
    let port = proxy.address().rsplit(':').next().expect("a port").to_owned();
    let mut host = Host::start(Options::new());
    host.create_table("t");
    let import = import_from_s3(&server, "t", "ok.csv");
    let export = export_to_s3(&server, "json", "out", everything("t"));
    for name in ["127.0.0.1", "localhost", "127.1", "2130706433", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0"] {
        for request in [&import, &export] {
            let endpoint = format!("http://{name}:{port}");
            let (_, told) = host.must_fail(&with(request.clone(), &[("endpoint", &endpoint)]));
            assert!(told.contains("[s3] allow"), "{endpoint}: {told}");
        }
    }
    for endpoint in ["http://169.254.169.254", "http://10.0.0.1:9000", "https://[fd00::1]"] {
        let (_, told) = host.must_fail(&with(import.clone(), &[("endpoint", endpoint)]));
        assert!(told.contains("[s3] allow"), "{endpoint}: {told}");
    }
    for endpoint in ["ftp://127.0.0.1", "file:///etc", "no url", "http://user:pw@127.0.0.1"] {
        host.must_fail(&with(import.clone(), &[("endpoint", endpoint)]));
    }
    assert!(proxy.asked().is_empty(), "{:?}", proxy.asked());

    host.stop();
    host.restart_with(|options| options.set("s3.allow", proxy.address()));
    host.run_ok(&with(import, &[("endpoint", &proxy.endpoint())]));
    assert!(!proxy.asked().is_empty());
    let other = server.endpoint();
    let (_, told) = host.must_fail(&with(export, &[("endpoint", &other)]));
    assert!(told.contains("[s3] allow"), "another port is another server: {told}");
}

#[test]
fn redirects_are_not_followed() {
    let (first, other) = (Web::start(), Web::start());
    first.page("/bkt/ok.csv", Page::redirect(&other.url("/ok.csv")));
    let host = Host::start(Options::new().set("s3.endpoint", first.url("")).set("s3.timeout_seconds", 3));
    host.create_table("t");
    let s3 = json!({"aws_access_key_id": "AK", "aws_secret_access_key": "SK", "bucket": BUCKET, "key": "ok.csv", "region": REGION});
    host.run_error(&json!({"operation": "import_from_s3", "database": "gold", "table": "t", "s3": s3}));
    assert!(other.seen().is_empty(), "{:?}", other.seen());
}

#[test]
fn a_profile_of_the_operator_is_for_super_users() {
    let server = S3Server::strict();
    server.put("ok.csv", OK_CSV);
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("credentials");
    server.write_profile(&file, "backup");
    let options = Options::new().set("s3.endpoint", server.endpoint()).set("s3.credentials_file", file.display());
    let mut host = Host::start(options);
    host.create_table("t");
    host.insert("t", json!([{"id": 9}]));
    let s3 = |profile: &str, key: &str| json!({"profile": profile, "bucket": BUCKET, "key": key, "region": REGION});
    let import = json!({"operation": "import_from_s3", "database": "gold", "table": "t", "s3": s3("backup", "ok.csv")});
    let export = json!({
        "operation": "export_to_s3", "format": "json", "s3": s3("backup", "out"), "search_operation": everything("t"),
    });
    assert_eq!(host.run_ok(&import), "successfully loaded 3 of 3 records");
    host.run_for_result(&export);
    assert!(server.get("out.json").is_some());

    let rights = json!({"read": true, "insert": true, "update": true, "delete": true, "attribute_permissions": []});
    let permission = json!({"super_user": false, "gold": {"tables": {"t": rights}}});
    host.post(&json!({"operation": "add_role", "role": "all", "permission": permission})).ok();
    let user = json!({"operation": "add_user", "username": "ann", "password": "pw", "role": "all", "active": true});
    host.post(&user).ok();
    let reply = host.post_as(&Login::basic("ann", "pw"), &import);
    assert_eq!(reply.status, 403, "{}", reply.text);
    assert!(reply.text.contains("super_user"), "{}", reply.text);

    let mut unknown = import.clone();
    unknown["s3"]["profile"] = json!("nobody");
    let (_, told) = host.must_fail(&unknown);
    assert!(told.contains("nobody") && told.contains("profile"), "{told}");
    assert!(!told.contains(server.secret_key()), "{told}");
    host.stop();
    host.restart_with(|options| options.set("s3.credentials_file", ""));
    let (_, told) = host.must_fail(&import);
    assert!(told.contains("s3.credentials_file"), "{told}");
}

#[test]
fn a_session_token_is_sent_and_signed() {
    let server = S3Server::strict();
    let proxy = Proxy::start(server.address(), |_| Act::Pass);
    server.put("ok.csv", OK_CSV);
    let host = Host::start(Options::new().set("s3.endpoint", proxy.endpoint()));
    host.create_table("t");
    host.run_ok(&with(import_from_s3(&server, "t", "ok.csv"), &[("session_token", "token-of-the-session")]));
    host.run_for_result(&with(
        export_to_s3(&server, "csv", "out", everything("t")),
        &[("session_token", "token-of-the-session")],
    ));
    for asked in proxy.asked() {
        assert_eq!(asked.header("x-amz-security-token"), Some("token-of-the-session"), "{asked:?}");
        let signed = asked.header("authorization").expect("a signature");
        assert!(signed.contains("x-amz-security-token"), "the token is not signed: {signed}");
    }
}
