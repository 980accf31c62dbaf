//! Writes records on behalf of one attempt. Batches are checked here, collected into commit groups, and passed to the
//! store while the guest produces the next ones. At most one group is in the store at a time, so memory stays limited
//! and a slow store slows the guest down. Every group carries the attempt's lease.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::error::of_store;
use super::ledger::{self, InStore, LastGroup, Ledger};
use jobhost_access::Role;
use jobhost_budget::Held;
use jobhost_contract::{CapabilityError, CapabilityErrorKind, Plan, TableRight};
use jobhost_model::Limit;
use jobhost_model::jobs::{Lease, Tally};
use jobhost_model::{Action, Table, TableName, Timestamp};
use jobhost_store::batch::{FORBIDDEN_CHARACTER, has_forbidden_character, is_impossible_name, name_too_long};
use jobhost_store::{
    Batch, BatchError, BatchErrorKind, BatchLimits, DeleteBefore, KeySource, Quota, Store, TableWrite, Visibility,
    WriteGroup,
};

/// A commit group is closed when it reaches a number of records ([`RecordLimits::group_records`]), a size or an age.
/// Groups are large enough to amortize the store's sync and its sorted index writes, and small enough to keep memory
/// flat (docs/storage.md).
const GROUP_BYTES: usize = 16 * 1024 * 1024;
const GROUP_AGE: Duration = Duration::from_millis(250);
/// The size of a group before more is charged: one batch of the default maximum size.
const LEAST_ROOM: usize = 1 << 20;
/// The memory of groups as a multiple of one group's text: one group is being collected and one is in the store, each
/// with the places and keys of its records.
const TAKEN_BY_GROUPS: usize = 3;

const MAX_DECLARED_ATTRIBUTES: usize = 10_000;
const MAX_ATTRIBUTE_NAME_BYTES: usize = 250;

/// Limits of commit groups and of what they may store.
#[derive(Debug, Clone)]
pub struct RecordLimits {
    pub batch: BatchLimits,
    pub checkpoint_bytes: Limit,
    /// Maximum records of one transaction, for groups of writes and for steps of a delete. With random keys, every
    /// transaction touches most pages of the index, so many small transactions would cost more than they save.
    pub group_records: usize,
    /// Charged with commit groups; already contains [`Records::LEAST_BYTES`]. `None` once it has been taken.
    pub memory: Option<Held>,
    /// The storage quota of the job's user.
    pub quota: Option<Quota>,
}

/// An attempt's access to tables, and its records that are not yet stored.
pub struct Records {
    store: Arc<dyn Store>,
    keys: KeySource,
    lease: Lease,
    plan: Arc<Plan>,
    role: Arc<Role>,
    limits: RecordLimits,
    group: WriteGroup,
    group_records: usize,
    group_bytes: usize,
    group_since: Option<Instant>,
    /// Maximum bytes of a group, as covered by the charge.
    room: usize,
    in_store: Option<InStore>,
    tally: Tally,
    /// Attributes already found permitted, for tables where the role has attribute permissions.
    permitted: HashMap<(u32, Action), HashSet<String>>,
    /// Records a failure of the store. After a failure nothing is written, because the checkpoint of a later group
    /// would include the lost one.
    ledger: Arc<Ledger>,
}

impl Records {
    /// The memory charged before an attempt begins.
    pub const LEAST_BYTES: u64 = (LEAST_ROOM * TAKEN_BY_GROUPS) as u64;

    /// `tally` is what earlier attempts of the job have stored.
    pub fn new(
        store: Arc<dyn Store>,
        lease: Lease,
        plan: Arc<Plan>,
        role: Arc<Role>,
        limits: RecordLimits,
        tally: Tally,
        ledger: Arc<Ledger>,
    ) -> Self {
        let visibility = if plan.autocommit { Visibility::Immediate } else { Visibility::AtEnd };
        if visibility == Visibility::AtEnd && tally.received > 0 {
            ledger.note_unpublished();
        }
        Records {
            keys: store.keys(),
            store,
            lease,
            plan,
            role,
            group: empty_group(lease, &limits, visibility),
            limits,
            group_records: 0,
            group_bytes: 0,
            group_since: None,
            room: LEAST_ROOM,
            in_store: None,
            tally,
            permitted: HashMap::new(),
            ledger,
        }
    }

    /// Returns the table with the attributes that the user has any permission on, as `describe_table` shows it to that
    /// user.
    pub fn describe(&self, table: &TableName) -> Result<Arc<Table>, CapabilityError> {
        if !self.plan.names(table) {
            return Err(self.not_planned(format!("describe table {table}")));
        }
        let table = self.table(table)?;
        if !self.role.restricts_attributes(&table) {
            return Ok(table);
        }
        let mut visible = Table::clone(&table);
        visible.attributes.retain(|attribute| self.role.attribute_permissions(&table, &attribute.name).any());
        Ok(Arc::new(visible))
    }

