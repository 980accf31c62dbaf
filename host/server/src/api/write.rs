//! `insert`, `update`, `upsert` and `delete`.

use serde::Deserializer;
use serde::de::{SeqAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::aside::aside_if_large;
use super::call::Call;
use super::completion::to_completion;
use super::envelope::charged_value;
use super::error::ApiError;
use super::error_code::ErrorCode;
use super::names::{self, Problems};
use super::reply::Reply;
use super::structure::existing_table;
use jobhost_access::Role;
use jobhost_model::{Action, Key, Right, Table, TableName};
use jobhost_search::missing_table;
use jobhost_store::{Batch, BatchLimits, Store, TableWrite, WriteGroup};

const LOST_KEY: &str = "Invalid hash value: 'null' is not a valid hash attribute value, check log for more info";

/// Harper's message, including its grammatical error.
const TIMES: &str = "Internal timestamp attributes - '__createdtime_' and '__updatedtime__' - \
                     cannot be inserted to or updated by HDB users.";

pub(super) async fn insert(call: &Call<'_>) -> Result<Reply, ApiError> {
    let (total, written, skipped) = write(call, Action::Insert).await?;
    Reply::json(&json!({
        "message": format!("inserted {} of {total} records", written.len()),
        "inserted_hashes": written,
        "skipped_hashes": skipped,
    }))
}

pub(super) async fn update(call: &Call<'_>) -> Result<Reply, ApiError> {
    let (total, written, skipped) = write(call, Action::Update).await?;
    Reply::json(&json!({
        "message": format!("updated {} of {total} records", written.len()),
        "update_hashes": written,
        "skipped_hashes": skipped,
    }))
}

pub(super) async fn upsert(call: &Call<'_>) -> Result<Reply, ApiError> {
    let (total, written, _) = write(call, Action::Upsert).await?;
    Reply::json(&json!({
        "message": format!("upserted {} of {total} records", written.len()),
        "upserted_hashes": written,
    }))
}

/// Returns the number of records received, and the keys written and skipped.
async fn write(call: &Call<'_>, action: Action) -> Result<(usize, Vec<Value>, Vec<Value>), ApiError> {
    let mut problems = Problems::default();
    let name = names::written_table_name(call.envelope, &mut problems)?;
    let catalog = call.state.store.catalog();
    if let Some(name) = &name {
        call.user.role.check_tables(&catalog, &[(name.clone(), Right::of_action(action).to_vec())])?;
    }
    let records = match call.envelope.text("records") {
        None => {
            problems.add("'records' is required");
            None
        }
        Some(text) => {
            charge(call, text)?;
            let (text, most) = (call.envelope.share(text), call.state.max_write_records);
            problems
                .take(aside_if_large(call.state, call.account, text.len(), move || record_lines(&text, most)).await?)
        }
    };
    let (Some(name), Some(lines)) = (name, records) else { return Err(problems.into()) };
    let table = catalog.table(&name).cloned();
    let table = table.ok_or_else(|| ApiError::bad_request(missing_table(&catalog, &name)))?;

    store(call, &table, action, lines).await
}

/// Stores records, one per line. The caller has checked the role's permissions on the table; those on the attributes
/// are checked here.
pub(super) async fn store(
    call: &Call<'_>,
    table: &std::sync::Arc<Table>,
    action: Action,
    lines: Vec<u8>,
) -> Result<(usize, Vec<Value>, Vec<Value>), ApiError> {
    // A JavaScript client that lost a key sends "null". Harper rejects it, and so does this host.
    let may_have_lost_a_key = memchr::memmem::find(&lines, b"\"null\"").is_some();
    let allowed = call.state.record_limits.clone();
    let limits = BatchLimits {
        bytes: allowed.bytes.with_value(u64::MAX),
        records: allowed.records.with_value(u64::MAX),
        ..allowed
    };
    let (known, keys) = (std::sync::Arc::clone(table), call.state.store.keys());
    let size = lines.len();
    let parse = move || Batch::parse(lines, &known, action, &limits, &keys);
    let batch = aside_if_large(call.state, call.account, size, parse).await??;
    check_times(&call.user.role, table, &batch)?;
    call.user.role.check_attributes(table, action, batch.attributes().iter().map(String::as_str))?;
    if may_have_lost_a_key && batch.iter().any(|(key, _)| matches!(key, Key::String(text) if *text == *"null")) {
        return Err(ApiError::bad_request(LOST_KEY));
    }
    let total = batch.len();
    if total == 0 {
        return Ok((0, Vec::new(), Vec::new()));
    }
    let writes = vec![TableWrite { table: table.name.clone(), action, batch }];
    let quota = call.user.role.quota(&call.user.username, call.state.user_store_bytes);
    let store = std::sync::Arc::clone(&call.state.store);
    let group = WriteGroup { quota, writes, ..WriteGroup::default() };
    let applied = to_completion(call.state, async move { Ok(store.apply(group).await?) }).await?;
    let json = |keys: Vec<Key>| keys.iter().map(Key::to_json).collect();
    Ok((total, json(applied.written), json(applied.skipped)))
}

/// The host sets the times of records and ignores those that a client sends. For a user whose role has attribute
/// permissions that show the times, the request is rejected, as in Harper.
fn check_times(role: &Role, table: &Table, batch: &Batch) -> Result<(), ApiError> {
    let shown = |name: &String| role.attribute_permissions(table, name).read;
    if role.restricts_attributes(table) && batch.system_attributes().iter().any(shown) {
        return Err(ApiError::new(ErrorCode::PermissionDenied, TIMES));
    }
    Ok(())
}

/// The memory of a record besides its text: places in the batch, its key, a generated key with the text rewritten for
/// it, and its line of the response.
const RECORD_BYTES: u64 = 512;

/// Charges the memory for the records, including a copy of their text as lines.
fn charge(call: &Call<'_>, records: &str) -> Result<(), ApiError> {
    let most = call.state.max_write_records as u64;
    // Each record has at least one brace. More records than the maximum are rejected while they are parsed.
    let number = (memchr::memchr_iter(b'{', records.as_bytes()).count() as u64).min(most);
    Ok(call.held.grow((records.len() as u64).saturating_add(number.saturating_mul(RECORD_BYTES)))?)
}

/// Converts the records of a request to lines, keeping each record's text.
fn record_lines(records: &[u8], most: usize) -> Result<Vec<u8>, String> {
    // The whole body was checked to be UTF-8.
    let records = std::str::from_utf8(records).unwrap_or_default();
    if !records.starts_with('[') {
        return Err("'records' must be an array".to_owned());
    }
    let mut lines = Vec::with_capacity(records.len());
    let visited = serde_json::Deserializer::from_str(records).deserialize_seq(Lines { out: &mut lines, most });
    visited.map_err(|error| format!("'records' cannot be read: {error}"))?.map(|()| lines)
}

struct Lines<'o> {
    out: &'o mut Vec<u8>,
    /// Maximum records of one request.
    most: usize,
}

