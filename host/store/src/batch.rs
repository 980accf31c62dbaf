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

use bytes::Bytes;

pub use self::rules::{FORBIDDEN_CHARACTER, has_forbidden_character, is_impossible_name, name_too_long};

use self::names::Names;
use self::parser::Parser;
use self::scan::Scanner;
use super::key_source::KeySource;
use jobhost_model::Limit;
use jobhost_model::jobs::LimitReached;
use jobhost_model::key::Key;
use jobhost_model::table::{Action, Table};

/// How much a batch may hold.
#[derive(Debug, Clone)]
pub struct BatchLimits {
    /// Bytes of a batch.
    pub bytes: Limit,
    /// Records of a batch.
    pub records: Limit,
    /// Bytes of one record.
    pub record_bytes: Limit,
    /// Levels of nesting, the record itself being the first. More than [`MAX_DEPTH`] counts as [`MAX_DEPTH`].
    pub depth: Limit,
}

/// Maximum nesting depth that the parser can follow.
pub const MAX_DEPTH: u64 = 100;

/// Maximum length of an attribute's name, in bytes.
const NAME_BYTES: usize = 250;

impl BatchLimits {
    /// What the contract with plugins says (`wit/`, `records.write` and `records.declare`).
    pub const DEFAULT: Self = BatchLimits {
        bytes: Limit::new("sandbox.batch_bytes", 1 << 20),
        records: Limit::new("sandbox.batch_records", 16_384),
        record_bytes: Limit::new("sandbox.record_bytes", 256 << 10),
        depth: Limit::new("sandbox.record_depth", 32),
    };
}

impl Default for BatchLimits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// What kind of thing is wrong with a batch, for a caller to match on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BatchErrorKind {
    /// Not JSON, not a record, an impossible name, key or value.
    Invalid,
    /// One of [`BatchLimits`] was reached.
    Limit(LimitReached),
    /// A limit was reached that no key sets.
    FixedLimit,
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
        if text.len() > limits.bytes.size().min(u32::MAX as usize / 4) {
            let most = limits.bytes.value();
            let message = format!("a batch of {} bytes is larger than the limit of {most} bytes", text.len());
            return Err(limit(&limits.bytes, text.len() as u64, 0, message));
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
            depth: u32::try_from(limits.depth.value().clamp(1, MAX_DEPTH) - 1).unwrap_or(u32::MAX),
            names: Names::default(),
            // A record is rarely shorter; what is shorter makes the list grow.
            batch: Batch {
                records: Vec::with_capacity((text.len() / 64).min(limits.records.size())),
                ..Batch::default()
            },
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

fn limit(limit: &Limit, reached: impl Into<Option<u64>>, record: usize, message: String) -> BatchError {
    BatchError { kind: BatchErrorKind::Limit(limit.reached(reached)), record, message }
}

fn fixed_limit(record: usize, message: String) -> BatchError {
    BatchError { kind: BatchErrorKind::FixedLimit, record, message }
}

#[cfg(test)]
mod tests;
