//! The logs of jobs: of one that runs from its attempt, of one that has ended from the store.

use tracing::warn;
use uuid::Uuid;

use super::Jobs;
use super::rejects::{self, AllRejects};
use super::retry::Retry;
use jobhost_model::jobs::LOG_DOCUMENT;
use jobhost_sandbox::JobLog;
use jobhost_store::{Store, StoreError, StoreErrorKind};

/// Stores what an attempt has logged and rejected, if it has.
pub(super) async fn keep_both(
    store: &dyn Store,
    retry: &Retry,
    job: Uuid,
    log: &JobLog,
    rejects: Option<&AllRejects>,
) -> Result<(), StoreError> {
    let text = shown(log);
    if !text.is_empty() {
        let name = job.to_string();
        let put = || unless_full(job, store.put_document(LOG_DOCUMENT, &name, text.clone().into_bytes()));
        retry.within_patience("store log", put).await?;
    }
    if let Some(rejects) = rejects {
        let document = rejects.document();
        let put = || unless_full(job, rejects::store(store, job, document.clone()));
        retry.within_patience("store rejects", put).await?;
    }
    Ok(())
}

/// The job's row matters more: it is not kept waiting until somebody has made room for these.
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
    /// The lines that the job's latest attempt has logged, oldest first; empty if there are none.
    pub async fn log(&self, id: Uuid) -> Result<String, StoreError> {
        if let Some(log) = self.running.log(id) {
            return Ok(shown(&log));
        }
        let stored = self.parts.store.document(LOG_DOCUMENT, &id.to_string()).await?;
        Ok(stored.map(|text| String::from_utf8_lossy(&text).into_owned()).unwrap_or_default())
    }
}
