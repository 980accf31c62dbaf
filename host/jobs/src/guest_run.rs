//! Assembles one run of a guest: the request, and the capabilities that the plan allows.

use std::sync::Arc;

use super::JobParts;
use super::payload::Payload;
use super::staging::Staged;
use jobhost_access::User;
use jobhost_budget::{Account, Charge, Exhausted, Held, Owner};
use jobhost_capabilities::{AttemptCapabilities, Ledger, ObjectLimits, Objects, Queries, RecordLimits, Records};
use jobhost_model::jobs::{Lease, Tally};
use jobhost_sandbox::{JobLog, RunRequest};
use jobhost_search::{SearchBudget, SearchLimits};

/// What a run is charged before it begins.
pub(super) struct Charges {
    account: Account,
    memory: Charge,
    batches: Held,
}

impl Charges {
    pub fn new(parts: &JobParts, username: &str) -> Result<Self, Exhausted> {
        let account = parts.budgets.of(Owner::user(username));
        Ok(Charges { memory: account.memory(0)?, batches: account.held(Records::LEAST_BYTES)?, account })
    }
}

/// Whose run it is, and where its effects are recorded.
pub(super) struct GuestRun<'a> {
    pub parts: &'a JobParts,
    pub user: &'a User,
    pub operation: &'a str,
    pub lease: Lease,
    /// What earlier attempts have stored.
    pub tally: Tally,
    pub log: &'a Arc<JobLog>,
    pub ledger: &'a Arc<Ledger>,
}

impl GuestRun<'_> {
    pub fn request(self, payload: Payload, staged: Staged, resume: Option<Vec<u8>>, charges: Charges) -> RunRequest {
        let GuestRun { parts, user, operation, lease, tally, log, ledger } = self;
        let limits = &parts.guest_limits;
        let Charges { account, memory, batches } = charges;
        let record_limits = RecordLimits {
            batch: limits.batch.clone(),
            checkpoint_bytes: limits.checkpoint_bytes.clone(),
            group_records: limits.group_records,
            memory: Some(batches),
            quota: user.role.quota(&user.username, parts.user_store_bytes),
        };
        let (plan, role) = (Arc::new(payload.plan), Arc::clone(&user.role));
        let store = Arc::clone(&parts.store);
        let records = Records::new(store, lease, plan, role, record_limits, tally, Arc::clone(ledger));
        let budget = SearchBudget { account, takes_slots: false };
        let search_limits = SearchLimits { budget: Some(budget), ..parts.search_limits.clone() };
        let (store, role) = (Arc::clone(&parts.store), Arc::clone(&user.role));
        let queries =
            Queries::new(store, role, staged.searches, search_limits, limits.cursors.clone(), Arc::clone(ledger));
        let object_limits = ObjectLimits { readers: limits.readers.clone(), writers: limits.writers.clone() };
        let objects = Objects::new(staged.sources, staged.targets, object_limits, Arc::clone(ledger));
        RunRequest {
            operation: operation.to_owned(),
            request: payload.request,
            resume,
            capabilities: Box::new(AttemptCapabilities { records, queries, objects, ledger: Arc::clone(ledger) }),
            log: Arc::clone(log),
            usage: Arc::clone(&ledger.usage),
            memory,
        }
    }
}
