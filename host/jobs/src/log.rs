//! Job logs: a running job's log comes from its attempt, an ended job's log from the store.

use tracing::warn;
use uuid::Uuid;

use super::Jobs;
use super::rejects::AllRejects;
use super::retry::Retry;
use jobhost_model::jobs::{LOG_DOCUMENT, REJECTS_DOCUMENT};
use jobhost_sandbox::JobLog;
use jobhost_store::{Store, StoreError, StoreErrorKind};

/// The log and rejected records of an attempt, in the form stored with the job's end.
pub(super) fn documents(log: &JobLog, rejects: Option<&AllRejects>) -> Vec<(&'static str, Vec<u8>)> {
    let text = shown(log);
    let log = (!text.is_empty()).then(|| (LOG_DOCUMENT, text.into_bytes()));
    log.into_iter().chain(rejects.map(|rejects| (REJECTS_DOCUMENT, rejects.document()))).collect()
}

/// Stores the log and rejected records of an attempt, if any, while the job continues.
pub(super) async fn keep_both(
    store: &dyn Store,
    retry: &Retry,
    job: Uuid,
    log: &JobLog,
    rejects: Option<&AllRejects>,
) -> Result<(), StoreError> {
    let name = job.to_string();
    for (kind, document) in documents(log, rejects) {
        let put = || unless_full(job, store.put_document(kind, &name, document.clone()));
        retry.within_patience("store log and rejects", put).await?;
    }
    Ok(())
}

/// Ignores a full store, because the job's row must not wait for room for its documents.
async fn unless_full(job: Uuid, put: impl Future<Output = Result<(), StoreError>>) -> Result<(), StoreError> {
    match put.await {
        Err(error) if error.kind == StoreErrorKind::Full => {
            warn!(%job, %error, "a job's log or rejected records could not be stored: no space");
            Ok(())
        }
        put => put,
    }
}

fn shown(log: &JobLog) -> String {
    match log.tail(usize::MAX) {
        (text, 0) => text,
        (text, dropped) => format!("({dropped} earlier lines were dropped)\n{text}"),
    }
}

impl Jobs {
    /// The log lines of the job's latest attempt, oldest first; empty if there are none.
    pub async fn log(&self, id: Uuid) -> Result<String, StoreError> {
        if let Some(log) = self.running.log(id) {
            return Ok(shown(&log));
        }
        let stored = self.parts.store.document(LOG_DOCUMENT, &id.to_string()).await?;
        Ok(stored.map(|text| String::from_utf8_lossy(&text).into_owned()).unwrap_or_default())
    }
}
