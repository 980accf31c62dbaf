//! What every operation of the API is given.

use super::ApiState;
use super::envelope::Envelope;
use jobhost_access::User;
use jobhost_budget::{Account, Held};

/// The arguments of a handler.
pub(super) struct Call<'a> {
    pub state: &'a ApiState,
    pub user: &'a User,
    pub envelope: &'a Envelope,
    /// The account that further memory is charged to.
    pub account: &'a Account,
    /// The memory already charged for the request.
    pub held: &'a Held,
}