impl<'t> Visitor<'t> for Lines<'_> {
    /// The inner error is about an item that is not a record.
    type Value = Result<(), String>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an array of records")
    }

    fn visit_seq<A: SeqAccess<'t>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut wrong = None;
        let mut number = 0_usize;
        while let Some(item) = seq.next_element::<&'t RawValue>()? {
            let text = item.get();
            if number >= self.most {
                // Skip the rest.
                let most = self.most;
                wrong.get_or_insert_with(|| {
                    format!(
                        "'records' has more than {most} records, which is what one request may write \
                         (server.max_write_records); send several requests, or use csv_data_load"
                    )
                });
                continue;
            }
            if wrong.is_none() && !text.starts_with('{') {
                wrong = Some(format!("'records[{number}]' must be of type object"));
            }
            let start = self.out.len();
            self.out.extend_from_slice(text.as_bytes());
            // A line break can only stand between tokens, where a space is equivalent.
            for byte in self.out.iter_mut().skip(start) {
                if matches!(*byte, b'\n' | b'\r') {
                    *byte = b' ';
                }
            }
            self.out.push(b'\n');
            number += 1;
        }
        Ok(wrong.map_or(Ok(()), Err))
    }
}

pub(super) async fn delete(call: &Call<'_>) -> Result<Reply, ApiError> {
    let mut problems = Problems::default();
    let name = names::table_name(call.envelope, &mut problems)?;
    if let Some(name) = &name {
        call.user.role.check_table(&call.state.store.catalog(), name, Right::Delete)?;
    }
    let label = keys_label(call);
    let keys = keys(call, label, &mut problems).await?;
    let (Some(name), Some(keys)) = (name, keys) else { return Err(problems.into()) };
    let most = call.state.max_write_records;
    if keys.len() > most {
        let number = keys.len();
        return Err(ApiError::bad_request(format!(
            "'{label}' has {number} items; one request may delete {most} (server.max_write_records): send several requests"
        )));
    }
    existing_table(call, &name)?;
    deleted(delete_keys(&*call.state.store, &name, keys).await?)
}

/// Builds the response about deleted and missing keys.
pub(super) fn deleted((deleted, skipped): (Vec<Value>, Vec<Value>)) -> Result<Reply, ApiError> {
    let total = deleted.len() + skipped.len();
    let records = if total == 1 { "record" } else { "records" };
    Reply::json(&json!({
        "message": format!("{} of {total} {records} successfully deleted", deleted.len()),
        "deleted_hashes": deleted,
        "skipped_hashes": skipped,
    }))
}

pub(super) async fn delete_keys(
    store: &dyn Store,
    table: &TableName,
    keys: Vec<(Key, Value)>,
) -> Result<(Vec<Value>, Vec<Value>), ApiError> {
    let (keys, shown): (Vec<_>, Vec<_>) = keys.into_iter().unzip();
    let found = if keys.is_empty() { Vec::new() } else { store.delete(table, keys).await? };
    let (mut deleted, mut skipped) = (Vec::new(), Vec::new());
    for (key, found) in shown.into_iter().zip(found) {
        if found { deleted.push(key) } else { skipped.push(key) }
    }
    Ok((deleted, skipped))
}

/// Returns `ids` or its synonym `hash_values`, whichever was sent. If neither was, Harper's message names the second.
fn keys_label(call: &Call<'_>) -> &'static str {
    ["ids", "hash_values"].into_iter().find(|name| call.envelope.text(name).is_some()).unwrap_or("hash_values")
}

/// Parses the keys in the member `name`; returns each as a key and in its JSON form.
async fn keys(
    call: &Call<'_>,
    name: &'static str,
    problems: &mut Problems,
) -> Result<Option<Vec<(Key, Value)>>, ApiError> {
    let envelope = call.envelope;
    let Some(text) = envelope.text(name).map(|text| envelope.share(text)) else {
        return Ok(problems.take(jobhost_search::keys(name, None)));
    };
    let held = call.held.clone();
    let read = move || -> Result<Result<Vec<(Key, Value)>, String>, ApiError> {
        Ok(jobhost_search::keys(name, Some(charged_value(name, &text, KEY_COPIES, &held)?)))
    };
    let size = envelope.text(name).map_or(0, str::len);
    Ok(problems.take(aside_if_large(call.state, call.account, size, read).await??))
}

/// The copies: the text as sent, the keys, and the values for the response.
const KEY_COPIES: u64 = 3;
