//! Turns a request into a durable job, in this order: plan, checks, payload, row, queue. A rejected request leaves
//! nothing in the store.

use bytes::Bytes;
use tracing::info;
use uuid::Uuid;

use super::error::SubmitError;
use super::payload::{Inline, Payload};
use super::planning::Planned;
use super::queue::{NoPlace, Past, Place, QueuedJob};
use super::request::JobRequest;
use super::{Jobs, lifecycle, urls};
use jobhost_access::User;
use jobhost_budget::Account;
use jobhost_contract::Plan;
use jobhost_model::json::UnescapeError;
use jobhost_registry::PluginOperation;

/// Larger inline sources are spooled to a file.
const INLINE_IN_PAYLOAD_BYTES: usize = 64 * 1024;
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
        let Planned { mut request, mut plan, inline, mut secrets } =
            self.planned(user, &found, operation, request).await?;
        urls::hide(&mut plan, &mut request, &mut secrets);

        let sealed = match secrets.is_empty() {
            true => None,
            false => {
                Some(self.parts.sealer.seal(&secrets).map_err(|error| SubmitError::Unavailable(error.to_string()))?)
            }
        };
        let id = Uuid::new_v4();
        let stored =
            self.store_new(id, user, &found, operation, request.to_string(), plan, inline, sealed, &account).await;
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

    #[allow(clippy::too_many_arguments, reason = "each is a different part of the one thing that is stored")]
    async fn store_new(
        &self,
        id: Uuid,
        user: &User,
        found: &PluginOperation,
        operation: &str,
        request: String,
        plan: Plan,
        inline: Option<Bytes>,
        sealed: Option<String>,
        account: &Account,
    ) -> Result<(), SubmitError> {
        let bytes = request.len() + inline.as_ref().map_or(0, Bytes::len);
        self.spool.charge(id, &account.owner, bytes as u64)?;
        let inline = match inline {
            Some(quoted) => Some(self.keep_inline(id, quoted).await?),
            None => None,
        };
        let payload = serde_json::to_vec(&Payload { request, plan, inline, sealed })
            .map_err(|error| SubmitError::Unavailable(format!("The job could not be written: {error}")))?;
        let plugin = &found.plugin;
        let now = self.parts.clock.now();
        let row = lifecycle::create(id, operation, &user.username, plugin.label(), plugin.digest.clone(), now);
        Ok(self.parts.store.create_job(row, payload).await?)
    }

    /// `quoted` is a JSON string. A small one goes into the payload, a large one into a file.
    async fn keep_inline(&self, id: Uuid, quoted: Bytes) -> Result<Inline, SubmitError> {
        let unreadable = |why: String| SubmitError::Refused(format!("The request's data cannot be read: {why}"));
        if quoted.len() <= INLINE_IN_PAYLOAD_BYTES {
            return serde_json::from_slice(&quoted).map(Inline::Text).map_err(|error| unreadable(error.to_string()));
        }
        let spool = self.spool.clone();
        let written = tokio::task::spawn_blocking(move || spool.write_inline(id, &quoted)).await;
        match written.unwrap_or_else(|error| Err(std::io::Error::other(error).into())) {
            Ok(()) => Ok(Inline::Spooled),
            Err(UnescapeError::Malformed(why)) => Err(unreadable(why.to_owned())),
            Err(UnescapeError::Write(error)) => {
                Err(SubmitError::Unavailable(format!("The data of the request could not be spooled: {error}")))
            }
        }
    }
}
