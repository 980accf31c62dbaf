//! S3 access keys in a request: they sign requests and appear nowhere else, neither while the job runs nor after a
//! crash.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use jobhost_tests::csv_text::numbered;
use jobhost_tests::exports::{everything, export_to_s3, import_from_s3};
use jobhost_tests::s3::{Act, Proxy, S3Server};
use jobhost_tests::scan::{files_with, spellings};
use jobhost_tests::{Host, Options};
use serde_json::{Value, json};

const TOKEN: &str = "session/token+of=the_test&0123456789";

struct Watch<'a> {
    secrets: [&'a str; 2],
}

impl Watch<'_> {
    #[track_caller]
    fn text(&self, what: &str, text: &str) {
        for secret in self.secrets.iter().flat_map(|secret| spellings(secret)) {
            assert!(!text.contains(&secret), "{what} has {secret}");
        }
    }

    #[track_caller]
    fn disk(&self, host: &Host, when: &str) {
        for secret in self.secrets.iter().flat_map(|secret| spellings(secret)) {
            let files = files_with(&host.data(), secret.as_bytes());
            assert!(files.is_empty(), "{when}: {secret} lies in {files:?}");
        }
        self.text(&format!("{when}: the log"), &host.log());
    }

    #[track_caller]
    fn replies(&self, host: &Host, id: &str) {
        let all = json!({"operation": "search_jobs_by_start_date", "from_date": "2020-01-01", "to_date": "2099-01-01"});
        for request in [json!({"operation": "get_job", "id": id}), all, json!({"operation": "describe_all"})] {
            self.text("a reply", &host.post(&request).text);
        }
    }
}

fn with_token(mut request: Value) -> Value {
    request["s3"]["session_token"] = json!(TOKEN);
    request
}

#[test]
fn keys_are_sealed_while_a_job_lives_and_gone_after() {
    let server = S3Server::strict();
    let watch = Watch { secrets: [server.secret_key(), TOKEN] };
    for kind in ["import", "export"] {
        // Held both times, so that the job is still running when it is inspected, before the crash and after it.
        let proxy = Proxy::start(server.address(), |asked| match asked.method.as_str() {
            "GET" | "PUT" => Act::Hold(0),
            _ => Act::Pass,
        });
        server.put("rows.csv", numbered(1000));
        let options = Options::new().set("s3.endpoint", proxy.endpoint()).set("log.level", "trace");
        let mut host = Host::start(options);
        host.create_table("t");
        host.insert("t", json!([{"id": 1}]));
        let request = with_token(match kind {
            "import" => import_from_s3(&server, "t", "rows.csv"),
            _ => export_to_s3(&server, "json", "out", everything("t")),
        });
        let reply = host.post(&request);
        watch.text("the reply to the start", &reply.text);
        let id = reply.body["job_id"].as_str().expect("a job").to_owned();
        proxy.await_request("the first request", |asked| ["GET", "PUT"].contains(&asked.method.as_str()));
        watch.replies(&host, &id);
        watch.disk(&host, &format!("{kind} runs"));
        assert_key_file(&host.data().join("sealing-key"));

        host.kill();
        watch.disk(&host, &format!("{kind} was killed"));
        let before = proxy.asked().len();
        host.restart();
        host.job_when(&id, "the second attempt", |_| proxy.asked().len() > before);
        let asked = proxy.asked().pop().expect("a request");
        assert_eq!(asked.header("x-amz-security-token"), Some(TOKEN), "the resumed job has lost its keys");
        watch.disk(&host, &format!("{kind} was resumed"));
        proxy.release();
        let row = host.job(&id);
        assert_eq!(row["status"], "COMPLETE", "{row:#}");
        watch.replies(&host, &id);
        watch.disk(&host, &format!("{kind} has ended"));
        assert_no_files(&host.data().join("spool"));
        assert!(host.stop().success());
        watch.disk(&host, &format!("{kind} has ended and the host stopped"));
    }
}

#[track_caller]
fn assert_no_files(directory: &Path) {
    let left: Vec<_> =
        directory.read_dir().into_iter().flatten().map(|entry| entry.expect("an entry").path()).collect();
    assert!(left.is_empty(), "the job is over and its files are still there: {left:?}");
}

#[track_caller]
fn assert_key_file(path: &Path) {
    let mode = path.metadata().expect("the sealing key").permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "{}", path.display());
}

#[test]
fn keys_that_are_wrong_or_refused_are_not_told_either() {
    let server = S3Server::strict();
    server.put("rows.csv", numbered(10));
    let secret = "wrong+marker/secret=of-the-test&0123456789";
    let watch = Watch { secrets: [secret, TOKEN] };
    let options = Options::new().set("s3.endpoint", server.endpoint()).set("log.level", "trace");
    let host = Host::start(options.set("s3.timeout_seconds", 3));
    host.create_table("t");
    let change = |mut request: Value, name: &str, value: Value| {
        request["s3"]["aws_secret_access_key"] = json!(secret);
        request["s3"][name] = value;
        with_token(request)
    };
    let import = || import_from_s3(&server, "t", "rows.csv");
    let export = || export_to_s3(&server, "json", "out", everything("t"));
    let requests = [
        change(import(), "key", json!("rows.csv")),
        change(export(), "key", json!("out")),
        change(import(), "bucket", json!("nowhere")),
        change(import(), "key", json!("no-extension")),
        change(import(), "region", json!(null)),
        change(import(), "endpoint", json!("http://127.0.0.1:1")),
        change(export(), "endpoint", json!("http://169.254.169.254")),
        change(export(), "bucket", json!(5)),
        change(import(), "aws_access_key_id", json!({"nested": secret})),
        change(import(), "aws_secret_access_key", json!([secret])),
        change(import(), "aws_secret_access_key", json!(format!("{secret}\n"))),
        change(import(), "profile", json!("both")),
    ];
    for request in requests {
        let reply = host.post(&request);
        watch.text("a reply", &reply.text);
        if let Some(id) = reply.body["job_id"].as_str() {
            let row = host.job(id);
            assert_eq!(row["status"], "ERROR", "{row:#}");
            watch.replies(&host, id);
        }
    }
    // A request that is not JSON, or not permitted.
    let torn = import().to_string().replace("\"operation\"", "operation").replace(server.secret_key(), secret);
    watch.text("a reply", &host.send(host.admin(), "POST", "/", Some("application/json"), torn.as_bytes()).text);
    watch.disk(&host, "after all");
}
