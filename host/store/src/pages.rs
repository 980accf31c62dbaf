//! Reading records: pages, scans, and snapshots of the whole store.

use async_trait::async_trait;

use super::error::StoreError;
use jobhost_model::Timestamp;
use jobhost_model::key::Key;
use jobhost_model::table::TableName;

/// In which order a scan gives records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScanOrder {
    /// By primary key, in the order that `key` defines: numbers ascending, then strings in byte order, UUIDs last.
    Key,
    /// As they arrived. The fastest.
    Arrival,
}

/// Records of one step of a scan, in one buffer.
#[derive(Debug, Default)]
pub struct RecordPage {
    /// JSON texts of the records, one after another, without system attributes.
    pub text: Vec<u8>,
    /// (end of the text, created, updated); a record begins where the one before it ends.
    pub records: Vec<(usize, Timestamp, Timestamp)>,
}

/// A stored record: its JSON text (an object, without the system attributes) and its times.
#[derive(Debug, Clone, Copy)]
pub struct RecordView<'a> {
    /// The JSON text.
    pub json: &'a str,
    /// When it was written first.
    pub created: Timestamp,
    /// When it was written last.
    pub updated: Timestamp,
}

impl RecordPage {
    /// The records in order.
    pub fn iter(&self) -> impl Iterator<Item = RecordView<'_>> {
        let mut start = 0;
        self.records.iter().filter_map(move |&(end, created, updated)| {
            let json = std::str::from_utf8(self.text.get(start..end)?).ok()?;
            start = end;
            Some(RecordView { json, created, updated })
        })
    }

    /// Append a record.
    pub fn push(&mut self, json: &[u8], created: Timestamp, updated: Timestamp) {
        self.text.extend_from_slice(json);
        self.records.push((self.text.len(), created, updated));
    }

    /// How many records it holds.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether it holds no record.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }
}

/// A running scan over one snapshot: records written after it began are not in it.
#[async_trait]
pub trait RecordCursor: Send {
    /// The next page, about 256 KiB of text; `None` at the end.
    async fn next(&mut self) -> Result<Option<RecordPage>, StoreError>;
}

/// How far a scan of a snapshot has come, in order of arrival.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ScanPosition {
    #[default]
    /// Before the first record.
    Start,
    /// Behind the record with this number.
    After(u64),
}

/// One moment of the whole store, for a thread that may block: any number of scans and look-ups that all see the same
/// records. It holds space that writers free, so it must not outlive the work.
pub trait Snapshot: Send {
    /// The next records in order of arrival, about 256 KiB of text; an empty page is the end. Moves `position` on.
    fn page(&self, table: &TableName, position: &mut ScanPosition) -> Result<RecordPage, StoreError>;

    /// Records by key, in the order of the keys; absent ones are left out.
    fn fetch(&self, table: &TableName, keys: &[Key]) -> Result<RecordPage, StoreError>;
}
