//! Keys of the shared databases. Every one that belongs to a table begins with the table's id in three bytes: LMDB takes
//! keys of 1982 bytes on 4 KiB pages, and a primary key of Harper's greatest length leaves room for no more.

use uuid::Uuid;

use jobhost_model::Timestamp;

pub(super) const TABLE_BYTES: usize = 3;
/// Ids are given once, so this is how many tables can be created in the life of a store.
pub(super) const MAX_TABLE_ID: u32 = (1 << 24) - 1;

pub(super) fn table_prefix(table: u32) -> [u8; TABLE_BYTES] {
    let [_, a, b, c] = table.to_be_bytes();
    [a, b, c]
}

pub(super) fn table_of(key: &[u8]) -> Option<u32> {
    let &[a, b, c] = key.first_chunk::<TABLE_BYTES>()?;
    Some(u32::from_be_bytes([0, a, b, c]))
}

pub(super) fn heap_key(table: u32, number: u64) -> [u8; TABLE_BYTES + 8] {
    let mut key = [0; TABLE_BYTES + 8];
    let (prefix, rest) = key.split_at_mut(TABLE_BYTES);
    prefix.copy_from_slice(&table_prefix(table));
    rest.copy_from_slice(&number.to_be_bytes());
    key
}

/// The record number in a heap key of this table.
pub(super) fn heap_number(table: u32, key: &[u8]) -> Option<u64> {
    let number = key.strip_prefix(&table_prefix(table))?;
    Some(u64::from_be_bytes(number.try_into().ok()?))
}

pub(super) fn primary_key(table: u32, encoded: &[u8]) -> Vec<u8> {
    [&table_prefix(table), encoded].concat()
}

pub(super) fn started_key(started: Timestamp, job: Uuid) -> [u8; 24] {
    let mut key = [0; 24];
    let (time, id) = key.split_at_mut(8);
    time.copy_from_slice(&started.0.to_be_bytes());
    id.copy_from_slice(job.as_bytes());
    key
}
