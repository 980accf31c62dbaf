//! What a job needs to be run and clients never see: the request with handles in the place of secrets, the plan, the
//! sealed secrets. Stored beside the row, and gone when the job ends.

use serde::{Deserialize, Serialize};

use jobhost_contract::Plan;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Payload {
    /// JSON text for the guest.
    pub request: String,
    pub plan: Plan,
    pub inline: Option<Inline>,
    /// The secret fields, sealed; base64.
    pub sealed: Option<String>,
}

/// Where the inline source lies.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Inline {
    /// In the payload itself: small ones, so that a tiny job costs no file.
    Text(String),
    /// In the job's spool directory.
    Spooled,
}
