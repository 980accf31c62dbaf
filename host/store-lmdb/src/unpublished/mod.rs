//! Records that a job has written and that no reader sees before the job ends.
//!
//! A **part** holds what one job has written to one table with one action. If the action changes, another part follows:
//! - *New records* are in the heap of the table, in ranges of record numbers that are reserved for the part (`reserved`).
//!   Their keys are in an index of the part's own. To publish them, the table takes over the runs of that index, and the
//!   reservation is removed.
//! - *Changes* of records that existed when they were written are in a heap and an index of their own, like the records of
//!   a table. To publish them, they are written to the table.
//!
//! Whether a key exists is looked up when its record is written. What other requests insert afterwards is compared before
//! publishing: those records have the highest numbers of the table, so the heap itself is the list of what to compare.
//!
//! A part belongs to its job: if the job ends without success, the part is freed in the background.

mod changes;
mod compare;
mod discard;
mod publish;
mod write;

use std::ops::Range;
use std::sync::Arc;

use heed::RoTxn;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub(super) use self::compare::prepare;
pub(super) use self::discard::discard;
pub(super) use self::publish::publish;
pub(super) use self::write::write;

use super::environment::{Databases, engine};
use super::tables::json;
use super::transaction::Transaction;
use jobhost_model::attributes::Attribute;
use jobhost_model::table::{Action, Table};
use jobhost_store::StoreError;

/// Start of the keys under which parts are stored.
const PREFIX: &[u8] = b"part ";

/// What one job has written to one table with one action, before it used another one.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Part {
    /// The id of the part's index, under which its counters are stored as well.
    id: u32,
    job: Uuid,
    table: u32,
    action: Action,
    /// The user to whom the records are charged.
    user: Option<Arc<str>>,
    /// The reserved range that the next new record is in.
    numbers: Range<u64>,
    /// Records of the table from this number on have not been compared yet.
    compared_to: u64,
    /// Other ranges to compare: they were published after the part had passed them.
    to_compare: Vec<Range<u64>>,
    /// The id of the heap and index of changes.
    changes: Option<u32>,
    /// Attributes of the records.
    attributes: Vec<Attribute>,
    /// Number of records that will have been written, as far as is known.
    written: u64,
    skipped: u64,
}

fn key(part: u32) -> Vec<u8> {
    [PREFIX, &part.to_be_bytes()].concat()
}

/// Returns the parts of all jobs, in the order in which they were begun.
fn all(dbs: &Databases, txn: &RoTxn<'_>) -> Result<Vec<Part>, StoreError> {
    let mut parts = Vec::new();
    for entry in dbs.meta.prefix_iter(txn, PREFIX).map_err(engine)? {
        let (_, value) = entry.map_err(engine)?;
        parts.push(serde_json::from_slice(value).map_err(|_| StoreError::damaged("the unpublished records of a job"))?);
    }
    Ok(parts)
}

/// Returns the parts of one job, in the order in which they were begun.
pub(super) fn of_job(dbs: &Databases, txn: &RoTxn<'_>, job: Uuid) -> Result<Vec<Part>, StoreError> {
    let mut parts = all(dbs, txn)?;
    parts.retain(|part| part.job == job);
    Ok(parts)
}

impl Part {
    fn put(&self, tx: &mut Transaction<'_>) -> Result<(), StoreError> {
        let meta = tx.dbs.meta;
        meta.put(tx.change(), &key(self.id), &json(self)?).map_err(engine)
    }

    fn delete(&self, tx: &mut Transaction<'_>) -> Result<(), StoreError> {
        let meta = tx.dbs.meta;
        meta.delete(tx.change(), &key(self.id)).map(|_| ()).map_err(engine)
    }

    /// Returns the table of the part. Fails if it was dropped.
    fn table(&self, tx: &Transaction<'_>) -> Result<Arc<Table>, StoreError> {
        tx.table_of_id(self.table).ok_or_else(|| {
            let message = "a table was dropped while a job was writing to it; run the job again";
            StoreError::new(jobhost_store::StoreErrorKind::NotFound, message)
        })
    }
}
