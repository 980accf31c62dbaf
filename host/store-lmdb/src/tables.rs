//! Table metadata: descriptions, counters, and the catalog built from them.

use std::sync::Arc;

use heed::{RoTxn, RwTxn};
use serde::{Deserialize, Serialize};

use super::environment::{Databases, engine};
use super::eras::Eras;
use super::heap::Usage;
use super::keyspace::table_prefix;
use super::reserved::Reserved;
use super::runs::Runs;
use jobhost_model::Timestamp;
use jobhost_model::table::{Catalog, Table};
use jobhost_store::rules::shares::Scale;
use jobhost_store::{StoreError, StoreErrorKind};

const DATABASE: u8 = b'd';
const TABLE: u8 = b't';
const NEXT_TABLE: &[u8] = b"next table";

/// Counters of a table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Counters {
    /// Number of the next record.
    pub next_number: u64,
    pub records: u64,
    /// Total size of keys and values in heap and index, in bytes.
    pub bytes: u64,
    /// Created time of the newest record in the last era. Within an era, created times ascend with record numbers even
    /// if the clock moves back.
    pub newest: u64,
    pub updated: u64,
    #[serde(default, skip_serializing_if = "Eras::is_empty")]
    pub eras: Eras,
    #[serde(default, skip_serializing_if = "Scale::is_whole")]
    pub scale: Scale,
    /// Record numbers that readers must skip.
    #[serde(default, skip_serializing_if = "Reserved::is_empty")]
    pub reserved: Reserved,
}

impl Counters {
    /// Counts what a transaction changed of the table's data. Returns the bytes that it has grown by.
    pub fn resize(&mut self, usage: Usage) -> u64 {
        let before = self.bytes;
        self.bytes = (before + usage.added).saturating_sub(usage.removed);
        if self.bytes < before {
            self.scale.shrink(before, self.bytes);
        }
        self.bytes.saturating_sub(before)
    }

    pub fn last_updated(&self) -> Option<Timestamp> {
        (self.updated > 0).then_some(Timestamp(self.updated))
    }
}

pub(super) fn counters(dbs: &Databases, txn: &RoTxn<'_>, table: u32) -> Result<Counters, StoreError> {
    match dbs.tables.get(txn, &table_prefix(table)).map_err(engine)? {
        Some(stored) => serde_json::from_slice(stored).map_err(|_| StoreError::damaged("the counters of a table")),
        None => Ok(Counters::default()),
    }
}

pub(super) fn has_counters(dbs: &Databases, txn: &RoTxn<'_>, table: u32) -> Result<bool, StoreError> {
    Ok(dbs.tables.get(txn, &table_prefix(table)).map_err(engine)?.is_some())
}

fn runs_key(table: u32) -> [u8; 4] {
    let [a, b, c] = table_prefix(table);
    [a, b, c, b'r']
}

/// Returns the runs of a table's index, or `None` if the index is one run that has the table's id.
pub(super) fn runs(dbs: &Databases, txn: &RoTxn<'_>, table: u32) -> Result<Option<Runs>, StoreError> {
    let stored = dbs.tables.get(txn, &runs_key(table)).map_err(engine)?;
    let read = |stored| serde_json::from_slice(stored).map_err(|_| StoreError::damaged("the runs of an index"));
    stored.map(read).transpose()
}

pub(super) fn put_runs(dbs: &Databases, txn: &mut RwTxn<'_>, table: u32, runs: &Runs) -> Result<(), StoreError> {
    dbs.tables.put(txn, &runs_key(table), &json(runs)?).map_err(engine)
}

pub(super) fn put_counters(
    dbs: &Databases,
    txn: &mut RwTxn<'_>,
    table: u32,
    counters: &Counters,
) -> Result<(), StoreError> {
    dbs.tables.put(txn, &table_prefix(table), &json(counters)?).map_err(engine)
}

/// Deletes the counters and the list of runs.
pub(super) fn delete_counters(dbs: &Databases, txn: &mut RwTxn<'_>, table: u32) -> Result<(), StoreError> {
    dbs.tables.delete(txn, &runs_key(table)).map_err(engine)?;
    dbs.tables.delete(txn, &table_prefix(table)).map(|_| ()).map_err(engine)
}

pub(super) fn json(value: &impl Serialize) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(value)
        .map_err(|error| StoreError::caused_by(StoreErrorKind::Invalid, "a row cannot be written as JSON", error))
}

pub(super) fn read_catalog(dbs: &Databases, txn: &RoTxn<'_>) -> Result<Catalog, StoreError> {
    let mut catalog = Catalog::default();
    for entry in dbs.catalog.iter(txn).map_err(engine)? {
        let (key, value) = entry.map_err(engine)?;
        match key.split_first() {
            Some((&DATABASE, name)) => {
                let name = std::str::from_utf8(name).map_err(|_| StoreError::damaged("the name of a database"))?;
                catalog.databases.entry(name.to_owned()).or_default();
            }
            Some((&TABLE, _)) => {
                let table: Table =
                    serde_json::from_slice(value).map_err(|_| StoreError::damaged("the description of a table"))?;
                let tables = catalog.databases.entry(table.name.database.clone()).or_default();
                tables.insert(table.name.table.clone(), Arc::new(table));
            }
            _ => return Err(StoreError::damaged("the catalog")),
        }
    }
    Ok(catalog)
}

pub(super) fn put_database(dbs: &Databases, txn: &mut RwTxn<'_>, name: &str) -> Result<(), StoreError> {
    dbs.catalog.put(txn, &[&[DATABASE], name.as_bytes()].concat(), &[]).map_err(engine)
}

pub(super) fn delete_database(dbs: &Databases, txn: &mut RwTxn<'_>, name: &str) -> Result<(), StoreError> {
    dbs.catalog.delete(txn, &[&[DATABASE], name.as_bytes()].concat()).map(|_| ()).map_err(engine)
}

fn table_key(table: u32) -> [u8; 4] {
    let [a, b, c] = table_prefix(table);
    [TABLE, a, b, c]
}

pub(super) fn put_table(dbs: &Databases, txn: &mut RwTxn<'_>, table: &Table) -> Result<(), StoreError> {
    dbs.catalog.put(txn, &table_key(table.id), &json(table)?).map_err(engine)
}

pub(super) fn delete_table(dbs: &Databases, txn: &mut RwTxn<'_>, table: u32) -> Result<(), StoreError> {
    dbs.catalog.delete(txn, &table_key(table)).map(|_| ()).map_err(engine)
}

/// Returns an id for a table or run that was never used before.
pub(super) fn next_id(dbs: &Databases, txn: &mut RwTxn<'_>) -> Result<u32, StoreError> {
    let id = counter(dbs, txn, NEXT_TABLE)?;
    u32::try_from(id).ok().filter(|id| *id <= super::keyspace::MAX_ID).ok_or_else(|| {
        StoreError::new(
            StoreErrorKind::Full,
            "this store has used all numbers of tables and of their indexes; copy it into a new store",
        )
    })
}

/// Increments a persistent counter and returns the new value. The first value is 1.
pub(super) fn counter(dbs: &Databases, txn: &mut RwTxn<'_>, name: &[u8]) -> Result<u64, StoreError> {
    let last = match dbs.meta.get(txn, name).map_err(engine)? {
        Some(stored) => u64::from_be_bytes(stored.try_into().map_err(|_| StoreError::damaged("a counter"))?),
        None => 0,
    };
    let next = last + 1;
    dbs.meta.put(txn, name, &next.to_be_bytes()).map_err(engine)?;
    Ok(next)
}
