//! Runs expensive computations away from the threads that answer requests. Limits how many run at once, and each
//! user's share of them.

use super::ApiState;
use super::error::ApiError;
use jobhost_budget::Account;

/// Larger inputs are processed on the computing threads.
const LARGE_BYTES: usize = 64 << 10;

/// Runs `compute` on a blocking thread once the user has a slot. The slot is held until the thread finishes, even if
/// the caller is dropped.
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

/// Runs `compute` in place if `bytes` is small, otherwise like [`aside`].
pub(super) async fn aside_if_large<T: Send + 'static>(
    state: &ApiState,
    account: &Account,
    bytes: usize,
    compute: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ApiError> {
    if bytes < LARGE_BYTES { Ok(compute()) } else { aside(state, account, compute).await }
}
