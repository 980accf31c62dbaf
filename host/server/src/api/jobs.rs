//! `get_job` and `search_jobs_by_start_date`: job rows in Harper's format, with additional members.

use chrono::{DateTime, SecondsFormat};
use std::collections::HashSet;
use std::sync::Arc;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::call::Call;
use super::error::ApiError;
use super::reply::Reply;
use super::rows::{self, Parts};
use jobhost_jobs::{CancelOutcome, Jobs};
use jobhost_model::Timestamp;
use jobhost_model::jobs::{JobRow, JobStatus, StartPosition, StartRange, Tally, Usage};
use jobhost_model::table::{CREATED_TIME, UPDATED_TIME};
use jobhost_store::StoreError;

/// Maximum rows of one search. A larger result is an error, because silent truncation would mislead.
const MAX_ROWS: usize = 50_000;
/// Rows read at a time.
const PAGE_ROWS: usize = 256;
/// How much of an invalid id is repeated to the client.
const SHOWN_ID_CHARACTERS: usize = 64;

/// Returns an array with one row, or an empty array if the job does not exist or belongs to another user, so that
/// other users cannot learn that it exists. A super_user sees all jobs.
pub(super) async fn get_job(call: &Call<'_>) -> Result<Reply, ApiError> {
    let id = match call.envelope.value("id")? {
        None => return Err(ApiError::bad_request("'id' is required")),
        Some(Value::String(id)) if !id.is_empty() => id,
        Some(Value::Null | Value::String(_)) => return Err(ApiError::bad_request("Invalid job ID specified.")),
        Some(_) => return Err(ApiError::bad_request("'id' must be a string")),
    };
    let Ok(id) = Uuid::parse_str(&id) else { return Ok(Reply::Json(b"[]".to_vec())) };
    let Some(row) = call.state.jobs.visible_job(call.user, id).await? else {
        return Ok(Reply::Json(b"[]".to_vec()));
    };
    let rejects = call.state.jobs.rejects(&row).await?;
    Reply::json(&[render(&row, rejects)])
}

/// Cancels a job; repeating the request has no effect. The response contains the job's current state.
pub(super) async fn cancel(call: &Call<'_>) -> Result<Reply, ApiError> {
    let id = named_job(call)?;
    let (message, row) = match call.state.jobs.cancel(call.user, id).await? {
        CancelOutcome::Unknown => return Err(unknown(&id.to_string())),
        CancelOutcome::EndedBefore(row) => (format!("Job {id} has ended already"), row),
        CancelOutcome::Cancelled(row) => (format!("Job {id} was cancelled"), row),
        CancelOutcome::Requested(row) => (format!("Job {id} is being cancelled"), row),
        CancelOutcome::Ending(row) => {
            (format!("Job {id} has ended already; the row is updated once the store is available again"), row)
        }
    };
    Reply::json(&json!({ "message": message, "job_id": id, "status": row.status.word() }))
}

/// Returns the log lines of a job.
pub(super) async fn get_log(call: &Call<'_>) -> Result<Reply, ApiError> {
    let id = named_job(call)?;
    let row = call.state.jobs.visible_job(call.user, id).await?;
    let row = row.ok_or_else(|| unknown(&id.to_string()))?;
    let log = call.state.jobs.log(id).await?;
    let lines: Vec<&str> = log.lines().collect();
    Reply::json(&json!({ "job_id": id, "attempt": row.attempt, "lines": lines }))
}

fn named_job(call: &Call<'_>) -> Result<Uuid, ApiError> {
    match call.envelope.value("id")? {
        None => Err(ApiError::bad_request("'id' is required")),
        Some(Value::String(text)) => Uuid::parse_str(&text).map_err(|_| unknown(&text)),
        Some(_) => Err(ApiError::bad_request("'id' must be a string")),
    }
}

fn unknown(id: &str) -> ApiError {
    let id: String = id.chars().take(SHOWN_ID_CHARACTERS).collect();
    ApiError::not_found(format!("job '{id}' does not exist"))
}

pub(super) async fn search_by_start_date(call: &Call<'_>) -> Result<Reply, ApiError> {
    let after = moment(call, "from_date", "'from' date, must be in ISO-8601 format (YYYY-MM-DD).")?;
    let before = moment(call, "to_date", "'to' date, must be in ISO-8601 format (YYYY-MM-DD)")?;
    // Clients see whole milliseconds, so both ends are excluded in whole milliseconds.
    let after = Timestamp(after.as_millis().saturating_mul(1000).saturating_add(999));
    let before = Timestamp(before.as_millis().saturating_mul(1000));
    if after >= before {
        return Ok(Reply::Json(b"[]".to_vec()));
    }
    let range = StartRange { after, before };
    if call.state.jobs.count_started_between(range, MAX_ROWS + 1).await? > MAX_ROWS {
        return Err(ApiError::bad_request(format!(
            "More than {MAX_ROWS} jobs started in this range. Use a shorter range of 'from_date' and 'to_date'."
        )));
    }
    rows::answer(call, Listing { jobs: Arc::clone(&call.state.jobs), range, after: None, listed: HashSet::new() }).await
}

