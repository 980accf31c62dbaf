//! All recordings of the other server's answers, asked in their order in one session of one host, against the table
//! of verdicts. The table has to stay true: a case that turned the same, or ceased to be, fails too.

use std::collections::HashMap;

use jobhost_tests::compare::{Added, difference, normalise};
use jobhost_tests::csv_text::numbered;
use jobhost_tests::recordings::{Places, Recording};
use jobhost_tests::verdicts::{Also, Better, Verdict, Verdicts};
use jobhost_tests::web::{Body, Page, encode::encode};
use jobhost_tests::{Host, Options, Web, artifacts};
use serde_json::{Value, json};

/// The answer to a case, normalised.
struct Outcome {
    status: u16,
    body: Value,
    /// The answer of `get_job` in the end, if the case started a job.
    job: Option<Value>,
}

#[test]
fn every_recording_is_answered_as_its_verdict_says() {
    let verdicts = Verdicts::read();
    let recordings = Recording::all();
    for case in verdicts.cases() {
        assert!(recordings.iter().any(|recording| recording.case == case), "a verdict on {case}, which does not exist");
    }
    let mut session = Session::start();
    let (mut same, mut better, mut not_yet, mut wrong) = (0, 0, 0, Vec::new());
    for recording in &recordings {
        for before in verdicts.before.iter().filter(|before| before.case == recording.case) {
            before.requests.iter().for_each(|request| session.prepare(request));
        }
        let outcome = session.ask(recording, &verdicts);
        let from_recording = as_recorded(recording, &outcome, &verdicts.job_additions);
        let complaint = match verdicts.of(&recording.case) {
            Verdict::Same => {
                same += 1;
                from_recording
            }
            Verdict::Better(expected) => {
                better += 1;
                match from_recording {
                    None if expected.or_same => None,
                    None => Some("is the same as recorded, not better".to_owned()),
                    Some(_) => as_promised(recording, expected, &outcome),
                }
            }
            Verdict::NotYet(_) => {
                not_yet += 1;
                from_recording.is_none().then(|| "is the same as recorded already".to_owned())
            }
        };
        wrong.extend(complaint.map(|complaint| format!("{}: {complaint}", recording.case)));
        for also in verdicts.also.iter().filter(|also| also.case == recording.case) {
            let complaint = session.ask_also(recording, also);
            wrong.extend(complaint.map(|complaint| format!("{} (also): {complaint}", recording.case)));
        }
    }
    println!("recordings: same {same}, better {better}, not yet {not_yet}");
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), recordings.len(), wrong.join("\n"));
}

/// What differs from the recording.
fn as_recorded(recording: &Recording, outcome: &Outcome, additions: &[String]) -> Option<String> {
    if outcome.status != recording.status {
        return Some(format!("status {} instead of {}: {}", outcome.status, recording.status, outcome.body));
    }
    // The answer to `get_job` and to the search for jobs consists of job rows.
    let operation = recording.request["operation"].as_str().unwrap_or_default();
    let added = if ["get_job", "search_jobs_by_start_date"].contains(&operation) { additions } else { &[] };
    let body = difference(&normalise(&recording.response()), &outcome.body, Added::Only(added));
    body.or_else(|| {
        let (expected, job) = (recording.job.as_ref()?, outcome.job.as_ref()?);
        difference(&normalise(expected), job, Added::Only(additions)).map(|difference| format!("job{difference}"))
    })
}

/// What differs from the better answer that the table promises.
fn as_promised(recording: &Recording, better: &Better, outcome: &Outcome) -> Option<String> {
    let status = better.status.unwrap_or(recording.status);
    if outcome.status != status {
        return Some(format!("status {} instead of {status}: {}", outcome.status, outcome.body));
    }
    if let Some(body) = &better.body
        && let Some(difference) = difference(body, &outcome.body, Added::Only(&[]))
    {
        return Some(difference);
    }
    if let Some(expected) = &better.job {
        let Some(row) = outcome.job.as_ref().and_then(|rows| rows.get(0)) else {
            return Some(format!("no job but {}", outcome.body));
        };
        if let Some(difference) = difference(expected, row, Added::Any) {
            return Some(format!("job{difference}"));
        }
    }
    let all = format!("{} {}", outcome.body, outcome.job.as_ref().unwrap_or(&Value::Null));
    let missing = better.says.iter().find(|words| !all.contains(words.as_str()));
    missing.map(|words| format!("does not say {words:?}: {all}"))
}

struct Session {
    host: Host,
    places: Places,
    bearer: String,
    /// Identifiers of jobs: as recorded, and those of this session.
    ids: HashMap<String, String>,
    /// Jobs that are awaited later.
    pending: Vec<String>,
    _web: Web,
}

impl Session {
    fn start() -> Self {
        let web = web();
        let fixtures = artifacts::in_package("recordings/fixtures");
        let options = Options::new().set("urls.allow", "127.0.0.0/8").set("urls.timeout_seconds", 20);
        let host = Host::start(options);
        // A relative path is looked for in the configured directories; the recorded server looked in its own.
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
        let exports = host.data().with_file_name("exports");
        std::fs::create_dir(&exports).expect("exports");
        let tokens = json!({"operation": "create_authentication_tokens"});
        let tokens = host.post(&tokens).ok();
        let bearer = tokens["operation_token"].as_str().expect("a token").to_owned();
        let places = Places::new(&host.files().join("fixtures"), &exports, &web.address());
        Session { host, places, bearer, ids: HashMap::new(), pending: Vec::new(), _web: web }
    }

    /// Make state for a case. A job is awaited; success is required, as the case would be about something else.
    fn prepare(&self, request: &str) {
        let request: Value = serde_json::from_str(request).unwrap_or_else(|error| panic!("{error}: {request}"));
        let reply = self.host.post(&self.places.fill(&request));
        let body = reply.ok();
        if let Some(id) = body["job_id"].as_str() {
            let row = self.host.job(id);
            assert_eq!(row["status"], "COMPLETE", "{request}: {row:#}");
        }
    }

    fn ask(&mut self, recording: &Recording, verdicts: &Verdicts) -> Outcome {
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
        let known = |value: &Value| normalise(&self.places.blank(value));
        Outcome { status: reply.status, body: known(&reply.body), job: job.as_ref().map(known) }
    }

    fn ask_also(&self, recording: &Recording, also: &Also) -> Option<String> {
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

/// The pages that the recorded loads by URL asked for.
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
