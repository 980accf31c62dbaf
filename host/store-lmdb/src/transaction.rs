//! One LMDB write transaction, as seen by the requests of a commit group. It holds the catalog and the counters as
//! they will be after the commit. Dropping it without committing discards all changes.

use std::collections::HashMap;
use std::sync::Arc;

use heed::{RoTxn, RwTxn};

use super::environment::{Databases, Environment, engine};
use super::heap::Usage;
use super::reclaim_work::{self, Reclaim};
use super::runs::Runs;
use super::tables::{self, Counters};
use jobhost_model::Timestamp;
use jobhost_model::table::{Catalog, Table, TableName};
use jobhost_store::StoreError;

pub(super) struct Transaction<'e> {
    txn: RwTxn<'e>,
    pub environment: &'e Environment,
    pub dbs: Databases,
    pub now: Timestamp,
    catalog: Arc<Catalog>,
    counters: HashMap<u32, Counters>,
    runs: HashMap<u32, Runs>,
    /// Background work that starts after the commit.
    pub reclaims: Vec<Reclaim>,
    /// Whether the current request has changed anything. If so, it can no longer fail without failing the transaction.
    changed: bool,
}

impl<'e> Transaction<'e> {
    pub fn begin(environment: &'e Environment, catalog: Arc<Catalog>, now: Timestamp) -> Result<Self, StoreError> {
        Ok(Transaction {
            txn: environment.write()?,
            environment,
            dbs: environment.dbs,
            now,
            catalog,
            counters: HashMap::new(),
            runs: HashMap::new(),
            reclaims: Vec::new(),
            changed: false,
        })
    }

    pub fn begin_request(&mut self) {
        self.changed = false;
    }

    pub fn is_changed(&self) -> bool {
        self.changed
    }

    pub fn read(&self) -> &RoTxn<'e> {
        &self.txn
    }

    pub fn change(&mut self) -> &mut RwTxn<'e> {
        self.changed = true;
        &mut self.txn
    }

    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    pub fn change_catalog(&mut self) -> &mut Catalog {
        self.changed = true;
        Arc::make_mut(&mut self.catalog)
    }

    /// Returns whether a table with this id exists.
    pub fn has_table(&self, id: u32) -> bool {
        self.table_of_id(id).is_some()
    }

    /// Returns the table with this id.
    pub fn table_of_id(&self, id: u32) -> Option<Arc<Table>> {
        let mut tables = self.catalog.databases.values().flat_map(|tables| tables.values());
        tables.find(|table| table.id == id).cloned()
    }

    /// Returns whether anything is stored under this id: it is that of a table with records, or of unpublished records.
    pub fn has_counters(&self, id: u32) -> Result<bool, StoreError> {
        if self.counters.contains_key(&id) {
            return Ok(true);
        }
        tables::has_counters(&self.dbs, &self.txn, id)
    }

    /// Returns an id for a table or run that was never used before.
    pub fn next_id(&mut self) -> Result<u32, StoreError> {
        let dbs = self.dbs;
        tables::next_id(&dbs, self.change())
    }

    pub fn table(&self, name: &TableName) -> Result<Arc<Table>, StoreError> {
        self.catalog.table(name).cloned().ok_or_else(|| StoreError::no_such_table(name))
    }

    /// Stores a table's description and adds it to the catalog.
    pub fn put_table(&mut self, table: Table) -> Result<(), StoreError> {
        let dbs = self.dbs;
        tables::put_table(&dbs, self.change(), &table)?;
        let tables = self.change_catalog().databases.entry(table.name.database.clone()).or_default();
        tables.insert(table.name.table.clone(), Arc::new(table));
        Ok(())
    }

    pub fn counters(&self, table: u32) -> Result<Counters, StoreError> {
        match self.counters.get(&table) {
            Some(counters) => Ok(counters.clone()),
            None => tables::counters(&self.dbs, &self.txn, table),
        }
    }

    pub fn set_counters(&mut self, table: u32, counters: Counters) {
        self.changed = true;
        self.counters.insert(table, counters);
    }

    /// Counts bytes that were added to or removed from a table's data.
    pub fn resize(&mut self, table: u32, usage: Usage) -> Result<(), StoreError> {
        let mut counters = self.counters(table)?;
        counters.resize(usage);
        self.set_counters(table, counters);
        Ok(())
    }

    pub fn runs(&self, table: u32) -> Result<Runs, StoreError> {
        if let Some(runs) = self.runs.get(&table) {
            return Ok(runs.clone());
        }
        match tables::runs(&self.dbs, &self.txn, table)? {
            Some(runs) => Ok(runs),
            None => Ok(Runs::new(table, self.counters(table)?.records)),
        }
    }

    /// Stores the runs of a table, unless they are derived from its counters. Runs that once were stored remain so.
    pub fn set_runs(&mut self, table: u32, runs: Runs) {
        self.changed = true;
        if runs.is_plain(table) {
            return;
        }
        self.runs.insert(table, runs);
    }

    /// Removes the counters and runs of a dropped table.
    pub fn drop_counters(&mut self, table: u32) -> Result<(), StoreError> {
        self.counters.remove(&table);
        self.runs.remove(&table);
        let dbs = self.dbs;
        tables::delete_counters(&dbs, self.change(), table)
    }

    /// Drops the counters, the heap and the index that are stored under an id. They are freed in the background.
    pub fn free_table(&mut self, table: u32) -> Result<(), StoreError> {
        let runs = self.runs(table)?.ids().collect();
        self.drop_counters(table)?;
        self.begin_work(|id| Reclaim::Table { id, table, runs }).map(|_| ())
    }

    /// Stores a piece of background work, which starts when this transaction commits. Returns its id.
    pub fn begin_work(&mut self, work: impl FnOnce(u64) -> Reclaim) -> Result<u64, StoreError> {
        let dbs = self.dbs;
        let id = tables::counter(&dbs, self.change(), reclaim_work::NEXT)?;
        let work = work(id);
        dbs.meta.put(self.change(), &reclaim_work::key(id), &tables::json(&work)?).map_err(engine)?;
        self.reclaims.push(work);
        Ok(id)
    }

    /// Makes all changes durable. Returns the catalog to publish and the background work to start.
    pub fn commit(mut self) -> Result<(Arc<Catalog>, Vec<Reclaim>), StoreError> {
        for (table, counters) in &self.counters {
            tables::put_counters(&self.dbs, &mut self.txn, *table, counters)?;
        }
        for (table, runs) in &self.runs {
            tables::put_runs(&self.dbs, &mut self.txn, *table, runs)?;
        }
        self.txn.commit().map_err(engine)?;
        Ok((self.catalog, self.reclaims))
    }
}