/// Reads job rows one page at a time.
struct Listing {
    jobs: Arc<Jobs>,
    range: StartRange,
    after: Option<StartPosition>,
    /// A job whose attempt begins during the listing would be listed again under its new start time.
    listed: HashSet<Uuid>,
}

impl Parts for Listing {
    type Error = StoreError;

    async fn next(&mut self, out: &mut Vec<u8>) -> Result<bool, StoreError> {
        let page = self.jobs.started_between(self.range, self.after, PAGE_ROWS).await?;
        let Some(last) = page.last() else { return Ok(false) };
        self.after = last.start_position();
        for row in page {
            if !self.listed.insert(row.id) {
                continue;
            }
            if self.listed.len() > 1 {
                out.push(b',');
            }
            // Listings omit rejected records; `get_job` returns them.
            let mut members = render(&row, Vec::new());
            // Listings show unknown values as null; `get_job` omits them.
            for name in ["end_datetime", "message"] {
                members.entry(name).or_insert(Value::Null);
            }
            out.extend_from_slice(Value::Object(members).to_string().as_bytes());
        }
        Ok(true)
    }
}

fn moment(call: &Call<'_>, member: &str, refused: &str) -> Result<Timestamp, ApiError> {
    let value = call.envelope.value(member)?;
    let micros = value.as_ref().and_then(Value::as_str).and_then(jobhost_json_text::date::parse);
    let micros = micros.ok_or_else(|| {
        ApiError::bad_request(format!("There was an error searching jobs by date: Error: Invalid {refused}"))
    })?;
    // There are no jobs before 1970.
    Ok(Timestamp(u64::try_from(micros).unwrap_or(0)))
}

fn render(row: &JobRow, rejects: Vec<Value>) -> Map<String, Value> {
    let mut members = Map::new();
    let mut put = |name: &str, value: Value| members.insert(name.to_owned(), value);
    let updated = row.ended.or(row.started).unwrap_or(row.created);
    put("id", json!(row.id));
    put("status", row.status.word().into());
    if let Some(phase) = row.phase() {
        put("phase", phase.word().into());
    }
    if let Some(message) = &row.message {
        put("message", message.clone());
    }
    if let Some(ended) = row.ended {
        put("end_datetime", ended.as_millis().into());
    }
    put("type", json!(row.operation));
    // The start of the latest attempt; before the first attempt, the time of acceptance.
    put("start_datetime", row.started.map_or(Value::Null, |started| started.as_millis().into()));
    put("created_datetime", row.created.as_millis().into());
    put("user", json!(row.user));
    put("job_body", Value::Null);
    put(CREATED_TIME, row.created.to_json_millis());
    put(UPDATED_TIME, updated.to_json_millis());
    if let Some(started) = row.started {
        put("start_datetime_converted", converted(started));
    }
    if let Some(ended) = row.ended {
        put("end_datetime_converted", converted(ended));
    }
    if let Some(result) = &row.result {
        put("result", result.clone());
    }
    if let Some(error) = &row.error {
        put("error", error.clone());
    }
    if let Some(progress) = &row.progress {
        put("progress", json!(progress));
    }
    let Tally { received, written, skipped, deleted } = row.tally;
    if row.tally != Tally::default() || row.rejected > 0 || row.status == JobStatus::Complete {
        let mut tally =
            json!({ "received": received, "written": written, "skipped": skipped, "rejected": row.rejected });
        if let (Some(tally), true) = (tally.as_object_mut(), deleted > 0) {
            tally.insert("deleted".to_owned(), deleted.into());
        }
        put("tally", tally);
    }
    if !row.warnings.is_empty() {
        put("warnings", json!(row.warnings));
    }
    if !rejects.is_empty() {
        put("rejects", Value::Array(rejects));
    }
    put("attempt", row.attempt.into());
    if row.usage != Usage::default() {
        put("usage", json!(row.usage));
    }
    if !row.limits_met.is_empty() {
        put("limits_met", json!(row.limits_met));
    }
    if let Some(cancel) = &row.cancel {
        put("cancel_requested", json!({ "by": cancel.by, "datetime": cancel.at.as_millis() }));
    }
    put("plugin", json!(row.plugin));
    members
}

/// `YYYY-MM-DDTHH:mm:ss.SSSZ`.
fn converted(time: Timestamp) -> Value {
    let moment = i64::try_from(time.as_millis()).ok().and_then(DateTime::from_timestamp_millis);
    moment.map_or(Value::Null, |moment| moment.to_rfc3339_opts(SecondsFormat::Millis, true).into())
}
