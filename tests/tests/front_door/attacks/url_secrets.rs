//! Secrets in URLs: a password before the `@`, a signature in the query. Only the named server receives them. They
//! appear neither in rows, messages and logs nor on the disk.

use jobhost_tests::scan::{files_with, spellings};
use jobhost_tests::web::{Body, OK_CSV, Page};
use jobhost_tests::{Options, Web};
use serde_json::{Value, json};

use super::Victim;

/// Made of words that occur in no other text, so that a part of it is found too.
const PASSWORD: &str = "hunter2-password-of-the-url";
const SIGNATURE: &str = "5ignature0f7hePresignedUrl4242424242424242";
const CREDENTIAL: &str = "AKIDURLSECRETS-20260101-eu-s3-aws4-request";
const TOKEN: &str = "session-token-0f-the-presigned-url";
const SECRETS: [&str; 4] = [PASSWORD, SIGNATURE, CREDENTIAL, TOKEN];

/// The query of a presigned URL.
fn query() -> String {
    format!(
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={CREDENTIAL}&X-Amz-Expires=300&X-Amz-Security-Token={TOKEN}\
         &X-Amz-SignedHeaders=host&X-Amz-Signature={SIGNATURE}"
    )
}

fn start(web: &Web) -> Victim {
    Victim::start(
        Options::new().set("urls.allow", web.address()).set("s3.allow", web.address()).set("log.level", "trace"),
    )
}

fn load(url: &str) -> Value {
    json!({"operation": "csv_url_load", "database": "gold", "table": "loads", "action": "upsert", "csv_url": url})
}

#[track_caller]
fn hidden(what: &str, text: &str) {
    for spelling in SECRETS.iter().flat_map(|secret| spellings(secret)) {
        assert!(!text.contains(&spelling), "{what} shows {spelling}: {text:.2000}");
    }
}

/// The secrets appear in no reply, in no line of the log, and in no file.
#[track_caller]
fn hidden_everywhere(victim: &Victim, id: Option<&str>, when: &str) {
    let jobs = json!({"operation": "search_jobs_by_start_date", "from_date": "2020-01-01", "to_date": "2099-01-01"});
    let mut requests = vec![jobs];
    if let Some(id) = id {
        requests.extend(["get_job", "get_job_log"].map(|operation| json!({"operation": operation, "id": id})));
    }
    for request in &requests {
        hidden(&format!("{when}: {request}"), &victim.post(request).text);
    }
    hidden(&format!("{when}: the log"), &victim.log());
    hidden_on_disk(victim, when);
}

#[track_caller]
fn hidden_on_disk(victim: &Victim, when: &str) {
    for spelling in SECRETS.iter().flat_map(|secret| spellings(secret)) {
        let files = files_with(&victim.data(), spelling.as_bytes());
        assert!(files.is_empty(), "{when}: {spelling} lies in {files:?}");
    }
}

/// The path and query of the last request that the server received, and its login.
fn last(web: &Web) -> (String, Option<String>) {
    let seen = web.seen().pop().expect("a request");
    let login = seen.header("authorization").map(str::to_owned);
    (seen.path, login)
}

#[test]
fn secrets_of_a_url_reach_its_server_and_nothing_else_while_the_job_lives_and_after() {
    let web = Web::start();
    let path = format!("/held.csv?{}", query());
    let (first, second) = OK_CSV.split_at(12);
    web.page(&path, Page::csv("").body(Body::Held(first.as_bytes().into(), second.as_bytes().into())));
    let mut victim = start(&web);
    victim.create_table("loads");
    let url = format!("http://reader:{PASSWORD}@{}{path}", web.address());
    let id = victim.start_job(&load(&url));
    web.await_requests(&path, 1);
    let sent = last(&web);
    assert_eq!(sent.0, path, "the query is not as it was sent");
    let basic = jobhost_tests::Login::basic("reader", PASSWORD).header();
    assert_eq!(sent.1, basic, "the login of the URL was not sent");
    hidden_everywhere(&victim, Some(&id), "while the job runs");

    victim.crash();
    hidden_everywhere(&victim, Some(&id), "after a crash");
    web.await_requests(&path, 2);
    assert_eq!(last(&web), (path.clone(), basic), "the resumed job has lost what its URL said");
    hidden_everywhere(&victim, Some(&id), "while the job runs again");
    web.release();
    let row = victim.job(&id);
    assert_eq!(row["status"], "COMPLETE", "{row:#}");
    hidden_everywhere(&victim, Some(&id), "after the job");
    victim.restart();
    hidden_everywhere(&victim, Some(&id), "after a restart");
    victim.assert_unharmed();
}

