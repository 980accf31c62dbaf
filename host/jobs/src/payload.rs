//! What a job needs to run but clients never see: the request with handles in place of secrets, the plan, and the
//! sealed secrets. Stored beside the row and removed when the job ends.

use serde::{Deserialize, Serialize};

use jobhost_contract::Plan;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Payload {
    /// JSON text for the guest.
    pub request: String,
    pub plan: Plan,
    pub inline: Option<Inline>,
    /// The sealed secret fields, in base64.
    pub sealed: Option<String>,
}

/// Where the inline source is stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Inline {
    /// In the payload itself, so that a small job needs no file.
    Text(String),
    /// In the job's spool directory.
    Spooled,
}
