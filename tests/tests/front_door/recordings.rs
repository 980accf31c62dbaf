//! Sends all recorded requests in order to one host and compares the replies with the table of verdicts. The table must
//! stay correct: a case that now matches, or that no longer matches, fails too.

use jobhost_tests::compare::{Added, difference, normalise};
use jobhost_tests::exports::comparable;
use jobhost_tests::recordings::Recording;
use jobhost_tests::verdicts::{Better, Verdict, Verdicts};
use serde_json::Value;

mod session;

use session::{Outcome, Session};

#[test]
fn every_reply_matches_the_verdict_of_its_recording() {
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
                    Some(_) => as_promised(recording, expected, &outcome).or_else(|| {
                        let of = expected.file_of.as_ref()?;
                        let like = recordings.iter().find(|like| like.case == *of).expect("a case");
                        file_difference(recording, like.file.as_deref(), &outcome)
                    }),
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

/// Returns the difference from the recording.
fn as_recorded(recording: &Recording, outcome: &Outcome, additions: &[String]) -> Option<String> {
    if outcome.status != recording.status {
        return Some(format!("status {} instead of {}: {}", outcome.status, recording.status, outcome.body));
    }
    // The replies to `get_job` and to the search for jobs consist of job rows.
    let operation = recording.request["operation"].as_str().unwrap_or_default();
    let added = if ["get_job", "search_jobs_by_start_date"].contains(&operation) { additions } else { &[] };
    let body = difference(&normalise(&recording.response()), &outcome.body, Added::Only(added));
    let body = body.or_else(|| {
        let (expected, job) = (recording.job.as_ref()?, outcome.job.as_ref()?);
        difference(&normalise(expected), job, Added::Only(additions)).map(|difference| format!("job{difference}"))
    });
    body.or_else(|| file_difference(recording, recording.file.as_deref(), outcome))
}

/// Returns the difference between the exports.
fn file_difference(recording: &Recording, expected: Option<&str>, outcome: &Outcome) -> Option<String> {
    let expected = expected?;
    let Some(file) = &outcome.file else { return Some("exported nothing".to_owned()) };
    let (ordered, format) = recording.export();
    let (expected, file) = (comparable(format, ordered, expected), comparable(format, ordered, file));
    (expected != file).then(|| format!("file: expected {expected:?}, got {file:?}"))
}

/// Returns the difference from the better reply that the table promises.
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