#[test]
fn secrets_of_a_url_are_hidden_while_its_job_waits() {
    let web = Web::start();
    let (first, second) = OK_CSV.split_at(12);
    web.page("/held", Page::csv("").body(Body::Held(first.as_bytes().into(), second.as_bytes().into())));
    let victim =
        Victim::start(Options::new().set("urls.allow", web.address()).set("log.level", "trace").set("jobs.workers", 1));
    victim.create_table("loads");
    // More than there are workers.
    let before: Vec<String> = (0..8).map(|_| victim.start_job(&load(&web.url("/held")))).collect();
    web.await_requests("/held", 1);
    let path = format!("/ok.csv?{}", query());
    web.page(&path, Page::csv(OK_CSV));
    let ids: Vec<String> =
        (0..3).map(|_| victim.start_job(&load(&format!("http://u:{PASSWORD}@{}{path}", web.address())))).collect();
    for id in &ids {
        assert_eq!(victim.job_now(id)["phase"], "queued", "there are workers for all");
        hidden_everywhere(&victim, Some(id), "while the job waits");
    }
    victim.post(&json!({"operation": "cancel_job", "id": ids[0]})).ok();
    hidden_everywhere(&victim, Some(&ids[0]), "after it was cancelled");
    web.release();
    for id in before.iter().chain(&ids[1..]) {
        assert_eq!(victim.job(id)["status"], "COMPLETE");
    }
    hidden_everywhere(&victim, Some(&ids[1]), "after all");
    victim.assert_unharmed();
}

