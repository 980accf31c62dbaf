//! Makes the records of a job visible, in one transaction.

use uuid::Uuid;

use super::part::{Part, all, of_job};
use crate::heap::Usage;
use crate::index;
use crate::transaction::Transaction;
use jobhost_model::Timestamp;
use jobhost_model::jobs::Tally;
use jobhost_store::StoreError;
use jobhost_store::rules::catalog::check_count;
use jobhost_store::rules::times;

/// Publishes the parts of a job in the order in which they were begun. Returns a tally of the records written and skipped.
pub fn publish(tx: &mut Transaction<'_>, job: Uuid) -> Result<Tally, StoreError> {
    let mut tally = Tally::default();
    for part in of_job(&tx.dbs, tx.read(), job)? {
        part.table(tx)?;
    }
    // Read again each time, because a published part adds to what the others have to be compared with.
    while let Some(part) = of_job(&tx.dbs, tx.read(), job)?.into_iter().next() {
        tally += part.publish(tx)?;
    }
    Ok(tally)
}

impl Part {
    fn publish(mut self, tx: &mut Transaction<'_>) -> Result<Tally, StoreError> {
        self.compare(tx, usize::MAX)?;
        self.extend_table(tx)?;
        if let Some(changes) = self.changes {
            let absent = self.write_changes(tx, changes)?;
            self.write_absent(tx, changes, &absent)?;
            tx.free_table(changes)?;
        }
        self.hand_over(tx)?;
        self.delete(tx)?;
        Ok(Tally { written: self.written, skipped: self.skipped, ..Tally::default() })
    }

    fn extend_table(&self, tx: &mut Transaction<'_>) -> Result<(), StoreError> {
        let table = self.table(tx)?;
        let mut extended = jobhost_model::table::Table::clone(&table);
        self.extend(&mut extended);
        if extended.attributes.len() > table.attributes.len() {
            check_count(&extended.name, extended.attributes.len())?;
            tx.put_table(extended)?;
        }
        Ok(())
    }

    /// Gives the new records to the table.
    fn hand_over(&self, tx: &mut Transaction<'_>) -> Result<(), StoreError> {
        let own = tx.counters(self.id)?;
        let mut counters = tx.counters(self.table)?;
        for mut other in all(&tx.dbs, tx.read())? {
            if other.table == self.table && other.id != self.id {
                let passed = counters.reserved.of(self.id).filter(|numbers| numbers.start < other.compared_to);
                other.to_compare.extend(passed);
                other.put(tx)?;
            }
        }
        let mut usage = Usage { added: own.bytes, removed: 0 };
        index::absorb(tx, self.table, self.id, own.records, &mut usage)?;
        counters.reserved.remove(self.id);
        counters.records += own.records;
        if own.records > 0 {
            counters.updated = times::last_change(tx.now, Timestamp(counters.updated)).0;
        }
        let grown = counters.resize(usage);
        tx.set_counters(self.table, counters);
        index::begin_merge(tx, self.table)?;
        self.charge_table(tx, self.id, grown)?;
        tx.drop_counters(self.id)
    }
}
