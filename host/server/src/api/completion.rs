//! Runs requests that change data to completion even if their client disconnects: all of the change is made or none.

use super::ApiState;
use super::error::ApiError;

/// Runs in a task of its own, which goes on when nobody waits for it any more.
pub(super) async fn to_completion<T: Send + 'static>(
    state: &ApiState,
    work: impl Future<Output = Result<T, ApiError>> + Send + 'static,
) -> Result<T, ApiError> {
    state.changes.spawn(work).await.map_err(|error| ApiError::internal(&error))?
}