#[test]
fn no_failure_of_a_load_tells_the_secrets_of_its_url() {
    let web = Web::start();
    let victim = start(&web);
    victim.create_table("loads");
    let query = query();
    let page = |path: &str, page: Page| web.page(&format!("{path}?{query}"), page);
    page("/forbidden", Page::status(403));
    page("/odd", Page::new("text/html", "x"));
    page("/cut", Page::csv("").body(Body::CutOff(OK_CSV.as_bytes().into())));
    page("/bad", Page::csv("id,a\n1,\"x\n"));
    page("/coded", Page::csv(OK_CSV).header("Content-Encoding", "x-odd"));
    page("/surplus", Page::csv("id\n1,2,3\n"));
    page("/round", Page::redirect(&format!("/round?{query}")));
    page("/away", Page::redirect(&format!("http://u:{PASSWORD}@127.0.0.1:1/x?{query}")));
    page("/missing-there", Page::redirect(&format!("/nowhere?{query}")));
    let gone = Web::start().address();
    let here = web.address();
    let urls = [
        format!("http://u:{PASSWORD}@{here}/forbidden?{query}"),
        format!("http://{PASSWORD}@{here}/odd?{query}"),
        format!("http://{here}/cut?{query}"),
        format!("http://{here}/bad?{query}"),
        format!("http://{here}/coded?{query}"),
        format!("http://{here}/surplus?{query}"),
        format!("http://{here}/round?{query}"),
        format!("http://{here}/away?{query}"),
        format!("http://{here}/missing-there?{query}"),
        format!("http://{here}/not-there?{query}#{TOKEN}"),
        // Refused before a job is created.
        format!("http://u:{PASSWORD}@{gone}/x?{query}"),
        format!("http://u:{PASSWORD}@169.254.169.254/x?{query}"),
        format!("http://u:{PASSWORD}@{here}:99999/x?{query}"),
        format!("http://u:{PASSWORD}@[::1/x?{query}"),
        format!("ftp://u:{PASSWORD}@{here}/x?{query}"),
        format!("http://u:{PASSWORD}@/x?{query}"),
        format!("http://u:{PASSWORD}@{here}/a b?{query}"),
        format!("//u:{PASSWORD}@{here}/x?{query}"),
        format!("HTTP://U:{PASSWORD}@{}/x?{query}", here.replace("127.0.0.1", "2130706433")),
        format!("http://u:{PASSWORD}@no-such-name.invalid/x?{query}"),
        format!("{PASSWORD}?{query}"),
    ];
    for url in &urls {
        let reply = victim.post(&load(url));
        hidden(url.split('?').next_back().unwrap_or_default(), &reply.text);
        if let Some(id) = reply.body["job_id"].as_str() {
            let row = victim.job(id);
            hidden("a row", &row.to_string());
            hidden_everywhere(&victim, Some(id), "after a failure");
        }
    }
    // Secrets in other fields, and in requests that are malformed.
    let url = format!("http://u:{PASSWORD}@{here}/ok.csv?{query}");
    for request in [
        json!({"operation": "csv_url_load", "database": "gold", "table": "nowhere", "csv_url": url}),
        json!({"operation": "csv_url_load", "database": "gold", "table": "loads", "action": "destroy", "csv_url": url}),
        json!({"operation": "csv_url_load", "database": "gold", "table": "loads", "csv_url": [url]}),
        json!({"operation": "csv_url_load", "database": "gold", "table": "loads", "csv_url": {"url": url}}),
        json!({"operation": "csv_file_load", "database": "gold", "table": "loads", "file_path": "/x", "csv_url": url}),
    ] {
        let reply = victim.post(&request);
        hidden("a reply", &reply.text);
        if let Some(id) = reply.body["job_id"].as_str() {
            hidden("a row", &victim.job(id).to_string());
        }
    }
    // The server of an import is named by a URL too.
    for endpoint in
        [format!("http://u:{PASSWORD}@{here}"), format!("http://{here}/?{query}"), format!("http://{PASSWORD}@{gone}")]
    {
        let s3 = json!({
            "aws_access_key_id": "a", "aws_secret_access_key": "b", "bucket": "c", "key": "d.csv", "region": "e",
            "endpoint": endpoint,
        });
        let reply =
            victim.post(&json!({"operation": "import_from_s3", "database": "gold", "table": "loads", "s3": s3}));
        hidden("a reply", &reply.text);
        if let Some(id) = reply.body["job_id"].as_str() {
            hidden("a row", &victim.job(id).to_string());
        }
    }
    let torn = load(&url).to_string().replace("\"operation\"", "operation");
    hidden("a reply", &victim.send(victim.admin(), "POST", "/", Some("application/json"), torn.as_bytes()).text);
    hidden_everywhere(&victim, None, "after all");
    victim.assert_unharmed();
}

#[test]
fn a_url_is_shown_with_its_place_and_without_its_secrets() {
    let web = Web::start();
    let victim = start(&web);
    victim.create_table("loads");
    let url = format!("http://u:{PASSWORD}@{}/not-there.csv?{}", web.address(), query());
    let told = victim.run_error(&load(&url));
    hidden("the sentence", &told);
    assert!(told.contains(&format!("{}/not-there.csv", web.address())), "whoever reads it cannot tell which: {told}");
    // A URL without secrets is shown unchanged.
    let plain = web.url("/not-there.csv");
    assert!(victim.run_error(&load(&plain)).contains(&plain));
    victim.assert_unharmed();
}
