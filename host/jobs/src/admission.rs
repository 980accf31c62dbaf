//! Turns a request into a durable job, in this order: plan, checks, payload, row, queue. A rejected request leaves
//! nothing in the store.

use tracing::info;
use uuid::Uuid;

use super::error::SubmitError;
use super::planning::Planned;
use super::queue::{NoPlace, Past, Place, QueuedJob};
use super::request::JobRequest;
use super::{Jobs, lifecycle};
use jobhost_access::User;
use jobhost_budget::Account;
use jobhost_registry::PluginOperation;

/// `Retry-After` for a full queue.
const RETRY_AFTER_SECONDS: u64 = 5;

impl Jobs {
    /// Accepts a request for a job operation. Once this returns an id, the job is durable.
    ///
    /// The future must be polled to completion: if it is dropped midway, it may leave a job that is not queued until
    /// the next start.
    pub async fn submit(&self, user: &User, operation: &str, request: JobRequest) -> Result<Uuid, SubmitError> {
        let admitted = self.admit(user, operation, request).await;
        if let Err(error) = &admitted {
            self.parts.metrics.job_refused(error.reason());
        }
        admitted
    }

    async fn admit(&self, user: &User, operation: &str, request: JobRequest) -> Result<Uuid, SubmitError> {
        let found = self.permitted(user, operation)?;
        let place = self.place(&user.username)?;
        let (account, held) = (request.account.clone(), request.held.clone());
        let planned = self.planned(user, &found, operation, request).await?;
        let id = Uuid::new_v4();
        let stored = self.store_new(id, user, &found, operation, planned, &account).await;
        drop(held);
        if let Err(error) = stored {
            self.spool.forget(id).await;
            return Err(error);
        }
        info!(job = %id, operation, user = %user.username, plugin = %found.plugin.label(), "job queued");
        self.parts.metrics.job_accepted(operation);
        self.parts.metrics.queued(1);
        let owner = user.username.as_str().into();
        self.queue.push(QueuedJob {
            id,
            user: owner,
            operation: Some(found),
            place: Some(place),
            past: Past::default(),
        });
        Ok(id)
    }

    /// Reserves a place in the queue before any work is done for the request.
    fn place(&self, user: &str) -> Result<Place, SubmitError> {
        let (max_queued, retry_after_seconds) = (self.max_queued, RETRY_AFTER_SECONDS);
        self.queue.place(user).map_err(|none| match none {
            NoPlace::Full => SubmitError::QueueFull { max_queued, retry_after_seconds },
            NoPlace::Share { held } => SubmitError::ShareFull { held, max_queued, retry_after_seconds },
        })
    }

    async fn store_new(
        &self,
        id: Uuid,
        user: &User,
        found: &PluginOperation,
        operation: &str,
        planned: Planned,
        account: &Account,
    ) -> Result<(), SubmitError> {
        let payload = self.payload(id, planned, &account.owner).await?;
        let payload = serde_json::to_vec(&payload)
            .map_err(|error| SubmitError::Unavailable(format!("The job could not be written: {error}")))?;
        let plugin = &found.plugin;
        let now = self.parts.clock.now();
        let row = lifecycle::create(id, operation, &user.username, plugin.label(), plugin.digest.clone(), now);
        Ok(self.parts.store.create_job(row, payload).await?)
    }
}
