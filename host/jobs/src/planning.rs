//! Checks a request before anything is stored or run: the user's permission, the plugin's plan and the operator's grants. Then
//! turns it into the payload of a run.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use tracing::warn;
use uuid::Uuid;

use super::Jobs;
use super::error::SubmitError;
use super::payload::{Inline, Payload};
use super::request::{JobRequest, Parted, check_size};
use super::resolve::{Purpose, Resolver};
use super::{secrets, urls};
use jobhost_access::{Denial, User};
use jobhost_budget::{Account, Owner};
use jobhost_contract::{OperationAccess, OperationReply, Plan};
use jobhost_model::json::UnescapeError;
use jobhost_model::plain_text::truncated;
use jobhost_registry::PluginOperation;

/// Larger requests are parsed on the blocking pool, away from the threads that answer requests.
const LARGE_REQUEST_BYTES: usize = 64 * 1024;
/// Larger inline sources are spooled to a file.
const INLINE_IN_PAYLOAD_BYTES: usize = 64 * 1024;
/// How long a request waits for a planning slot. One `plan` call takes at most a second.
const PLAN_PATIENCE: Duration = Duration::from_secs(10);

/// A request that may run.
pub(super) struct Planned {
    /// JSON text with handles in place of secrets and of the inline source.
    request: String,
    plan: Plan,
    /// A JSON string with its quotes.
    inline: Option<Bytes>,
    /// The sealed secret fields.
    sealed: Option<String>,
}

impl Jobs {
    /// Returns the operation if this user may send it now.
    pub(super) fn permitted(&self, user: &User, operation: &str) -> Result<Arc<PluginOperation>, SubmitError> {
        let Some(found) = self.parts.plugins.operation(operation) else {
            return Err(SubmitError::Refused(format!("Operation '{operation}' not found")));
        };
        if found.operation.access == OperationAccess::SuperUser && !user.role.is_super_user() {
            return Err(SubmitError::Denied(Denial::super_user_only(operation)));
        }
        if self.stop.is_cancelled() {
            return Err(SubmitError::Unavailable("The host is stopping. Try again when it is back.".to_owned()));
        }
        Ok(found)
    }

    pub(super) async fn planned(
        &self,
        user: &User,
        found: &Arc<PluginOperation>,
        operation: &str,
        request: JobRequest,
    ) -> Result<Planned, SubmitError> {
        let account = request.account.clone();
        let Parted { request: members, inline } = self.part(found, request).await?;
        let mut request = Value::Object(members);
        let mut secrets = secrets::extract(&mut request, &found.operation.secrets);
        let text = request.to_string();
        check_size(text.len().saturating_add(secrets.values().map(|secret| secret.to_string().len()).sum()))?;
        let mut plan = self.plan(found, operation, &text, &account).await?;
        let purpose = Purpose::Accept { plugin: &found.plugin, has_inline: inline.is_some() };
        let (parts, role) = (&self.parts, user.role.as_ref());
        Resolver { parts, role, request: &request, secrets: &secrets, purpose }.resolve(&plan).await?;
        urls::hide(&mut plan, &mut request, &mut secrets);
        let sealed = match secrets.is_empty() {
            true => None,
            false => {
                Some(self.parts.sealer.seal(&secrets).map_err(|error| SubmitError::Unavailable(error.to_string()))?)
            }
        };
        Ok(Planned { request: request.to_string(), plan, inline, sealed })
    }

    /// Charges `owner` with what the run keeps, and spools a large inline source. [`Spool::forget`] releases both.
    ///
    /// [`Spool::forget`]: super::spool::Spool::forget
    pub(super) async fn payload(&self, run: Uuid, planned: Planned, owner: &Owner) -> Result<Payload, SubmitError> {
        let Planned { request, plan, inline, sealed } = planned;
        let bytes = request.len() + inline.as_ref().map_or(0, Bytes::len);
        self.spool.charge(run, owner, bytes as u64)?;
        let inline = match inline {
            Some(quoted) => Some(self.keep_inline(run, quoted).await?),
            None => None,
        };
        Ok(Payload { request, plan, inline, sealed })
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

    /// Separates a request from its inline source. Large requests are parsed on the blocking pool.
    async fn part(&self, found: &Arc<PluginOperation>, request: JobRequest) -> Result<Parted, SubmitError> {
        if request.members.size() < LARGE_REQUEST_BYTES {
            return request.part(found.operation.inline_source.as_deref());
        }
        let turn = request.account.budgets.computing.take(&request.account.owner).await?;
        let found = Arc::clone(found);
        let parted = self.runtime.spawn_blocking(move || {
            let parted = request.part(found.operation.inline_source.as_deref());
            drop((request, turn));
            parted
        });
        parted.await.map_err(|error| SubmitError::Unavailable(error.to_string()))?
    }

    async fn plan(
        &self,
        found: &PluginOperation,
        operation: &str,
        request: &str,
        account: &Account,
    ) -> Result<Plan, SubmitError> {
        let turn = async {
            let of_plugin = Arc::clone(&found.plugin.plans).acquire_owned().await?;
            let of_all = Arc::clone(&self.plans).acquire_owned().await?;
            Ok::<_, tokio::sync::AcquireError>((of_plugin, of_all))
        };
        let turn = tokio::time::timeout(PLAN_PATIENCE, turn).await.map_err(|_| {
            SubmitError::Unavailable(format!(
                "The plugin {} is busy with other requests; try again",
                found.plugin.label()
            ))
        })?;
        let turn = turn.map_err(|_| SubmitError::Unavailable("The host is stopping.".to_owned()))?;
        let (handle, plugin) = (self.runtime.clone(), Arc::clone(&found.plugin));
        let (name, request, memory) = (operation.to_owned(), request.to_owned(), account.memory(0)?);
        // A guest's computation must not occupy the threads that answer requests. The planning slot is held until the
        // blocking thread finishes.
        let planned = self.runtime.spawn_blocking(move || {
            let planned = handle.block_on(plugin.component.plan(&name, &request, memory));
            drop(turn);
            planned
        });
        let planned = planned.await.map_err(|error| SubmitError::Unavailable(error.to_string()))?;
        let planned = planned.map_err(|crash| {
            if let Some(exhausted) = crash.exhausted {
                return SubmitError::Exhausted(*exhausted);
            }
            warn!(plugin = %found.plugin.label(), operation, %crash, "plan failed");
            let label = found.plugin.label();
            let message = format!("The plugin {label} could not plan this request: {crash}");
            SubmitError::plugin(label, message)
        })?;
        let most = self.parts.guest_limits.message_bytes.size();
        let plan = planned.map_err(|refusal| SubmitError::Refused(truncated(&refusal, most).to_owned()))?;
        let label = found.plugin.label();
        let answers = found.operation.reply == OperationReply::Outcome;
        if let Some(written) = plan.writes().filter(|_| answers) {
            let message = format!(
                "The plugin {label} planned {written} for an operation that is not a job: only a job can write"
            );
            return Err(SubmitError::plugin(label, message));
        }
        if let Some(table) = plan.unclear_table().filter(|_| !answers) {
            let message = format!(
                "The plugin {label} planned the table {table} without a right or with a right named twice: name each needed right once"
            );
            return Err(SubmitError::plugin(label, message));
        }
        if let Some((list, length, bound)) = plan.excess() {
            let message = format!("The plugin {label} planned {length} {list}; the limit is {bound}");
            return Err(SubmitError::plugin(label, message));
        }
        Ok(plan)
    }
}
