//! The adapter for `jobhost:plugin@0.1.0`: the generated bindings, and their translation to the host's own types.

mod contract;
mod objects;
mod records;
mod reports;

use wasmtime::Store;
use wasmtime::component::{Component, HasSelf, Linker};

use super::guest::Guest;
use jobhost_contract::{CapabilityError, Description, Failure, Outcome, Plan};

mod bindings {
    wasmtime::component::bindgen!({
        world: "job-type",
        path: "../../wit/0.1.0",
        imports: {
            "jobhost:plugin/log": trappable,
            "jobhost:plugin/progress": trappable,
            "jobhost:plugin/rejects": trappable,
            "jobhost:plugin/warnings": trappable,
            default: async | trappable,
        },
        exports: { default: async },
        with: {
            "jobhost:plugin/objects.reader": crate::capabilities::OpenReader,
            "jobhost:plugin/objects.writer": crate::capabilities::OpenWriter,
            "jobhost:plugin/records.cursor": crate::capabilities::OpenCursor,
        },
    });
}

use bindings::JobType;
pub use bindings::JobTypePre;
use bindings::exports::jobhost::plugin::job as exported;
use bindings::jobhost::plugin as imported;
use bindings::jobhost::plugin::types;

/// Links a component with the capabilities of this version.
pub fn link(linker: &mut Linker<Guest>, component: &Component) -> wasmtime::Result<JobTypePre<Guest>> {
    JobType::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    JobTypePre::new(linker.instantiate_pre(component)?)
}

pub async fn describe(guest: &JobTypePre<Guest>, store: &mut Store<Guest>) -> wasmtime::Result<Description> {
    let guest = guest.instantiate_async(&mut *store).await?;
    Ok(guest.jobhost_plugin_job().call_describe(store).await?.into())
}

pub async fn plan(
    guest: &JobTypePre<Guest>,
    store: &mut Store<Guest>,
    operation: &str,
    request: &str,
) -> wasmtime::Result<Result<Plan, String>> {
    let guest = guest.instantiate_async(&mut *store).await?;
    let planned = guest.jobhost_plugin_job().call_plan(store, operation, &request.to_owned()).await?;
    Ok(planned.map(Into::into).map_err(|refusal| refusal.message))
}

pub async fn run(
    guest: &JobTypePre<Guest>,
    store: &mut Store<Guest>,
    operation: &str,
    request: &str,
    resume: Option<&[u8]>,
) -> wasmtime::Result<Result<Outcome, Failure>> {
    let guest = guest.instantiate_async(&mut *store).await?;
    let ended = guest.jobhost_plugin_job().call_run(store, operation, &request.to_owned(), resume).await?;
    Ok(ended.map(Into::into).map_err(Into::into))
}

impl types::Host for Guest {}

/// The result of a capability call: a trap, an error of the contract, or a value.
type Answer<T> = wasmtime::Result<Result<T, types::Error>>;

fn answer<T>(result: Result<T, CapabilityError>) -> Answer<T> {
    Ok(result.map_err(Into::into))
}
