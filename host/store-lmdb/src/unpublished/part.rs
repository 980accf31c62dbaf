//! A part as it is stored.

use std::ops::Range;
use std::sync::Arc;

use heed::RoTxn;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::environment::{Databases, engine};
use crate::quota;
use crate::tables::json;
use crate::transaction::Transaction;
use jobhost_model::attributes::Attributes;
use jobhost_model::table::{Action, Table};
use jobhost_store::{StoreError, StoreErrorKind};

/// Start of the keys under which parts are stored.
const PREFIX: &[u8] = b"part ";

/// What one job has written to one table with one action, before it used another one.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Part {
    /// The id of the part's index, under which its counters are stored as well.
    pub id: u32,
    pub job: Uuid,
    pub table: u32,
    pub action: Action,
    /// The user to whom the records are charged.
    pub user: Option<Arc<str>>,
    /// The reserved range that the next new record is in.
    pub numbers: Range<u64>,
    /// Records of the table from this number on have not been compared yet.
    pub compared_to: u64,
    /// Other ranges to compare: they were published after the part had passed them.
    pub to_compare: Vec<Range<u64>>,
    /// The id of the log of changes.
    pub changes: Option<u32>,
    /// Attributes of the records.
    pub attributes: Attributes,
    /// Number of records that will have been written, as far as is known.
    pub written: u64,
    pub skipped: u64,
}

fn key(part: u32) -> Vec<u8> {
    [PREFIX, &part.to_be_bytes()].concat()
}

/// Returns the parts of all jobs, in the order in which they were begun.
pub fn all(dbs: &Databases, txn: &RoTxn<'_>) -> Result<Vec<Part>, StoreError> {
    let mut parts = Vec::new();
    for entry in dbs.meta.prefix_iter(txn, PREFIX).map_err(engine)? {
        let (_, value) = entry.map_err(engine)?;
        parts.push(serde_json::from_slice(value).map_err(|_| StoreError::damaged("the unpublished records of a job"))?);
    }
    Ok(parts)
}

/// Returns the parts of one job, in the order in which they were begun.
pub fn of_job(dbs: &Databases, txn: &RoTxn<'_>, job: Uuid) -> Result<Vec<Part>, StoreError> {
    let mut parts = all(dbs, txn)?;
    parts.retain(|part| part.job == job);
    Ok(parts)
}

impl Part {
    pub fn put(&self, tx: &mut Transaction<'_>) -> Result<(), StoreError> {
        let meta = tx.dbs.meta;
        meta.put(tx.change(), &key(self.id), &json(self)?).map_err(engine)
    }

    pub fn delete(&self, tx: &mut Transaction<'_>) -> Result<(), StoreError> {
        let meta = tx.dbs.meta;
        meta.delete(tx.change(), &key(self.id)).map(|_| ()).map_err(engine)
    }

    /// Returns the table of the part. Fails if it was dropped.
    pub fn table(&self, tx: &Transaction<'_>) -> Result<Arc<Table>, StoreError> {
        tx.table_of_id(self.table).ok_or_else(|| {
            let message = "a table was dropped while a job was writing to it; run the job again";
            StoreError::new(StoreErrorKind::NotFound, message)
        })
    }

    /// Adds the part's attributes to a table.
    pub fn extend(&self, table: &mut Table) {
        let new = self.attributes.iter().filter(|attribute| table.attribute(&attribute.name).is_none());
        let new: Vec<_> = new.cloned().collect();
        table.attributes.extend(new);
    }

    /// Charges the user for the growth of what is stored under an id.
    pub fn charge(&self, tx: &mut Transaction<'_>, id: u32, grown: u64) -> Result<(), StoreError> {
        self.user.as_ref().map_or(Ok(()), |user| quota::charge(tx, user, id, grown))
    }

    /// Charges the user for the growth of the table instead of what is no longer unpublished.
    pub fn charge_table(&self, tx: &mut Transaction<'_>, unpublished: u32, grown: u64) -> Result<(), StoreError> {
        let Some(user) = &self.user else { return Ok(()) };
        quota::forget(tx, user, unpublished)?;
        quota::charge(tx, user, self.table, grown)
    }
}
