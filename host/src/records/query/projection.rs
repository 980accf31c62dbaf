//! What a row of a result shows, and its text.

use super::fields::{Fields, Span};
use crate::records::Timestamp;
use crate::records::store::RecordView;
use crate::records::table::{CREATED_TIME, Table, UPDATED_TIME};

/// The attributes that `*` stands for, in order: the primary key, the two times, the others as they became known. A table
/// that was created with `attributes` shows these only, as in Harper, where such a table has no times of its own.
pub fn selectable_attributes(table: &Table) -> Vec<&str> {
    let key = std::iter::once(table.primary_key.as_str());
    let times: &[&str] = if table.schema_defined { &[] } else { &[CREATED_TIME, UPDATED_TIME] };
    let names = table.attributes.iter().map(|attribute| attribute.name.as_str());
    key.chain(times.iter().copied()).chain(names.filter(|name| *name != table.primary_key)).collect()
}

/// Milliseconds with as much of a fraction as there is.
pub fn write_millis(time: Timestamp, out: &mut Vec<u8>) {
    out.extend_from_slice(time.as_millis().to_string().as_bytes());
    let fraction = time.0 % 1000;
    if fraction != 0 {
        let digits = format!(".{fraction:03}");
        out.extend_from_slice(digits.trim_end_matches('0').as_bytes());
    }
}

/// Milliseconds as a JSON number, with a fraction only if there is one.
pub fn millis_to_json(time: Timestamp) -> serde_json::Value {
    if time.0.is_multiple_of(1000) { time.as_millis().into() } else { time.as_millis_f64().into() }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    Slot(usize),
    Created,
    Updated,
}

impl Source {
    pub fn of(name: &str, fields: &mut Fields) -> Self {
        match name {
            CREATED_TIME => Source::Created,
            UPDATED_TIME => Source::Updated,
            _ => Source::Slot(fields.slot(name)),
        }
    }
}

/// The columns of a result.
#[derive(Debug)]
pub(super) struct Projection {
    /// The name as JSON with its colon, and where the value comes from.
    columns: Vec<(Vec<u8>, Source)>,
}

impl Projection {
    pub fn new<'n>(names: impl IntoIterator<Item = &'n str>, fields: &mut Fields) -> Self {
        let mut columns: Vec<(Vec<u8>, Source)> = Vec::new();
        for name in names {
            let mut label = serde_json::to_vec(name).unwrap_or_default();
            label.push(b':');
            columns.push((label, Source::of(name, fields)));
        }
        Projection { columns }
    }

    /// Appends the row as a JSON object. Values are copied as they are stored.
    pub fn write(&self, record: RecordView<'_>, spans: &[Span], out: &mut Vec<u8>) {
        out.push(b'{');
        for (number, (label, source)) in self.columns.iter().enumerate() {
            if number > 0 {
                out.push(b',');
            }
            out.extend_from_slice(label);
            match source {
                Source::Created => write_millis(record.created, out),
                Source::Updated => write_millis(record.updated, out),
                Source::Slot(slot) => {
                    let value = value_at(record.json, spans, *slot).unwrap_or("null");
                    out.extend_from_slice(value.as_bytes());
                }
            }
        }
        out.push(b'}');
    }
}

/// The JSON text of the value in a slot.
pub(super) fn value_at<'r>(json: &'r str, spans: &[Span], slot: usize) -> Option<&'r str> {
    let (start, end) = (*spans.get(slot)?)?;
    json.get(start as usize..end as usize)
}
