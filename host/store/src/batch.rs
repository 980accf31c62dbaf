//! Batches: newline-delimited JSON from a guest or from `insert`, validated and with its primary keys extracted.
//!
//! The result can be stored as it is: every record is one well-formed JSON object that contains the primary key,
//! without duplicate names or system attributes. This module never trusts a size that the text claims, and it knows
//! nothing about the store.
//!
//! This is the hottest path of a load. A record that needs no change stays in the input buffer, keys go into one arena,
//! and a name at the same position as in the previous record is recognised by one comparison of bytes.

mod keys;
pub mod members;
mod names;
mod parser;
mod rules;
mod scan;
mod typed;

use bytes::Bytes;

pub use self::rules::{FORBIDDEN_CHARACTER, has_forbidden_character, is_impossible_name, name_too_long};

use self::names::Names;
use self::parser::Parser;
use self::scan::Scanner;
use super::key_source::KeySource;
use jobhost_model::key::Key;
use jobhost_model::table::{Action, Table};

/// How much a batch may hold.
#[derive(Debug, Clone, Copy)]
pub struct BatchLimits {
    /// Bytes of a batch.
    pub bytes: usize,
    /// Records of a batch.
    pub records: usize,
    /// Bytes of one record.
    pub record_bytes: usize,
    /// Levels of nesting, the record itself being the first. More than 100 counts as 100.
    pub depth: u32,
    /// Bytes of an attribute's name.
    pub name_bytes: usize,
}

impl Default for BatchLimits {
    /// What the contract with plugins says (`wit/`, `records.write` and `records.declare`).
    fn default() -> Self {
        BatchLimits { bytes: 1 << 20, records: 16_384, record_bytes: 256 << 10, depth: 32, name_bytes: 250 }
    }
}

/// What kind of thing is wrong with a batch, for a caller to match on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchErrorKind {
    /// Not JSON, not a record, an impossible name, key or value.
    Invalid,
    /// One of the limits was reached.
    Limit(Exceeded),
}

/// A limit that a batch exceeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exceeded {
    /// Which limit it is.
    pub bound: BatchBound,
    /// What it allows.
    pub limit: usize,
    /// `None` where reading stopped before that could be known.
    pub reached: Option<usize>,
}

/// Which of [`BatchLimits`] it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchBound {
    /// [`BatchLimits::bytes`].
    Bytes,
    /// [`BatchLimits::records`].
    Records,
    /// [`BatchLimits::record_bytes`].
    RecordBytes,
    /// [`BatchLimits::depth`].
    Depth,
    /// One that cannot be configured.
    Fixed,
}

/// Why a batch was rejected. None of its records is stored. The message is shown to the client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct BatchError {
    /// The kind of error, for callers to match on.
    pub kind: BatchErrorKind,
    /// Number of the record, counted from 1; 0 if the error concerns the whole batch.
    pub record: usize,
    /// One sentence for people.
    pub message: String,
}

/// Validated records of one table.
#[derive(Debug, Default)]
pub struct Batch {
    table: u32,
    text: Bytes,
    /// Texts of the records that had to be rewritten.
    rewritten: Vec<u8>,
    records: Vec<Record>,
    /// Encoded keys, concatenated.
    keys: Vec<u8>,
    attributes: Vec<String>,
    system_attributes: Vec<String>,
    generated: Option<Generated>,
    text_bytes: usize,
}

/// The records whose key was generated. The generated key is the first member of each.
#[derive(Debug)]
pub struct Generated {
    /// Their indexes in the batch, ascending.
    pub records: Vec<u32>,
    /// Generates replacements for keys that are taken.
    pub source: KeySource,
}

/// Offsets of a record's parts. A key starts where the previous key ends.
#[derive(Debug, Clone, Copy)]
struct Record {
    start: u32,
    end: u32,
    key_end: u32,
    rewritten: bool,
}

