//! What happens to a request before anything is kept or run: is the user permitted, what does the plugin plan, and is all of
//! it granted.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use tracing::warn;

use super::Jobs;
use super::error::SubmitError;
use super::request::{JobRequest, Parted, check_size};
use super::resolve::{Purpose, Resolver};
use super::secrets::{self, Secrets};
use jobhost_access::{Denial, User};
use jobhost_budget::Account;
use jobhost_contract::{OperationAccess, OperationReply, Plan};
use jobhost_model::plain_text::truncated;
use jobhost_registry::PluginOperation;

/// Larger requests are parsed on the blocking pool, away from the threads that answer requests.
const LARGE_REQUEST_BYTES: usize = 64 * 1024;
/// How long a request waits for a planning slot. One `plan` call takes at most a second.
const PLAN_PATIENCE: Duration = Duration::from_secs(10);

/// A request that may run.
pub(super) struct Planned {
    /// With handles in place of secrets and of the inline source.
    pub request: Value,
    pub plan: Plan,
    /// A JSON string with its quotes.
    pub inline: Option<Bytes>,
    pub secrets: Secrets,
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
        let secrets = secrets::extract(&mut request, &found.operation.secrets);
        let text = request.to_string();
        check_size(text.len().saturating_add(secrets.values().map(|secret| secret.to_string().len()).sum()))?;
        let plan = self.plan(found, operation, &text, &account).await?;
        let purpose = Purpose::Accept { plugin: &found.plugin, has_inline: inline.is_some() };
        let (parts, role) = (&self.parts, user.role.as_ref());
        Resolver { parts, role, request: &request, secrets: &secrets, purpose }.resolve(&plan).await?;
        Ok(Planned { request, plan, inline, secrets })
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
