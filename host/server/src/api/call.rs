//! What every operation of the API is given.

use super::ApiState;
use super::envelope::Envelope;
use jobhost_access::User;
use jobhost_budget::{Account, Held};

/// What a handler is given.
pub(super) struct Call<'a> {
    pub state: &'a ApiState,
    pub user: &'a User,
    pub envelope: &'a Envelope,
    /// On whose behalf more is charged.
    pub account: &'a Account,
    /// What the request has been charged with.
    pub held: &'a Held,
}
