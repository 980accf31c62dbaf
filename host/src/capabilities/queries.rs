//! Reading on behalf of one attempt: only the queries of the plan, which were checked before the job existed and are
//! checked again when they are opened, because rights and tables may have gone since.

use std::sync::Arc;

use super::error::{CapabilityError, CapabilityErrorKind};
use super::limits::LimitsMet;
use super::store_failure::StoreFailure;
use jobhost_access::Role;
use jobhost_model::jobs::LimitReached;
use jobhost_search::query::{QueryError, RowShape, Separator};
use jobhost_search::{Rows, SearchError, SearchLimits, SearchRequest};
use jobhost_store::{ScanOrder, Store};

/// The queries of one attempt, in the order of the plan.
pub struct Queries {
    store: Arc<dyn Store>,
    role: Arc<Role>,
    searches: Vec<SearchRequest>,
    limits: SearchLimits,
    /// Cursors that may be open at a time.
    cursors: usize,
    limits_met: Arc<LimitsMet>,
    open: usize,
    store_failure: StoreFailure,
}

/// The rows of an open query.
pub struct Cursor {
    rows: Rows,
}

impl Cursor {
    pub fn columns(&self) -> &[String] {
        self.rows.columns()
    }
}

impl Queries {
    pub fn new(
        store: Arc<dyn Store>,
        role: Arc<Role>,
        searches: Vec<SearchRequest>,
        limits: SearchLimits,
        cursors: usize,
        limits_met: Arc<LimitsMet>,
    ) -> Self {
        Queries { store, role, searches, limits, cursors, limits_met, open: 0, store_failure: StoreFailure::default() }
    }

    /// Where it is noted that the store failed.
    pub fn store_failure(&self) -> StoreFailure {
        self.store_failure.clone()
    }

    /// Open the query with this index in the plan.
    pub async fn open(&mut self, index: u32, shape: RowShape) -> Result<Cursor, CapabilityError> {
        let most = self.cursors;
        if self.open >= most {
            let reached = LimitReached::new("sandbox.cursors", most, self.open as u64 + 1);
            let sentence = format!("{most} cursors are open already, which is the limit; drop one first");
            return Err(self.limits_met.refuse(reached, sentence));
        }
        let planned = self.searches.len();
        let search = usize::try_from(index).ok().and_then(|index| self.searches.get(index)).ok_or_else(|| {
            CapabilityError::new(
                CapabilityErrorKind::Denied,
                format!("query {index} is not in the plan, which names {planned}, counted from 0"),
            )
        })?;
        let permitted = search.permitted(&self.role, &self.store.catalogue())?;
        let store = Arc::clone(&self.store);
        let opened = permitted.open(store, shape, Separator::NewLine, ScanOrder::Arrival, &self.limits).await;
        let rows = opened.inspect_err(|error| {
            if let QueryError::Store(error) = error {
                self.store_failure.note(error);
            }
        })?;
        self.open += 1;
        Ok(Cursor { rows })
    }

    /// The next rows, each followed by LF; nothing at the end.
    pub async fn next(&mut self, cursor: &mut Cursor) -> Result<Vec<u8>, CapabilityError> {
        let mut out = Vec::new();
        while out.is_empty() {
            let next = cursor.rows.next(&mut out).await;
            let more = next.inspect_err(|error| {
                if let QueryError::Store(error) = error {
                    self.store_failure.note(error);
                }
            })?;
            if !more {
                break;
            }
        }
        // Between pages the search puts the separator before the next row; here it belongs to the row before.
        if out.first() == Some(&b'\n') {
            out.remove(0);
        }
        if !out.is_empty() {
            out.push(b'\n');
        }
        Ok(out)
    }

    /// Must be told of each cursor that the guest drops.
    pub fn closed(&mut self) {
        self.open = self.open.saturating_sub(1);
    }
}

impl From<SearchError> for CapabilityError {
    fn from(error: SearchError) -> Self {
        let kind = match &error {
            SearchError::Invalid(_) => CapabilityErrorKind::Invalid,
            SearchError::NotFound(_) => CapabilityErrorKind::NotFound,
            SearchError::Denied(_) => CapabilityErrorKind::Denied,
            SearchError::Store(_) | SearchError::Exhausted(_) => CapabilityErrorKind::Unavailable,
        };
        CapabilityError::new(kind, error.to_string())
    }
}

impl From<QueryError> for CapabilityError {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::Invalid(message) => CapabilityError::new(CapabilityErrorKind::Invalid, message),
            QueryError::TooLarge(message) => CapabilityError::new(CapabilityErrorKind::Limit, message),
            QueryError::Store(error) => error.into(),
            QueryError::Exhausted(exhausted) => {
                CapabilityError::new(CapabilityErrorKind::Unavailable, exhausted.to_string())
            }
        }
    }
}
