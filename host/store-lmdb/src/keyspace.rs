//! Keys of the shared LMDB databases. Every key that belongs to a table, or to a run of its index, starts with the id of
//! the table or run in three bytes. Both take their ids from one sequence. A wider id does not fit: with 4 KiB pages LMDB limits keys to 1982 bytes, and the longest primary key that Harper
//! allows takes the rest.

use uuid::Uuid;

use jobhost_model::Timestamp;

pub(super) const TABLE_BYTES: usize = 3;
/// Highest id of a table or run. Ids are never reused, so this is also how many can be created in the lifetime of a
/// store. A run is created for about every 32,768 keys. The last id stays free, so that every range has an end.
pub(super) const MAX_ID: u32 = (1 << 24) - 2;

pub(super) fn table_prefix(table: u32) -> [u8; TABLE_BYTES] {
    let [_, a, b, c] = table.to_be_bytes();
    [a, b, c]
}

/// Returns the first key of a table or run, and the first key after all of its keys.
pub(super) fn range_of(id: u32) -> ([u8; TABLE_BYTES], [u8; TABLE_BYTES]) {
    (table_prefix(id), table_prefix(id + 1))
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

/// Returns the record number of a heap key of this table.
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
