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

/// Maximum number of records that one call skips, because it cannot be cancelled.
const MAX_SKIPPED: u64 = 1_000_000;

/// Approximate size of an entry of the index.
const ENTRY_BYTES: usize = 32;

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

    /// Runs a step of the scan on a blocking thread.
    async fn step<T: Send + 'static>(
        &mut self,
        step: impl FnOnce(&mut State) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<Option<T>, StoreError> {
        let Some(mut state) = self.state.take() else { return Ok(None) };
        let run = move || {
            let outcome = step(&mut state)?;
            Ok((state, outcome))
        };
        let (state, outcome) = tokio::task::spawn_blocking(run)
            .await
            .map_err(|error| StoreError::caused_by(StoreErrorKind::Unavailable, "a scan was cut off", error))??;
        self.state = Some(state);
        Ok(Some(outcome))
    }
}

#[async_trait]
impl RecordCursor for Scan {
    async fn next(&mut self) -> Result<Option<RecordPage>, StoreError> {
        let page = self.step(State::page).await?.filter(|page| !page.is_empty());
        if page.is_none() {
            self.state = None;
        }
        Ok(page)
    }

    async fn skip(&mut self, records: u64) -> Result<u64, StoreError> {
        Ok(self.step(move |state| state.skip(records)).await?.unwrap_or(0))
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

    /// Skips records in order of keys, for which only the index is read.
    fn skip(&mut self, records: u64) -> Result<u64, StoreError> {
        let Position::Key(after) = &mut self.position else { return Ok(0) };
        let environment = &self.shared.environment;
        let index = Index::open(environment, &self.snapshot, self.table)?;
        let (mut skipped, mut last) = (0, None);
        for entry in index.after(&self.snapshot, after.as_deref())?.take(records.min(MAX_SKIPPED) as usize) {
            last = Some(entry?.0);
            skipped += 1;
        }
        environment.touched(skipped as usize * ENTRY_BYTES);
        if let Some(last) = last {
            *after = Some(last.to_vec());
        }
        Ok(skipped)
    }
}
