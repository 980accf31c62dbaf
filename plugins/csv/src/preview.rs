//! A preview of a load: the dialect that was detected and why, the first records as they would be stored, the types of their
//! values, and the warnings. Writes nothing.

use std::collections::BTreeMap;

use jobhost_load::{FirstRecords, Open, Reject, Table, Warning, first_records};
use serde_json::{Map, Value, json};

use crate::dialect::Newline;
use crate::encode::EncodeOptions;
use crate::load::CsvFormat;
use crate::reader::Reading;

/// Bytes of a source that are read at most.
const MAX_BYTES: u64 = 4 << 20;
/// Bytes of records in a reply: well below the limit of a result.
const MAX_REPLY_BYTES: usize = 192 << 10;
/// Lines of a warning that are listed, as in a job's row.
const LISTED_LINES: usize = 10;

/// The first records of a source, and how they were read.
#[derive(Debug)]
pub struct Preview {
    /// Everything but the records.
    members: Map<String, Value>,
    /// As JSON text, so that numbers keep their digits.
    records: Vec<String>,
}

impl Preview {
    /// Returns the preview as a JSON object.
    pub fn to_json(&self) -> String {
        let members: Vec<String> =
            self.members.iter().map(|(name, value)| format!("{}:{value}", Value::from(name.as_str()))).collect();
        format!("{{{},\"records\":[{}]}}", members.join(","), self.records.join(","))
    }
}

/// Reads the first `most` records of a source, as many as fit into a reply.
pub fn preview<O: Open>(
    source: &O,
    table: Table,
    options: EncodeOptions,
    reading: Reading,
    most: usize,
) -> Result<Preview, O::Error> {
    let delimiter_named = reading.delimiter.is_some();
    let mut format = CsvFormat::new(table, options, reading).with_evidence();
    let found = first_records(source, &mut format, most, MAX_BYTES)?;
    let FirstRecords { records, warnings, rejected, is_complete } = found;
    let mut bytes = 0;
    let fits = |record: &&String| {
        bytes += record.len();
        bytes <= MAX_REPLY_BYTES
    };
    let fitting: Vec<String> = records.iter().take_while(fits).cloned().collect();
    let members = [
        ("dialect", dialect(&format, delimiter_named)),
        ("attributes", attributes(&format, &records).into()),
        ("complete", (is_complete && fitting.len() == records.len()).into()),
        ("warnings", summed(&warnings).into()),
        ("rejected", rejected.as_ref().map_or(Value::Null, shown)),
    ];
    Ok(Preview {
        members: members.map(|(name, value)| (name.to_owned(), value)).into_iter().collect(),
        records: fitting,
    })
}

fn dialect(format: &CsvFormat, delimiter_named: bool) -> Value {
    let dialect = format.dialect();
    let character = |byte: u8| char::from(byte).to_string();
    let line_end = match dialect.newline {
        Newline::Lf => "lf",
        Newline::CrLf => "crlf",
        Newline::Cr => "cr",
    };
    let candidates: Vec<Value> = format
        .evidence()
        .iter()
        .map(|candidate| {
            json!({
                "delimiter": character(candidate.delimiter),
                "columns": candidate.cells,
                "records": candidate.records,
                "records_with_as_many": candidate.even,
            })
        })
        .collect();
    json!({
        "delimiter": character(dialect.delimiter),
        "delimiter_from": if delimiter_named { "request" } else { "input" },
        "candidates": candidates,
        "quote": dialect.quoting.quote.map(character),
        "escape": character(dialect.quoting.escape),
        "line_end": line_end,
        "encoding": format.encoding(),
    })
}

/// The attributes of the records, each with the JSON types of its values and their numbers.
fn attributes(format: &CsvFormat, records: &[String]) -> Vec<Value> {
    let mut types: BTreeMap<String, BTreeMap<&'static str, usize>> = BTreeMap::new();
    for record in records {
        let Ok(members) = serde_json::from_str::<Map<String, Value>>(record) else { continue };
        for (name, value) in members {
            *types.entry(name).or_default().entry(type_of(&value)).or_default() += 1;
        }
    }
    let listed = format.attributes().into_iter().map(|name| {
        let types = types.remove(&name).unwrap_or_default();
        json!({ "attribute": name, "types": types })
    });
    listed.collect()
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// As in the row of a job: one entry for each code.
fn summed(warnings: &[Warning]) -> Vec<Value> {
    let mut entries: Vec<(&Warning, usize, Vec<u64>)> = Vec::new();
    for warning in warnings {
        let known = entries.iter_mut().find(|(first, ..)| first.code == warning.code);
        let (_, count, lines) = match known {
            Some(entry) => entry,
            None => {
                entries.push((warning, 0, Vec::new()));
                let Some(entry) = entries.last_mut() else { continue };
                entry
            }
        };
        *count += 1;
        lines.extend(warning.line.filter(|_| lines.len() < LISTED_LINES));
    }
    let entry = |(first, count, lines): (&Warning, usize, Vec<u64>)| json!({ "code": first.code, "count": count, "lines": lines, "message": first.message });
    entries.into_iter().map(entry).collect()
}

fn shown(reject: &Reject) -> Value {
    let mut members = Map::new();
    members.insert("line".to_owned(), reject.line.into());
    members.insert("byte_offset".to_owned(), reject.byte_offset.into());
    members.insert("column".to_owned(), reject.column.clone().into());
    members.insert("kind".to_owned(), reject.kind.into());
    members.insert("raw".to_owned(), reject.raw.clone().into());
    members.insert("reason".to_owned(), reject.reason.clone().into());
    Value::Object(members)
}
