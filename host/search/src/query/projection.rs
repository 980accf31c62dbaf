//! Which attributes a result row contains, and the row's text.

use std::collections::HashMap;

use super::Separator;
use super::fields::{ABSENT, Fields, Span};
use super::output::{Output, Piece, Room};
use super::text::each_compact_part;
use jobhost_model::table::{CREATED_TIME, Table, UPDATED_TIME};
use jobhost_model::{RowShape, Timestamp};

/// Returns the attributes that `*` stands for, in order: the primary key, the two times, then the others in byte order
/// of their names. A table created with `attributes` has only those, as in Harper, where such a table has no times of
/// its own.
pub fn selectable_attributes(table: &Table) -> Vec<&str> {
    let times: &[&str] = if table.schema_defined { &[] } else { &[CREATED_TIME, UPDATED_TIME] };
    let mut others: Vec<&str> = table.attributes.iter().map(|attribute| attribute.name.as_str()).collect();
    others.sort_unstable();
    let mut all = vec![table.primary_key.as_str()];
    let others = times.iter().copied().chain(others);
    all.extend(others.filter(|name| *name != table.primary_key));
    all
}

/// Maximum length of a time's text.
const TIME_BYTES: usize = 24;

/// The text of a time. Cached, because records written together have the same time.
#[derive(Debug)]
struct TimeText {
    time: Timestamp,
    text: Piece,
}

impl TimeText {
    fn new() -> Self {
        TimeText { time: Timestamp(0), text: Piece::new(b"0") }
    }

    #[inline(always)]
    fn write(&mut self, time: Timestamp, out: &mut Room<'_>) {
        if self.time != time {
            self.time = time;
            let mut text = Vec::with_capacity(TIME_BYTES);
            time.write_millis(&mut text);
            self.text = Piece::new(&text);
        }
        out.piece(&self.text);
    }
}

/// A record, as input of the projection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'r> {
    /// Starts with the record's text and may continue after it.
    pub text: &'r [u8],
    /// Length of the record's text in bytes.
    pub length: usize,
    pub created: Timestamp,
    pub updated: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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
    columns: Vec<Column>,
    /// Maximum size of a row in bytes without its values, and how often at most one value occurs in it.
    fixed: usize,
    repeated: usize,
    close: u8,
    compact: bool,
    null: Piece,
    created: TimeText,
    updated: TimeText,
}

#[derive(Debug)]
struct Column {
    /// Text before the value: a bracket or comma, and in an object also the name and colon.
    prefix: Piece,
    source: Source,
}

impl Projection {
    pub fn new(names: &[String], shape: RowShape, separator: Separator, fields: &mut Fields) -> Self {
        let (open, close) = match shape {
            RowShape::Objects => (b'{', b'}'),
            RowShape::Arrays => (b'[', b']'),
        };
        let mut columns: Vec<Column> = Vec::new();
        for (number, name) in names.iter().enumerate() {
            let mut prefix = vec![if number == 0 { open } else { b',' }];
            if shape == RowShape::Objects {
                prefix.extend(serde_json::to_vec(name).unwrap_or_default());
                prefix.push(b':');
            }
            columns.push(Column { prefix: Piece::new(&prefix), source: Source::of(name, fields) });
        }
        let fixed = columns.iter().map(|column| column.prefix.len() + TIME_BYTES).sum::<usize>() + 2;
        let mut times: HashMap<Source, usize> = HashMap::new();
        columns.iter().for_each(|column| *times.entry(column.source).or_default() += 1);
        Projection {
            repeated: times.into_values().max().unwrap_or(1),
            fixed,
            columns,
            close,
            compact: separator == Separator::NewLine,
            null: Piece::new(b"null"),
            created: TimeText::new(),
            updated: TimeText::new(),
        }
    }

    /// Appends a row. Values are copied as they are stored.
    pub fn write(&mut self, row: Row<'_>, spans: &[Span], out: &mut Output<'_>) {
        let most = self.fixed + self.repeated.saturating_mul(row.length);
        out.append(most, |out| self.write_columns(row, spans, out));
    }

    #[inline(always)]
    fn write_columns(&mut self, row: Row<'_>, spans: &[Span], out: &mut Room<'_>) {
        // Columns that are adjacent in the record and in the row are copied in one piece, names included.
        let mut run = ABSENT;
        for column in &self.columns {
            let Source::Slot(slot) = column.source else {
                copy(row.text, std::mem::replace(&mut run, ABSENT), out);
                out.piece(&column.prefix);
                match column.source {
                    Source::Created => self.created.write(row.created, out),
                    _ => self.updated.write(row.updated, out),
                }
                continue;
            };
            let span = spans.get(slot).copied().unwrap_or(ABSENT);
            let (start, end) = (span.0 as usize, span.1 as usize);
            if span != ABSENT && start.wrapping_sub(run.1 as usize) == column.prefix.len() && run != ABSENT {
                // The gap has exactly the size of a comma, the name and the colon, so it contains nothing else.
                if !(self.compact && is_container(row.text, start)) {
                    run.1 = span.1;
                    continue;
                }
            }
            copy(row.text, std::mem::replace(&mut run, ABSENT), out);
            out.piece(&column.prefix);
            if span == ABSENT {
                out.piece(&self.null);
            } else if self.compact && is_container(row.text, start) {
                each_compact_part(row.text.get(start..end).unwrap_or_default(), |part| out.part(part, 0, part.len()));
            } else {
                run = span;
            }
        }
        copy(row.text, run, out);
        if self.columns.is_empty() {
            // The opening bracket is part of the first column's prefix.
            out.byte(if self.close == b'}' { b'{' } else { b'[' });
        }
        out.byte(self.close);
    }
}

#[inline(always)]
fn is_container(text: &[u8], at: usize) -> bool {
    matches!(text.get(at), Some(b'{' | b'['))
}

#[inline(always)]
fn copy(text: &[u8], span: Span, out: &mut Room<'_>) {
    if span != ABSENT {
        out.part(text, span.0 as usize, span.1 as usize);
    }
}

/// Returns the JSON text of the value in a slot.
pub(crate) fn value_at<'r>(text: &'r [u8], spans: &[Span], slot: usize) -> Option<&'r str> {
    let (start, end) = *spans.get(slot)?;
    if (start, end) == ABSENT {
        return None;
    }
    std::str::from_utf8(text.get(start as usize..end as usize)?).ok()
}
