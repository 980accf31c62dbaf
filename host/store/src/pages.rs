//! Reads records: pages, scans, and snapshots of the whole store.

use async_trait::async_trait;

use super::error::StoreError;
use jobhost_model::Timestamp;
use jobhost_model::key::Key;
use jobhost_model::table::TableName;

/// The order in which a scan returns records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScanOrder {
    /// By primary key, in the order defined by `key`: numbers ascending, then strings in byte order, UUIDs last.
    Key,
    /// In order of arrival. This is the fastest order.
    Arrival,
}

/// The records of one step of a scan, in one buffer.
#[derive(Debug, Default)]
pub struct RecordPage {
    /// JSON texts of the records, concatenated, without system attributes.
    pub text: Vec<u8>,
    /// (end offset of the text, created, updated). A record starts where the previous one ends.
    pub records: Vec<(usize, Timestamp, Timestamp)>,
}

/// A stored record: its JSON text (an object without system attributes) and its times.
#[derive(Debug, Clone, Copy)]
pub struct RecordView<'a> {
    /// The JSON text.
    pub json: &'a str,
    /// The time of the first write.
    pub created: Timestamp,
    /// The time of the last write.
    pub updated: Timestamp,
}

impl RecordPage {
    /// Iterates over the records in order.
    pub fn iter(&self) -> impl Iterator<Item = RecordView<'_>> {
        let mut start = 0;
        self.records.iter().filter_map(move |&(end, created, updated)| {
            let json = std::str::from_utf8(self.text.get(start..end)?).ok()?;
            start = end;
            Some(RecordView { json, created, updated })
        })
    }

    /// Appends a record.
    pub fn push(&mut self, json: &[u8], created: Timestamp, updated: Timestamp) {
        self.text.extend_from_slice(json);
        self.records.push((self.text.len(), created, updated));
    }

    /// Returns the number of records.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Returns whether the page has no records.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }
}

/// A scan of one snapshot. It does not see records written after it started.
#[async_trait]
pub trait RecordCursor: Send {
    /// Returns the next page, about 256 KiB of text, or `None` at the end.
    async fn next(&mut self) -> Result<Option<RecordPage>, StoreError>;

    /// Skips up to `records` records without reading them. Returns how many it skipped, which may be 0 for a store or an
    /// order that does not support it; the caller then has to read the others.
    async fn skip(&mut self, records: u64) -> Result<u64, StoreError> {
        let _unsupported = records;
        Ok(0)
    }
}

/// The position of a scan of a snapshot, in order of arrival.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ScanPosition {
    #[default]
    /// Before the first record.
    Start,
    /// After the record with this number.
    After(u64),
}

/// A snapshot of the whole store, for a thread that may block: any number of scans and lookups that see the same data.
/// An open snapshot keeps the store from reusing freed space, so it should be short-lived.
pub trait Snapshot: Send {
    /// Returns the next records in order of arrival, about 256 KiB of text, and advances `position`. An empty page
    /// means the end.
    fn page(&self, table: &TableName, position: &mut ScanPosition) -> Result<RecordPage, StoreError>;

    /// Returns the records with these keys, in the order of `keys`. Missing ones are omitted.
    fn fetch(&self, table: &TableName, keys: &[Key]) -> Result<RecordPage, StoreError>;
}
