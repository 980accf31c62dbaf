//! What a search charges to the budgets while it runs.

use jobhost_budget::{Account, Charge, Exhausted, Slot};

/// A scan in one table: a page of records and the rows made of it.
const SCAN_BYTES: u64 = 1 << 20;
/// An SQL statement: pages of rows that wait, and what SQLite keeps besides its bounded heap.
const SQL_BYTES: u64 = 4 << 20;

/// On whose behalf a search runs.
#[derive(Debug, Clone)]
pub struct SearchBudget {
    pub account: Account,
    /// False for the queries of jobs, of which there are no more than workers and their cursors.
    pub takes_slots: bool,
}

/// What is given back when the search ends.
#[derive(Debug, Default)]
pub(super) struct Taken {
    _slots: Vec<Slot>,
    _memory: Option<Charge>,
}

impl SearchBudget {
    pub(super) async fn scan(&self) -> Result<Taken, Exhausted> {
        let mut slots = Vec::new();
        if self.takes_slots {
            slots.push(self.account.budgets.searches.take(&self.account.owner).await?);
        }
        Ok(Taken { _slots: slots, _memory: Some(self.account.memory(SCAN_BYTES)?) })
    }

    pub(super) async fn sql(&self) -> Result<Taken, Exhausted> {
        let mut slots = Vec::new();
        if self.takes_slots {
            slots.push(self.account.budgets.sql.take(&self.account.owner).await?);
            slots.push(self.account.budgets.searches.take(&self.account.owner).await?);
        }
        Ok(Taken { _slots: slots, _memory: Some(self.account.memory(SQL_BYTES)?) })
    }
}
