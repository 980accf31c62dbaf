//! Batches: newline-delimited JSON from a guest or from `insert`, checked and with its keys lifted.
//!
//! What comes out can be stored as it is: every record is one well-formed JSON object with the primary key in it, no name
//! twice, no system attributes. Nothing here may trust a size that the text claims, and nothing here knows the store.
//!
//! This is the hottest path of a load. A record that needs no change stays where it is in the buffer that came in; keys go
//! to one arena; a name that stands where it stood in the record before is recognised by one comparison of bytes.

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

/// Why a batch was refused; nothing of it is stored. The sentence is for the client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct BatchError {
    /// For a caller to match on.
    pub kind: BatchErrorKind,
    /// Number of the record, counted from 1; 0 if no single one is to blame.
    pub record: usize,
    /// One sentence for a person.
    pub message: String,
}

/// Checked records of one table.
#[derive(Debug, Default)]
pub struct Batch {
    table: u32,
    text: Bytes,
    /// The texts of records that could not stay as they were.
    rewritten: Vec<u8>,
    records: Vec<Record>,
    /// Binary forms of the keys, one after another.
    keys: Vec<u8>,
    attributes: Vec<String>,
    system_attributes: Vec<String>,
    generated: Option<Generated>,
    text_bytes: usize,
}

/// Which records came without a key and have one that was generated. Their texts begin with it.
#[derive(Debug)]
pub struct Generated {
    /// Their places in the batch, ascending.
    pub records: Vec<u32>,
    /// Of further keys, where one is taken.
    pub source: KeySource,
}

/// Where the parts of a record are. A key begins where the one before it ends.
#[derive(Debug, Clone, Copy)]
struct Record {
    start: u32,
    end: u32,
    key_end: u32,
    rewritten: bool,
}

impl Batch {
    /// Check newline-delimited JSON objects for `table`. Blank lines are skipped. Where a name stands twice in a record,
    /// the last value counts. An absent or null key is generated for `Insert` and `Upsert`: an integer, or a UUID where the
    /// table declares its key a string. The store writes such a record as a new one, with another key if it must.
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

    /// How many records it holds.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether it holds no record.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Bytes of the records' texts.
    pub fn text_bytes(&self) -> usize {
        self.text_bytes
    }

    /// Bytes of memory that the batch keeps occupied.
    pub fn memory_bytes(&self) -> usize {
        self.text.len()
            + self.rewritten.capacity()
            + self.keys.capacity()
            + self.records.capacity() * size_of::<Record>()
            + self.generated.as_ref().map_or(0, |generated| generated.records.capacity() * size_of::<u32>())
    }

    /// The records whose keys were generated, if there are any.
    pub fn generated(&self) -> Option<&Generated> {
        self.generated.as_ref()
    }

    /// The names of all attributes in the batch, in the order in which they appeared, without the system's.
    pub fn attributes(&self) -> &[String] {
        &self.attributes
    }

    /// Which of the system's attributes were in the records that came; they are dropped from what is stored.
    pub fn system_attributes(&self) -> &[String] {
        &self.system_attributes
    }

    /// `Table::id` of the table that the batch was checked against.
    pub fn table_id(&self) -> u32 {
        self.table
    }

    /// The records in order: key and JSON text.
    pub fn iter(&self) -> impl Iterator<Item = (Key, &str)> {
        // Both conversions cannot fail: the key was encoded here, the text was checked to be UTF-8.
        self.encoded().filter_map(|(key, text)| Some((Key::decode(key).ok()?, std::str::from_utf8(text).ok()?)))
    }

    /// The records in order: binary key and JSON text.
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
