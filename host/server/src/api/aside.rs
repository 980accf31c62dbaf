//! Runs expensive computations on threads that answer no requests, with a limit on how many run at once and on the
//! share of each user.

use super::ApiState;
use super::error::ApiError;
use jobhost_budget::Account;

/// What takes more bytes than this is computed aside.
const LARGE_BYTES: usize = 64 << 10;

/// Computes on a thread of its own when it is this user's turn. The turn lasts as long as the thread, also when nobody waits
/// for it any more.
pub(super) async fn aside<T: Send + 'static>(
    state: &ApiState,
    account: &Account,
    compute: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ApiError> {
    let turn = account.budgets.computing.take(&account.owner).await?;
    let computed = state.computing.spawn_blocking(move || {
        let computed = compute();
        drop(turn);
        computed
    });
    computed.await.map_err(|error| ApiError::internal(&error))
}

/// Computes here if there are few bytes to look at, else aside.
pub(super) async fn aside_if_large<T: Send + 'static>(
    state: &ApiState,
    account: &Account,
    bytes: usize,
    compute: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ApiError> {
    if bytes < LARGE_BYTES { Ok(compute()) } else { aside(state, account, compute).await }
}
