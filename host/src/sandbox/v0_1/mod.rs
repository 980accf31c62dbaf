//! The adapter for `jobhost:plugin@0.1.0`: the generated bindings, and their translation to the host's own terms.

mod contract;
mod objects;
mod records;
mod reports;

use wasmtime::component::{HasSelf, Linker};

use super::guest::Guest;
use crate::capabilities::{Capabilities, CapabilityError, CapabilityErrorKind};

mod bindings {
    wasmtime::component::bindgen!({
        world: "job-type",
        path: "../wit/0.1.0",
        imports: {
            "jobhost:plugin/log": trappable,
            "jobhost:plugin/progress": trappable,
            "jobhost:plugin/rejects": trappable,
            default: async | trappable,
        },
        exports: { default: async },
        with: {
            "jobhost:plugin/objects.reader": crate::objects::ObjectReader,
            "jobhost:plugin/objects.writer": crate::objects::ObjectWriter,
            "jobhost:plugin/records.cursor": crate::capabilities::Cursor,
        },
    });
}

use bindings::exports::jobhost::plugin::job as exported;
use bindings::jobhost::plugin as imported;
use bindings::jobhost::plugin::types;
pub use bindings::{JobType, JobTypePre};

/// Links the capabilities of this version.
pub fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    JobType::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)
}

impl types::Host for Guest {}

/// What a capability call gives: a trap, an error of the contract, or what was asked for.
type Answer<T> = wasmtime::Result<Result<T, types::Error>>;

fn answer<T>(result: Result<T, CapabilityError>) -> Answer<T> {
    Ok(result.map_err(Into::into))
}

impl Guest {
    /// `describe` and `plan` run without capabilities; a call of one in them is an error of the guest's author.
    fn may_act(&mut self) -> Result<&mut Capabilities, CapabilityError> {
        acting(&mut self.capabilities)
    }
}

/// As [`Guest::may_act`], beside a borrowed handle. Each use is one call of the guest.
fn acting(capabilities: &mut Option<Capabilities>) -> Result<&mut Capabilities, CapabilityError> {
    let Some(may) = capabilities.as_mut() else {
        let message = "no capability but log works in describe and plan";
        return Err(CapabilityError::new(CapabilityErrorKind::Denied, message));
    };
    may.usage.host_call();
    Ok(may)
}