impl Batch {
    /// Validates newline-delimited JSON objects for `table`. Blank lines are skipped. If a name occurs twice in a
    /// record, the last value wins. For `Insert` and `Upsert`, a missing or null key is generated: an integer, or a
    /// UUID if the table declares its key as a string. The store always writes such a record as a new one and replaces
    /// the key if it is taken.
    pub fn parse(
        text: impl Into<Bytes>,
        table: &Table,
        action: Action,
        limits: &BatchLimits,
        keys: &KeySource,
    ) -> Result<Batch, BatchError> {
        let text: Bytes = text.into();
        if text.len() > limits.bytes.min(u32::MAX as usize / 4) {
            return Err(limit(
                BatchBound::Bytes,
                limits.bytes,
                text.len(),
                0,
                format!("a batch of {} bytes is larger than the limit of {} bytes", text.len(), limits.bytes),
            ));
        }
        if let Err(error) = std::str::from_utf8(&text) {
            let before = text.get(..error.valid_up_to()).unwrap_or_default();
            let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
            return Err(invalid(line, format!("line {line} of the batch is not UTF-8")));
        }
        let mut parser = Parser {
            scanner: Scanner::new(&text),
            table,
            action,
            limits,
            keys,
            generated: Vec::new(),
            depth: limits.depth.clamp(1, 100) - 1,
            names: Names::default(),
            // A record is rarely shorter; what is shorter makes the list grow.
            batch: Batch { records: Vec::with_capacity((text.len() / 64).min(limits.records)), ..Batch::default() },
            number: 0,
        };
        parser.batch.keys.reserve(parser.batch.records.capacity() * 9);
        parser.run()?;
        let Parser { names, mut batch, generated, .. } = parser;
        batch.generated = (!generated.is_empty()).then(|| Generated { records: generated, source: keys.clone() });
        (batch.attributes, batch.system_attributes) = names.into_attributes();
        batch.table = table.id;
        batch.text = text;
        Ok(batch)
    }

    /// Returns the number of records.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Returns whether the batch has no records.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Returns the total size of the record texts in bytes.
    pub fn text_bytes(&self) -> usize {
        self.text_bytes
    }

    /// Returns the memory that the batch occupies, in bytes.
    pub fn memory_bytes(&self) -> usize {
        self.text.len()
            + self.rewritten.capacity()
            + self.keys.capacity()
            + self.records.capacity() * size_of::<Record>()
            + self.generated.as_ref().map_or(0, |generated| generated.records.capacity() * size_of::<u32>())
    }

    /// Returns the records whose keys were generated, or `None` if there are none.
    pub fn generated(&self) -> Option<&Generated> {
        self.generated.as_ref()
    }

    /// Returns the names of all attributes in the batch, in order of first appearance, without system attributes.
    pub fn attributes(&self) -> &[String] {
        &self.attributes
    }

    /// Returns the system attributes found in the input. They are not stored.
    pub fn system_attributes(&self) -> &[String] {
        &self.system_attributes
    }

    /// Returns the `Table::id` of the table that the batch was validated for.
    pub fn table_id(&self) -> u32 {
        self.table
    }

    /// Iterates over the records in order, as (key, JSON text).
    pub fn iter(&self) -> impl Iterator<Item = (Key, &str)> {
        // Neither conversion can fail: the key was encoded here, and the text was checked to be UTF-8.
        self.encoded().filter_map(|(key, text)| Some((Key::decode(key).ok()?, std::str::from_utf8(text).ok()?)))
    }

    /// Iterates over the records in order, as (encoded key, JSON text).
    pub fn encoded(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let mut key_start = 0;
        self.records.iter().map(move |record| {
            let from = if record.rewritten { self.rewritten.as_slice() } else { &self.text };
            let text = from.get(record.start as usize..record.end as usize).unwrap_or_default();
            let key = self.keys.get(key_start..record.key_end as usize).unwrap_or_default();
            key_start = record.key_end as usize;
            (key, text)
        })
    }
}

fn invalid(record: usize, message: impl Into<String>) -> BatchError {
    BatchError { kind: BatchErrorKind::Invalid, record, message: message.into() }
}

fn limit(
    bound: BatchBound,
    limit: usize,
    reached: impl Into<Option<usize>>,
    record: usize,
    message: String,
) -> BatchError {
    let exceeded = Exceeded { bound, limit, reached: reached.into() };
    BatchError { kind: BatchErrorKind::Limit(exceeded), record, message }
}

#[cfg(test)]
mod tests;