    /// Returns the maximum size of a record in bytes.
    pub fn record_bytes(&self) -> u64 {
        self.limits.batch.record_bytes.value()
    }

    pub fn declare(&mut self, table: &TableName, action: Action, names: &[String]) -> Result<(), CapabilityError> {
        self.check_planned(table, TableRight::of_action(action))?;
        if names.len() > MAX_DECLARED_ATTRIBUTES {
            return Err(CapabilityError::new(
                CapabilityErrorKind::Limit,
                format!("{} attributes were declared for {table}; the limit is {MAX_DECLARED_ATTRIBUTES}", names.len()),
            ));
        }
        if let Some(name) = names.iter().find(|name| name.len() > MAX_ATTRIBUTE_NAME_BYTES) {
            return Err(CapabilityError::new(
                CapabilityErrorKind::Limit,
                name_too_long(name, MAX_ATTRIBUTE_NAME_BYTES),
            ));
        }
        let known = self.table(table)?;
        if let Some(name) = names.iter().find(|name| is_impossible_name(name)) {
            return Err(CapabilityError::new(
                CapabilityErrorKind::Invalid,
                format!("Invalid attribute name: '{}'", name.escape_debug()),
            ));
        }
        if names.iter().any(|name| has_forbidden_character(name) && !known.has_attribute(name)) {
            return Err(CapabilityError::new(CapabilityErrorKind::Invalid, FORBIDDEN_CHARACTER.to_owned()));
        }
        self.check_attributes(&known, action, names)
    }

    /// Accepts a batch. A returned call means accepted, not durable.
    pub async fn write(
        &mut self,
        table: &TableName,
        action: Action,
        text: Vec<u8>,
        checkpoint: Option<Vec<u8>>,
    ) -> Result<(), CapabilityError> {
        self.check_planned(table, TableRight::of_action(action))?;
        self.check_checkpoint(checkpoint.as_deref())?;
        let known = self.table(table)?;
        let batch =
            self.ledger.usage.checking.measure(|| Batch::parse(text, &known, action, &self.limits.batch, &self.keys));
        let batch = batch.map_err(|error| self.refused(error))?;
        self.check_attributes(&known, action, batch.attributes())?;
        if checkpoint.is_some() {
            self.group.checkpoint = checkpoint;
        }
        self.group_records += batch.len();
        self.group_bytes += batch.text_bytes();
        self.group_since.get_or_insert_with(Instant::now);
        if !batch.is_empty() {
            self.group.writes.push(TableWrite { table: table.clone(), action, batch });
        }
        if self.group_is_full() {
            self.hand_over().await?;
        }
        Ok(())
    }

    /// Deletes the oldest records created before a time: at most `limit`, and at most one step. Returns how many were
    /// deleted.
    pub async fn delete_before(
        &mut self,
        table: &TableName,
        created_before: Timestamp,
        limit: u32,
        checkpoint: Option<Vec<u8>>,
    ) -> Result<u64, CapabilityError> {
        self.check_planned(table, TableRight::Delete)?;
        self.check_checkpoint(checkpoint.as_deref())?;
        self.table(table)?;
        // Earlier batches must be stored first, because their checkpoints are older.
        self.flush().await?;
        let most = self.limits.group_records;
        let limit = usize::try_from(limit).unwrap_or(most).min(most);
        let (table, lease) = (table.clone(), Some(self.lease));
        let step = DeleteBefore { table, created_before, limit, lease, checkpoint };
        let deleted = self.store.delete_created_before(step).await;
        let applied = deleted.inspect_err(|error| self.ledger.store_failure.note(error)).map_err(of_store)?;
        if let Some(tally) = applied.job_tally {
            self.tally = tally;
        }
        Ok(applied.tally.deleted)
    }

    /// Makes everything durable. Returns the tally of all records of the job.
    pub async fn flush(&mut self) -> Result<Tally, CapabilityError> {
        self.hand_over().await?;
        self.await_store().await?;
        Ok(self.tally)
    }

    fn group_is_full(&mut self) -> bool {
        if self.group_records >= self.limits.group_records
            || self.group_bytes >= self.store.group_bytes()
            || self.group_since.is_some_and(|since| since.elapsed() >= GROUP_AGE)
        {
            return true;
        }
        while self.group_bytes >= self.room {
            if !self.widen() {
                return true;
            }
        }
        false
    }

    /// Charges groups of twice the size. If that exceeds the budget, groups stay small, which is only slower.
    fn widen(&mut self) -> bool {
        let more = self.room.min(GROUP_BYTES.saturating_sub(self.room));
        let widened = more > 0
            && self.limits.memory.as_mut().is_some_and(|memory| memory.grow((more * TAKEN_BY_GROUPS) as u64).is_ok());
        if widened {
            self.room += more;
        }
        widened
    }

