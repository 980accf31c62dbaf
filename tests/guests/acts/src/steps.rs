//! One step of a job: a list whose first member names the action. The outcome is a word, or the kind and message of the
//! error.

use guest::{Action, Error, objects, records};
use serde_json::Value;

use crate::plan::table;
use crate::text;

pub fn take(step: &Value) -> String {
    let number = || step[1].as_u64().and_then(|number| u32::try_from(number).ok()).unwrap_or_default();
    let came = match text(&step[0]).as_str() {
        "write" => records::write(&table(&step[1]), action(&step[2]), records_of(&step[3]).as_bytes(), None).map(ok),
        "flush" => records::flush().map(|tally| format!("{} written", tally.written)),
        "delete" => {
            records::delete_before(&table(&step[1]), u64::MAX, 1000, None).map(|count| format!("{count} deleted"))
        }
        "describe" => records::describe(&table(&step[1])).map(|described| described.primary_key),
        "declare" => records::declare(&table(&step[1]), action(&step[2]), &["id".to_owned()]).map(ok),
        "open" => read(number()),
        "query" => query(number()),
        "create" => create(number()),
        "abort" => std::process::abort(),
        word => return format!("no such step: {word}"),
    };
    came.unwrap_or_else(|error| format!("{:?}: {}", error.kind, error.message))
}

fn ok((): ()) -> String {
    "ok".to_owned()
}

fn action(word: &Value) -> Action {
    match word.as_str() {
        Some("update") => Action::Update,
        Some("upsert") => Action::Upsert,
        _ => Action::Insert,
    }
}

/// Writes a list of records as lines, or a single record as one line.
fn records_of(value: &Value) -> String {
    match value.as_array() {
        Some(records) => records.iter().map(|record| format!("{record}\n")).collect(),
        None => "{\"id\":1}\n".to_owned(),
    }
}

fn read(source: u32) -> Result<String, Error> {
    let reader = objects::open(source, 0)?;
    let mut bytes = 0;
    loop {
        match reader.read(64 * 1024)? {
            part if part.is_empty() => return Ok(format!("{bytes} read")),
            part => bytes += part.len(),
        }
    }
}

fn query(query: u32) -> Result<String, Error> {
    let cursor = records::query(query, records::RowShape::Objects)?;
    let mut rows = 0;
    loop {
        match cursor.next()? {
            part if part.is_empty() => return Ok(format!("{rows} rows")),
            part => rows += part.iter().filter(|byte| **byte == b'\n').count(),
        }
    }
}

fn create(sink: u32) -> Result<String, Error> {
    let writer = objects::create(sink)?;
    writer.write(b"written by acts\n")?;
    writer.finish().map(|receipt| format!("{} stored", receipt.size))
}
