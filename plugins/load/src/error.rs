//! Why a load ends early.

use crate::checkpoint::CheckpointError;

/// Why a load ended early. `P` is what the format calls a problem.
#[derive(Debug, thiserror::Error)]
pub enum LoadError<E, P> {
    #[error("the host refused a call")]
    Host(E),
    /// Something in the input; it was reported as a reject too.
    #[error(transparent)]
    Input(P),
    #[error("The source changed while it was read; nothing more was written. Run the job again.")]
    Changed,
    #[error("The job was cancelled.")]
    Cancelled,
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
}
