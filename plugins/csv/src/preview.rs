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
    let fitting = records.iter().take_while(fits).count();
    let members = [
        ("dialect", dialect(&format, delimiter_named)),
        ("attributes", attributes(&format, &records).into()),
        ("complete", (is_complete && fitting == records.len()).into()),
        ("warnings", summed(&warnings).into()),
        ("rejected", rejected.as_ref().map_or(Value::Null, shown)),
    ];
    Ok(Preview {
        members: members.map(|(name, value)| (name.to_owned(), value)).into_iter().collect(),
        records: records.into_iter().take(fitting).collect(),
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

/// One entry for each code, as in the row of a job.
fn summed(warnings: &[Warning]) -> Vec<Value> {
    let mut first: Vec<&Warning> = Vec::new();
    for warning in warnings {
        if first.iter().all(|known| known.code != warning.code) {
            first.push(warning);
        }
    }
    let entry = |first: &Warning| {
        let same = warnings.iter().filter(|warning| warning.code == first.code);
        let lines: Vec<u64> = same.clone().filter_map(|warning| warning.line).take(LISTED_LINES).collect();
        json!({ "code": first.code, "count": same.count(), "lines": lines, "message": first.message })
    };
    first.into_iter().map(entry).collect()
}

fn shown(reject: &Reject) -> Value {
    json!({
        "line": reject.line,
        "byte_offset": reject.byte_offset,
        "column": reject.column,
        "kind": reject.kind,
        "raw": reject.raw,
        "reason": reject.reason,
    })
}
