//! A scan reads one snapshot a page at a time. Nothing runs between two pages, so dropping the cursor ends the scan.

use std::sync::Arc;

use async_trait::async_trait;

use super::Shared;
use super::environment::Snapshot;
use super::heap::Heap;
use super::index::Index;
use super::pages;
use jobhost_model::table::TableName;
use jobhost_store::{RecordCursor, RecordPage, ScanOrder, StoreError, StoreErrorKind};

pub(super) struct Scan {
    /// `None` while a page is being read, and for good after the end, an error or a cancelled read.
    state: Option<State>,
}

struct State {
    snapshot: Snapshot<'static>,
    shared: Arc<Shared>,
    table: u32,
    position: Position,
}

/// The position after which the next page starts.
enum Position {
    Arrival(u64),
    Key(Option<Vec<u8>>),
}

impl Scan {
    pub fn begin(shared: Arc<Shared>, table: &TableName, order: ScanOrder) -> Result<Self, StoreError> {
        let position = match order {
            ScanOrder::Arrival => Position::Arrival(0),
            ScanOrder::Key => Position::Key(None),
        };
        let snapshot = shared.environment.read_static()?;
        let table = shared.table_id(table)?;
        Ok(Scan { state: Some(State { snapshot, shared, table, position }) })
    }
}

#[async_trait]
impl RecordCursor for Scan {
    async fn next(&mut self) -> Result<Option<RecordPage>, StoreError> {
        let Some(mut state) = self.state.take() else { return Ok(None) };
        let read = move || {
            let page = state.page()?;
            Ok((state, page))
        };
        let (state, page) = tokio::task::spawn_blocking(read)
            .await
            .map_err(|error| StoreError::caused_by(StoreErrorKind::Unavailable, "a scan was cut off", error))??;
        if page.is_empty() {
            return Ok(None);
        }
        self.state = Some(state);
        Ok(Some(page))
    }
}

impl State {
    fn page(&mut self) -> Result<RecordPage, StoreError> {
        let environment = &self.shared.environment;
        let heap = Heap { environment, table: self.table };
        match &mut self.position {
            Position::Arrival(next) => pages::by_arrival(&self.snapshot, heap, next),
            Position::Key(after) => {
                let index = Index::open(environment, &self.snapshot, self.table)?;
                pages::by_key(&self.snapshot, &index, heap, after)
            }
        }
    }
}
