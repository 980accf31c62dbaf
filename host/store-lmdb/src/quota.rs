//! Stores how many bytes each user has written to each table, for the per-user quota. `jobhost_store::rules::shares`
//! defines how shares are computed.

use heed::RoTxn;

use super::environment::{Databases, engine};
use super::transaction::Transaction;
use jobhost_store::rules::quota;
use jobhost_store::rules::shares::Share;
use jobhost_store::{Quota, StoreError, TableWrite};

const PREFIX: &[u8] = b"written by ";
fn prefix(user: &str) -> Vec<u8> {
    [PREFIX, user.as_bytes(), &[0]].concat()
}

fn key(user: &str, table: u32) -> Vec<u8> {
    [prefix(user).as_slice(), &table.to_be_bytes()].concat()
}

/// Returns the tables that a user has written to, with the user's share of each.
fn shares(dbs: &Databases, txn: &RoTxn<'_>, user: &str) -> Result<Vec<(u32, Share)>, StoreError> {
    let prefix = prefix(user);
    let mut shares = Vec::new();
    for entry in dbs.meta.prefix_iter(txn, &prefix).map_err(engine)? {
        let (key, share) = entry.map_err(engine)?;
        let table = key.strip_prefix(prefix.as_slice()).and_then(|table| table.try_into().ok());
        let table = table.map(u32::from_be_bytes).ok_or_else(|| StoreError::damaged("the key of a user's share"))?;
        shares.push((table, Share::decode(share)?));
    }
    Ok(shares)
}

/// Rejects writes that might exceed the user's quota, before anything is changed.
pub(super) fn check(tx: &Transaction<'_>, quota: &Quota, writes: &[TableWrite]) -> Result<(), StoreError> {
    let mut held: u64 = 0;
    for (table, share) in shares(&tx.dbs, tx.read(), &quota.user)? {
        let counters = tx.counters(table)?;
        // A share never exceeds the table, which may have been dropped since.
        held = held.saturating_add(share.bytes(counters.scale).min(counters.bytes));
    }
    quota::check(quota, held, writes)
}

/// Charges a user for the bytes by which a table grew.
pub(super) fn charge(tx: &mut Transaction<'_>, user: &str, table: u32, bytes: u64) -> Result<(), StoreError> {
    if bytes == 0 {
        return Ok(());
    }
    let (dbs, key, scale) = (tx.dbs, key(user, table), tx.counters(table)?.scale);
    let share = match dbs.meta.get(tx.read(), &key).map_err(engine)? {
        Some(share) => Share::decode(share)?,
        None => {
            forget_dropped(tx, user)?;
            Share::default()
        }
    };
    dbs.meta.put(tx.change(), &key, &share.grown(scale, bytes).encode()).map_err(engine)
}

/// Deletes the user's share of a table.
pub(super) fn forget(tx: &mut Transaction<'_>, user: &str, table: u32) -> Result<(), StoreError> {
    let meta = tx.dbs.meta;
    meta.delete(tx.change(), &key(user, table)).map(|_| ()).map_err(engine)
}

/// Deletes the user's shares of dropped tables. Table ids are never reused.
fn forget_dropped(tx: &mut Transaction<'_>, user: &str) -> Result<(), StoreError> {
    let dbs = tx.dbs;
    for (table, _) in shares(&dbs, tx.read(), user)? {
        if !tx.has_counters(table)? {
            dbs.meta.delete(tx.change(), &key(user, table)).map_err(engine)?;
        }
    }
    Ok(())
}
