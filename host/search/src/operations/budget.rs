//! What a search charges to the budgets while it runs.

use jobhost_budget::{Account, Charge, Exhausted, Slot};

/// Memory charged for a scan of one table, in bytes: a page of records and the rows produced from it.
const SCAN_BYTES: u64 = 1 << 20;
/// Memory charged for an SQL statement, in bytes: queued pages of rows, and what SQLite allocates outside its limited
/// heap.
const SQL_BYTES: u64 = 4 << 20;

/// The account that a search is charged to.
#[derive(Debug, Clone)]
pub struct SearchBudget {
    pub account: Account,
    /// Whether the search takes a slot. False for queries of jobs, whose number is limited already.
    pub takes_slots: bool,
}

/// Everything charged for a search, released when the search ends.
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
