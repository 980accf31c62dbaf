//! Reads on behalf of one attempt: only the queries of the plan. They were checked before the job was created, and are
//! checked again when they are opened, because permissions and tables may have changed.

use std::sync::Arc;

use async_trait::async_trait;
use jobhost_access::Role;
use jobhost_contract::{CapabilityError, CapabilityErrorKind};
use jobhost_model::{Limit, RowShape};
use jobhost_sandbox::capabilities::{Answer, Cursor};
use jobhost_search::query::{QueryError, Separator};
use jobhost_search::{Rows, SearchLimits, SearchRequest};
use jobhost_store::{ScanOrder, Store};

use super::error::{of_query, of_search};
use super::ledger::Ledger;
use super::places::{Place, Places};

/// The queries of one attempt, in the order of the plan.
pub struct Queries {
    store: Arc<dyn Store>,
    role: Arc<Role>,
    searches: Vec<SearchRequest>,
    limits: SearchLimits,
    cursors: Places,
    ledger: Arc<Ledger>,
}

/// The rows of an open query.
struct OpenCursor {
    rows: Rows,
    ledger: Arc<Ledger>,
    _place: Place,
}

impl Queries {
    /// `cursors` is the maximum of open cursors.
    pub fn new(
        store: Arc<dyn Store>,
        role: Arc<Role>,
        searches: Vec<SearchRequest>,
        limits: SearchLimits,
        cursors: Limit,
        ledger: Arc<Ledger>,
    ) -> Self {
        let cursors = Places::new("cursors", cursors, Arc::clone(&ledger));
        Queries { store, role, searches, limits, cursors, ledger }
    }

    /// Opens the query with this index in the plan.
    pub async fn open(&mut self, index: u32, shape: RowShape) -> Answer<Box<dyn Cursor>> {
        self.cursors.check()?;
        let planned = self.searches.len();
        let search = usize::try_from(index).ok().and_then(|index| self.searches.get(index)).ok_or_else(|| {
            CapabilityError::new(
                CapabilityErrorKind::Denied,
                format!("query {index} is not in the plan, which names {planned}, counted from 0"),
            )
        })?;
        let permitted = search.permitted(&self.role, &self.store.catalog()).map_err(of_search)?;
        let store = Arc::clone(&self.store);
        let opened = permitted.open(store, shape, Separator::NewLine, ScanOrder::Arrival, &self.limits).await;
        let rows = opened.map_err(|error| noted(&self.ledger, error))?;
        let ledger = Arc::clone(&self.ledger);
        Ok(Box::new(OpenCursor { rows, ledger, _place: self.cursors.take() }))
    }
}

fn noted(ledger: &Ledger, error: QueryError) -> CapabilityError {
    if let QueryError::Store(error) = &error {
        ledger.store_failure.note(error);
    }
    of_query(error)
}

#[async_trait]
impl Cursor for OpenCursor {
    fn columns(&self) -> &[String] {
        self.rows.columns()
    }

    async fn next(&mut self) -> Answer<Vec<u8>> {
        let mut out = Vec::new();
        while out.is_empty() {
            if !self.rows.next(&mut out).await.map_err(|error| noted(&self.ledger, error))? {
                break;
            }
        }
        // The search puts the separator before a row when a page begins; here it belongs to the previous row.
        if out.first() == Some(&b'\n') {
            out.remove(0);
        }
        if !out.is_empty() {
            out.push(b'\n');
        }
        Ok(out)
    }
}
