//! The records of one table, by number and by key.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use crate::pages::RecordPage;
use crate::rules::shares::Scale;
use jobhost_model::Timestamp;

/// Target size of a page's text in bytes. A single record may be larger.
const PAGE_BYTES: usize = 256 << 10;
/// Maximum number of records per page, for tables with tiny records.
const PAGE_RECORDS: usize = 16 << 10;

#[derive(Debug, Clone)]
pub(super) struct Record {
    /// The encoded key.
    pub key: Arc<[u8]>,
    pub text: Arc<[u8]>,
    pub created: Timestamp,
    pub updated: Timestamp,
}

impl Record {
    fn bytes(&self) -> u64 {
        (2 * self.key.len() + self.text.len() + size_of::<u64>()) as u64
    }
}

#[derive(Debug, Clone, Default)]
pub(super) struct TableData {
    /// Record number -> record, in order of arrival.
    records: BTreeMap<u64, Record>,
    numbers: BTreeMap<Arc<[u8]>, u64>,
    next_number: u64,
    pub bytes: u64,
    /// Created time of the newest record, unless the clock moved far back since.
    pub newest: Option<Timestamp>,
    pub changed: Option<Timestamp>,
    pub scale: Scale,
}

impl TableData {
    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    pub(super) fn number(&self, key: &[u8]) -> Option<u64> {
        self.numbers.get(key).copied()
    }

    pub(super) fn by_key(&self, key: &[u8]) -> Option<(u64, &Record)> {
        let number = self.number(key)?;
        Some((number, self.records.get(&number)?))
    }

    pub(super) fn next_number(&self) -> u64 {
        self.next_number
    }

    /// Stores a record under a number and replaces an existing one.
    pub(super) fn put(&mut self, number: u64, record: Record) {
        self.bytes += record.bytes();
        self.next_number = self.next_number.max(number.saturating_add(1));
        self.numbers.insert(Arc::clone(&record.key), number);
        if let Some(old) = self.records.insert(number, record) {
            self.bytes = self.bytes.saturating_sub(old.bytes());
        }
    }

    pub(super) fn remove(&mut self, number: u64) {
        if let Some(old) = self.records.remove(&number) {
            self.numbers.remove(&old.key);
            self.bytes = self.bytes.saturating_sub(old.bytes());
        }
    }

    /// Returns the numbers of the records created before a time, oldest first.
    pub(super) fn oldest(&self, before: Timestamp, limit: usize) -> Vec<u64> {
        let old = self.records.iter().filter(|(_, record)| record.created < before);
        let mut old: Vec<_> = old.map(|(number, record)| (record.created, *number)).collect();
        old.sort_unstable();
        old.into_iter().take(limit).map(|(_, number)| number).collect()
    }

    /// Replaces each text for which the closure returns a new one.
    pub(super) fn rewrite<E>(&mut self, mut text: impl FnMut(&[u8]) -> Result<Option<Vec<u8>>, E>) -> Result<(), E> {
        for record in self.records.values_mut() {
            if let Some(text) = text(&record.text)? {
                self.bytes = self.bytes.saturating_sub(record.bytes());
                record.text = text.into();
                self.bytes += record.bytes();
            }
        }
        Ok(())
    }

    /// Returns a page of records from a number on, in order of arrival, and the number after the last.
    pub(super) fn page_by_arrival(&self, from: u64) -> (RecordPage, u64) {
        let (mut page, mut next) = (RecordPage::default(), from);
        for (number, record) in self.records.range(from..) {
            push(&mut page, record);
            next = number + 1;
            if is_full(&page) {
                break;
            }
        }
        (page, next)
    }

    /// Returns a page of records with keys greater than `after`, in order of keys, and the last key.
    pub(super) fn page_by_key(&self, after: Option<&[u8]>) -> (RecordPage, Option<Arc<[u8]>>) {
        let (mut page, mut last) = (RecordPage::default(), None);
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        for (key, number) in self.numbers.range::<[u8], _>((from, Bound::Unbounded)) {
            if let Some(record) = self.records.get(number) {
                push(&mut page, record);
            }
            last = Some(Arc::clone(key));
            if is_full(&page) {
                break;
            }
        }
        (page, last)
    }
}

fn push(page: &mut RecordPage, record: &Record) {
    page.push(&record.text, record.created, record.updated);
}

fn is_full(page: &RecordPage) -> bool {
    page.text.len() >= PAGE_BYTES || page.len() >= PAGE_RECORDS
}
