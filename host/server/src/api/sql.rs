//! The operation `sql`. A SELECT is a search. INSERT, UPDATE and DELETE read first, then write in one commit group, so
//! that a statement takes effect completely or not at all. Concurrent writes between the two steps are not detected:
//! an attribute that an UPDATE sets gets the computed value.

use std::sync::Arc;

use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::aside::aside;
use super::call::Call;
use super::completion::to_completion;
use super::error::ApiError;
use super::reply::Reply;
use super::{search, write};
use jobhost_model::{Action, Key, RowShape};
use jobhost_search::query::Separator;
use jobhost_search::sql::{MAX_SQL_BYTES, SqlWrite, is_write};
use jobhost_search::{Change, PermittedRows, PermittedSearch, PermittedWrite, SearchBudget, SearchLimits};
use jobhost_store::ScanOrder;

/// JSON may escape one byte of text as six. Longer texts go to the search, which rejects them.
const MAX_JSON_BYTES: usize = 6 * MAX_SQL_BYTES;
/// The memory of a row besides its text: as a record, its key, and its line of the response.
const ROW_BYTES: u64 = 512;

pub(super) async fn answer(call: &Call<'_>) -> Result<Reply, ApiError> {
    match writing(call)? {
        Some(text) => run(call, text).await,
        None => search::answer(call).await,
    }
}

/// Returns the statement if it writes.
fn writing(call: &Call<'_>) -> Result<Option<String>, ApiError> {
    if call.envelope.text("sql").is_none_or(|text| text.len() > MAX_JSON_BYTES) {
        return Ok(None);
    }
    Ok(match call.envelope.value("sql")? {
        Some(Value::String(text)) if is_write(&text) => Some(text),
        _ => None,
    })
}

async fn run(call: &Call<'_>, text: String) -> Result<Reply, ApiError> {
    let (role, catalog) = (Arc::clone(&call.user.role), call.state.store.catalog());
    let look = move || -> Result<PermittedWrite, ApiError> {
        let statement = SqlWrite::parse(&text).map_err(jobhost_search::SearchError::from)?;
        Ok(PermittedWrite::new(statement, &role, &catalog)?)
    };
    let PermittedWrite { table, change, rows } = aside(call.state, call.account, look).await??;
    let mut read = Read { call, columns: None, lines: Vec::new(), rows: 0 };
    for source in rows {
        read.append(source).await?;
    }
    let Read { columns, lines, .. } = read;
    match change {
        Change::Write(action, names) => {
            let names = names.or(columns).unwrap_or_default();
            call.user.role.check_attributes(&table, action, names.iter().map(String::as_str))?;
            let records = records(&lines, &names)?;
            let (total, written, skipped) = write::store(call, &table, action, records).await?;
            let (verb, hashes) = match action {
                Action::Update => ("updated", "update_hashes"),
                Action::Insert | Action::Upsert => ("inserted", "inserted_hashes"),
            };
            Reply::json(&json!({
                "message": format!("{verb} {} of {total} records", written.len()),
                hashes: written,
                "skipped_hashes": skipped,
            }))
        }
        Change::Delete => {
            let keys = keys(&lines)?;
            let (store, name) = (Arc::clone(&call.state.store), table.name.clone());
            let deleted =
                to_completion(call.state, async move { write::delete_keys(&*store, &name, keys).await }).await?;
            write::deleted(deleted)
        }
    }
}

/// The rows read so far, one JSON array per line.
struct Read<'c, 'a> {
    call: &'c Call<'a>,
    /// The column names of the last search.
    columns: Option<Vec<String>>,
    lines: Vec<u8>,
    rows: usize,
}

impl Read<'_, '_> {
    async fn append(&mut self, source: PermittedRows) -> Result<(), ApiError> {
        match source {
            PermittedRows::Literal(row) => self.lines.extend_from_slice(row.as_bytes()),
            PermittedRows::Search(search) => return self.search(search).await,
        }
        self.lines.push(b'\n');
        self.count(1)
    }

    async fn search(&mut self, search: PermittedSearch) -> Result<(), ApiError> {
        let call = self.call;
        let budget = SearchBudget { account: call.account.clone(), takes_slots: true };
        let limits = SearchLimits { budget: Some(budget), ..call.state.search_limits.clone() };
        let (store, shape) = (Arc::clone(&call.state.store), RowShape::Arrays);
        let mut rows = search.open(store, shape, Separator::NewLine, ScanOrder::Key, &limits).await?;
        self.columns = Some(rows.columns().to_vec());
        loop {
            let start = self.lines.len();
            let more = rows.next(&mut self.lines).await?;
            let read = self.lines.get(start..).unwrap_or_default();
            // Each row is held twice: as read and as a record.
            call.held.grow(read.len() as u64 * 2)?;
            let breaks = memchr::memchr_iter(b'\n', read).count();
            self.count(breaks)?;
            if !more {
                break;
            }
        }
        if self.lines.last().is_some_and(|last| *last != b'\n') {
            self.lines.push(b'\n');
            self.count(1)?;
        }
        Ok(())
    }

    fn count(&mut self, rows: usize) -> Result<(), ApiError> {
        self.rows += rows;
        let most = self.call.state.max_write_records;
        if self.rows > most {
            return Err(ApiError::bad_request(format!(
                "The statement would write more than {most} records, which is what one request may \
                 (server.max_write_records): add a condition, and send several statements"
            )));
        }
        Ok(self.call.held.grow(rows as u64 * ROW_BYTES)?)
    }
}

fn each_row(lines: &[u8]) -> impl Iterator<Item = Result<Vec<&RawValue>, ApiError>> {
    let lines = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).map_err(|error| ApiError::internal(&error)))
}

/// Converts the rows to records, one per line.
fn records(lines: &[u8], names: &[String]) -> Result<Vec<u8>, ApiError> {
    let names: Vec<String> = names.iter().map(|name| Value::from(name.as_str()).to_string()).collect();
    let mut records = Vec::with_capacity(lines.len());
    for row in each_row(lines) {
        let row = row?;
        if row.len() != names.len() {
            let (columns, values) = (names.len(), row.len());
            let sentence = format!("INSERT names {columns} columns, but its SELECT has {values}");
            return Err(ApiError::bad_request(sentence));
        }
        for (number, (name, value)) in names.iter().zip(row).enumerate() {
            records.push(if number == 0 { b'{' } else { b',' });
            records.extend_from_slice(name.as_bytes());
            records.push(b':');
            records.extend_from_slice(value.get().as_bytes());
        }
        records.extend_from_slice(b"}\n");
    }
    Ok(records)
}

/// Returns the single value of each row as a key and in its JSON form.
fn keys(lines: &[u8]) -> Result<Vec<(Key, Value)>, ApiError> {
    let mut keys = Vec::new();
    for row in each_row(lines) {
        let values: Vec<Value> = row?.iter().filter_map(|value| serde_json::from_str(value.get()).ok()).collect();
        let found = jobhost_search::keys("ids", Some(Value::Array(values))).map_err(ApiError::bad_request)?;
        keys.extend(found);
    }
    Ok(keys)
}
