//! Runs requests that change data to completion even if their client disconnects: either all of the change is made or
//! none of it.

use super::ApiState;
use super::error::ApiError;

/// Runs the future in a task of its own, which continues if the caller is dropped.
pub(super) async fn to_completion<T: Send + 'static>(
    state: &ApiState,
    work: impl Future<Output = Result<T, ApiError>> + Send + 'static,
) -> Result<T, ApiError> {
    state.changes.spawn(work).await.map_err(|error| ApiError::internal(&error))?
}
