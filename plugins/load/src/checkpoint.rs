//! Checkpoints of a load: stored with each batch and read by the next attempt.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

const VERSION: u32 = 1;

/// A checkpoint that this version of the plugin cannot use.
#[derive(Debug, thiserror::Error)]
#[error("The checkpoint of the interrupted attempt cannot be read: {0}. Run the job again.")]
pub struct CheckpointError(String);

/// A position in a source, in the form in which it is stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Checkpoint<P> {
    version: u32,
    /// Etag of the source. The checkpoint is invalid for any other content.
    pub etag: String,
    #[serde(flatten)]
    pub position: P,
}

impl<P: Serialize + DeserializeOwned> Checkpoint<P> {
    pub fn new(etag: &str, position: P) -> Self {
        Checkpoint { version: VERSION, etag: etag.to_owned(), position }
    }

    pub fn encode(&self) -> Vec<u8> {
        // Serializing a struct of numbers and strings cannot fail.
        serde_json::to_vec(self).unwrap_or_default()
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, CheckpointError> {
        let checkpoint: Checkpoint<P> =
            serde_json::from_slice(bytes).map_err(|error| CheckpointError(error.to_string()))?;
        if checkpoint.version != VERSION {
            return Err(CheckpointError(format!("its version is {}, not {VERSION}", checkpoint.version)));
        }
        Ok(checkpoint)
    }
}
