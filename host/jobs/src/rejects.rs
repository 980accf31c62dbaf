//! The rejected records of jobs. Each job that has some stores them in a document beside its row, so that rows stay
//! small and listings do not read them.

use std::sync::Arc;

use serde_json::Value;
use uuid::Uuid;

use super::Jobs;
use jobhost_capabilities::Ledger;
use jobhost_model::jobs::{JobRow, REJECTS_DOCUMENT};
use jobhost_store::{Store, StoreError};

/// The rejected records of a job: those of earlier attempts that this one resumes, and its own.
pub(super) struct AllRejects {
    /// The number of records rejected by earlier attempts, and the first of them.
    earlier: (u64, Vec<Value>),
    own: Arc<Ledger>,
    most: usize,
}

impl AllRejects {
    pub fn new(earlier: (u64, Vec<Value>), own: Arc<Ledger>, most: usize) -> Self {
        AllRejects { earlier, own, most }
    }

    pub fn count(&self) -> u64 {
        self.earlier.0.saturating_add(self.own.rejects.count())
    }

    /// The document as stored.
    pub fn document(&self) -> Vec<u8> {
        let kept: Vec<Value> = self.earlier.1.iter().cloned().chain(self.own.rejects.kept()).take(self.most).collect();
        Value::Array(kept).to_string().into_bytes()
    }
}

pub(super) async fn store(store: &dyn Store, job: Uuid, document: Vec<u8>) -> Result<(), StoreError> {
    store.put_document(REJECTS_DOCUMENT, &job.to_string(), document).await
}

/// Returns the rejected records stored for this job.
pub(super) async fn stored(store: &dyn Store, row: &JobRow) -> Result<Vec<Value>, StoreError> {
    if row.rejected == 0 || !row.rejects.is_empty() {
        return Ok(row.rejects.clone());
    }
    let document = store.document(REJECTS_DOCUMENT, &row.id.to_string()).await?;
    let parsed = document.and_then(|text| jobhost_model::json::value(std::str::from_utf8(&text).ok()?).ok());
    Ok(match parsed {
        Some(Value::Array(rejects)) => rejects,
        _ => Vec::new(),
    })
}

impl Jobs {
    /// Returns the job's first rejected records, as its row shows them.
    pub async fn rejects(&self, row: &JobRow) -> Result<Vec<Value>, StoreError> {
        stored(self.parts.store.as_ref(), row).await
    }
}
