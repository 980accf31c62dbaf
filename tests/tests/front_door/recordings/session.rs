//! A host with the files, pages and objects that the recorded requests need.

use std::collections::HashMap;

use jobhost_tests::compare::{Added, difference, normalise};
use jobhost_tests::csv_text::numbered;
use jobhost_tests::recordings::{Places, Recording};
use jobhost_tests::verdicts::{Also, Verdicts};
use jobhost_tests::web::{Body, Page, encode::encode};
use jobhost_tests::{Host, Options, S3Server, Web, artifacts};
use serde_json::{Value, json};

/// The normalized reply to a case.
pub struct Outcome {
    pub status: u16,
    pub body: Value,
    /// The reply of `get_job` at the end, if the case started a job.
    pub job: Option<Value>,
    /// The file that the job exported.
    pub file: Option<String>,
}

pub struct Session {
    host: Host,
    places: Places,
    bearer: String,
    /// Ids of jobs: the recorded id, and the id in this session.
    ids: HashMap<String, String>,
    /// Jobs that are awaited later.
    pending: Vec<String>,
    s3: S3Server,
    _web: Web,
}

impl Session {
    pub fn start() -> Self {
        let web = web();
        let s3 = s3();
        let fixtures = artifacts::in_package("recordings/fixtures");
        let options = Options::new().set("urls.allow", "127.0.0.0/8").set("urls.timeout_seconds", 20);
        let options = options.set("s3.endpoint", s3.endpoint());
        let host = Host::start(options);
        // A relative path is resolved in the configured directories. The recorded server resolved it in its own.
        std::fs::create_dir(host.files().join("fixtures")).expect("fixtures");
        for entry in std::fs::read_dir(fixtures).expect("fixtures") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
            host.file(&format!("fixtures/{name}"), std::fs::read(&path).expect("a fixture"));
        }
        let multi = numbered(80_000);
        host.file("fixtures/late.csv", format!("{multi}80001,late,1,surplus\n"));
        host.file("fixtures/late2.csv", format!("{multi}true,late,1\n"));
        host.file("fixtures/late3.csv", format!("{multi}1,late,1\n"));
        host.file("fixtures/late4.csv", format!("{multi}80001,\"late,1\n"));
        host.file("fixtures/multi.csv", multi);
        let tokens = json!({"operation": "create_authentication_tokens"});
        let tokens = host.post(&tokens).ok();
        let bearer = tokens["operation_token"].as_str().expect("a token").to_owned();
        let places = Places::new(&host.files().join("fixtures"), &host.exports(), &web.address());
        Session { host, places, bearer, ids: HashMap::new(), pending: Vec::new(), s3, _web: web }
    }

    /// Creates state for a case. A job is awaited and must succeed, because the case is about something else.
    pub fn prepare(&self, request: &str) {
        let request: Value = serde_json::from_str(request).unwrap_or_else(|error| panic!("{error}: {request}"));
        let reply = self.host.post(&self.places.fill(&request));
        let body = reply.ok();
        if let Some(id) = body["job_id"].as_str() {
            let row = self.host.job(id);
            assert_eq!(row["status"], "COMPLETE", "{request}: {row:#}");
        }
    }

    pub fn ask(&mut self, recording: &Recording, verdicts: &Verdicts) -> Outcome {
        if verdicts.awaited_before.values().any(|case| *case == recording.case) {
            self.pending.drain(..).for_each(|id| drop(self.host.job(&id)));
        }
        let mut recording = recording.clone();
        if let Some(id) = recording.request["id"].as_str().and_then(|id| self.ids.get(id)) {
            recording.request["id"] = json!(id);
        }
        let reply = recording.ask(&self.host, &self.places, &self.bearer);
        let job = reply.body["job_id"].as_str().map(str::to_owned);
        if let (Some(recorded), Some(id)) = (recording.response["job_id"].as_str(), &job) {
            self.ids.insert(recorded.to_owned(), id.clone());
        }
        if let Some(id) = &job {
            let known = verdicts.stands_for.iter().filter(|(_, case)| **case == recording.case);
            self.ids.extend(known.map(|(recorded, _)| (recorded.clone(), id.clone())));
        }
        let job = if verdicts.awaited_before.contains_key(&recording.case) {
            self.pending.extend(job);
            None
        } else {
            job.map(|id| json!([self.host.job(&id)]))
        };
        let file = job.as_ref().and_then(|rows| self.exported(&rows[0]["result"]));
        let known = |value: &Value| normalise(&self.places.blank(value));
        let mut body = known(&reply.body);
        if reply.status >= 400
            && let Some(members) = body.as_object_mut()
        {
            // A member that only this project has, in every refusal.
            let code = members.remove("code");
            assert!(
                code.is_some_and(|code| code.is_string()),
                "{}: a refusal without a code: {}",
                recording.case,
                reply.text
            );
        }
        Outcome { status: reply.status, body, job: job.as_ref().map(known), file }
    }

    /// The file or the object that the result of a job names.
    fn exported(&self, result: &Value) -> Option<String> {
        let bytes = match (result["path"].as_str(), result["Key"].as_str()) {
            (Some(path), _) => std::fs::read(path).unwrap_or_else(|error| panic!("{path}: {error}")),
            (None, Some(key)) => self.s3.get(key).unwrap_or_else(|| panic!("there is no object {key}")).bytes,
            (None, None) => return None,
        };
        Some(String::from_utf8(bytes).expect("UTF-8"))
    }

    pub fn ask_also(&self, recording: &Recording, also: &Also) -> Option<String> {
        let request = also.request.as_ref().expect("a request");
        let reply = self.host.post(request);
        let mut expected = also.body.clone().unwrap_or_else(|| recording.response());
        for row in also.rows.iter().flat_map(|rows| rows.as_array().expect("rows")) {
            let rows = expected.as_array_mut().expect("rows");
            let place = rows.iter_mut().find(|old| old["id"] == row["id"]);
            *place.unwrap_or_else(|| panic!("{} has no row {}", also.case, row["id"])) = row.clone();
        }
        difference(&normalise(&expected), &normalise(&reply.body), Added::Any)
    }
}

/// The pages that the recorded loads from URLs requested.
fn web() -> Web {
    let web = Web::start();
    let csv = jobhost_tests::web::OK_CSV;
    web.page("/charset.csv", Page::new("text/csv; charset=utf-8", csv));
    web.page("/plain", Page::new("text/plain", csv));
    web.page("/json", Page::new("application/json", "[]"));
    web.page("/empty", Page::csv(""));
    web.page("/redirect", Page::redirect("/ok.csv"));
    web.page("/500", Page::status(500));
    web.page("/gzip", Page::csv(encode("gzip", csv.as_bytes())).header("Content-Encoding", "gzip"));
    web.page("/auth", Page::csv(csv).require("X-Test", "1"));
    web.page("/hdrs", Page::csv("").body(Body::HeaderNames));
    web
}

/// The objects that the recorded imports requested.
fn s3() -> S3Server {
    let server = S3Server::lenient();
    let objects = [
        ("ok.csv", "id,name\n1,a\n2,b\n"),
        ("ok.json", r#"[{"id":1,"name":"a","n":"10"},{"id":2,"name":"b","o":{"x":[1]}},{"name":"without a key"}]"#),
        ("obj.json", r#"{"id":1}"#),
        ("bad.json", r#"[{"id":1},{"id":"#),
        ("lines.json", "{\"id\":1}\n{\"id\":2}\n"),
        ("empty.json", ""),
        ("emptyarr.json", "[]"),
    ];
    for (key, content) in objects {
        server.put(key, content);
    }
    server
}