    /// Passes the group to the store once the previous one is done.
    async fn hand_over(&mut self) -> Result<(), CapabilityError> {
        self.await_store().await?;
        if self.group.writes.is_empty() && self.group.checkpoint.is_none() {
            return Ok(());
        }
        let visibility = self.group.visibility;
        let empty = empty_group(self.lease, &self.limits, visibility);
        let group = std::mem::replace(&mut self.group, empty);
        if visibility == Visibility::AtEnd {
            self.ledger.note_unpublished();
        }
        self.group_records = 0;
        self.group_bytes = 0;
        self.group_since = None;
        let (store, ledger) = (Arc::clone(&self.store), Arc::clone(&self.ledger));
        let apply = async move { store.apply(group).await.inspect_err(|error| ledger.store_failure.note(error)) };
        self.in_store = Some(self.ledger.handed_over().spawn(apply));
        Ok(())
    }

    async fn await_store(&mut self) -> Result<(), CapabilityError> {
        let Some(task) = self.in_store.take() else {
            return self.ledger.store_failure.noted().map_or(Ok(()), Err);
        };
        let applied = ledger::stored(task).await?;
        if let Some(tally) = applied.job_tally {
            self.tally = tally;
        }
        Ok(())
    }

    fn check_checkpoint(&self, checkpoint: Option<&[u8]>) -> Result<(), CapabilityError> {
        let limit = &self.limits.checkpoint_bytes;
        match checkpoint.map(<[u8]>::len) {
            Some(bytes) if bytes > limit.size() => {
                let sentence = format!("a checkpoint of {bytes} bytes; the limit is {}", limit.value());
                Err(self.ledger.limits_met.refuse(limit.reached(bytes as u64), sentence))
            }
            _ => Ok(()),
        }
    }

    fn refused(&self, error: BatchError) -> CapabilityError {
        match error.kind {
            BatchErrorKind::Limit(reached) => self.ledger.limits_met.refuse(reached, error.message),
            BatchErrorKind::FixedLimit => CapabilityError::new(CapabilityErrorKind::Limit, error.message),
            BatchErrorKind::Invalid => CapabilityError::new(CapabilityErrorKind::Invalid, error.message),
        }
    }

    fn table(&self, name: &TableName) -> Result<Arc<Table>, CapabilityError> {
        self.store.catalog().table(name).cloned().ok_or_else(|| {
            CapabilityError::new(CapabilityErrorKind::NotFound, format!("Table '{name}' does not exist"))
        })
    }

    fn check_planned(&self, table: &TableName, right: TableRight) -> Result<(), CapabilityError> {
        if self.plan.allows(table, right) {
            Ok(())
        } else {
            Err(self.not_planned(format!("{} records of {table}", right.word())))
        }
    }

    fn not_planned(&self, asked: String) -> CapabilityError {
        CapabilityError::new(
            CapabilityErrorKind::Denied,
            format!("the job asked to {asked}, but its plan names {}", self.plan.tables_in_words()),
        )
    }

    /// Checks only names that were not checked before, so a batch costs one set lookup for each of its attributes.
    /// Only permitted names are remembered, and only those that the role lists can be permitted, so a guest cannot
    /// make this set grow further.
    fn check_attributes(&mut self, table: &Table, action: Action, names: &[String]) -> Result<(), CapabilityError> {
        if !self.role.restricts_attributes(table) {
            return Ok(());
        }
        let permitted = self.permitted.entry((table.id, action)).or_default();
        let new: Vec<&String> = names.iter().filter(|name| !permitted.contains(*name)).collect();
        if new.is_empty() {
            return Ok(());
        }
        if let Err(denial) = self.role.check_attributes(table, action, new.iter().map(|name| name.as_str())) {
            let message = denial.to_string();
            self.ledger.deny(denial);
            return Err(CapabilityError::new(CapabilityErrorKind::Denied, message));
        }
        permitted.extend(new.into_iter().cloned());
        Ok(())
    }
}

fn empty_group(lease: Lease, limits: &RecordLimits, visibility: Visibility) -> WriteGroup {
    WriteGroup { lease: Some(lease), quota: limits.quota.clone(), visibility, ..WriteGroup::default() }
}

impl Drop for Records {
    /// The last records go to the ledger, because only the job knows whether the guest reported success.
    fn drop(&mut self) {
        if let Some(group) = self.in_store.take() {
            self.ledger.leave_unheard(group);
        }
        let group = std::mem::take(&mut self.group);
        if !group.writes.is_empty() || group.checkpoint.is_some() {
            self.ledger.leave(LastGroup { group, _memory: self.limits.memory.take() });
        }
    }
}

#[cfg(test)]
#[path = "records_tests.rs"]
mod tests;
