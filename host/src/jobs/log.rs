//! The logs of jobs: of one that runs from its attempt, of one that has ended from the store.

use tracing::warn;
use uuid::Uuid;

use super::Jobs;
use crate::capabilities::JobLog;
use crate::records::{Store, StoreError};

const KIND: &str = "job_log";

/// Stores what an attempt has logged, if it has. A log that cannot be stored does not keep the job from its end.
pub(super) async fn keep(store: &dyn Store, job: Uuid, log: &JobLog) {
    let text = shown(log);
    if text.is_empty() {
        return;
    }
    if let Err(error) = store.put_document(KIND, &job.to_string(), text.into_bytes()).await {
        warn!(%job, %error, "the job's log could not be stored");
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
        let stored = self.parts.store.document(KIND, &id.to_string()).await?;
        Ok(stored.map(|text| String::from_utf8_lossy(&text).into_owned()).unwrap_or_default())
    }
}
