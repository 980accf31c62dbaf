//! The adapter for `jobhost:plugin@0.2.0`, a version that exists only in tests: bindings and their translation, as for
//! any other version. Nothing outside the adapters depends on it.

use wasmtime::Store;
use wasmtime::component::{Component, HasSelf, Linker};

use crate::guest::Guest;
use crate::job_log::LogLevel;
use jobhost_contract::{
    Capability, CapabilityError, Description, Failure, FailureKind, Operation, OperationAccess, OperationReply,
    Outcome, Plan, TableRight, TableUse,
};
use jobhost_model::{Action, TableName};

mod bindings {
    wasmtime::component::bindgen!({
        world: "job-type",
        path: "../../tests/contracts/0.2.0",
        imports: {
            "jobhost:plugin/log": trappable,
            default: async | trappable,
        },
        exports: { default: async },
    });
}

use bindings::JobType;
pub use bindings::JobTypePre;
use bindings::jobhost::plugin::{log, records, types};

pub fn link(linker: &mut Linker<Guest>, component: &Component) -> wasmtime::Result<JobTypePre<Guest>> {
    JobType::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    JobTypePre::new(linker.instantiate_pre(component)?)
}

pub async fn describe(guest: &JobTypePre<Guest>, store: &mut Store<Guest>) -> wasmtime::Result<Description> {
    let guest = guest.instantiate_async(&mut *store).await?;
    let identity = guest.jobhost_plugin_job().call_identify(store).await?;
    Ok(Description {
        name: identity.name,
        version: identity.version,
        summary: String::new(),
        capabilities: vec![Capability::Insert],
        operations: vec![Operation {
            name: identity.operation,
            aliases: Vec::new(),
            summary: String::new(),
            request_schema: "{}".to_owned(),
            secrets: Vec::new(),
            inline_source: None,
            access: OperationAccess::TablePermission,
            reply: OperationReply::JobId,
            resumable: false,
        }],
    })
}

pub async fn plan(
    guest: &JobTypePre<Guest>,
    store: &mut Store<Guest>,
    operation: &str,
    request: &str,
) -> wasmtime::Result<Result<Plan, String>> {
    let guest = guest.instantiate_async(&mut *store).await?;
    let prepared = guest.jobhost_plugin_job().call_prepare(store, operation, request).await?;
    let table_use = |table: types::TablePath| TableUse { table: table.into(), rights: vec![TableRight::Insert] };
    Ok(prepared.map(|tables| Plan { tables: tables.into_iter().map(table_use).collect(), ..Plan::default() }))
}

pub async fn run(
    guest: &JobTypePre<Guest>,
    store: &mut Store<Guest>,
    operation: &str,
    request: &str,
    _resume: Option<&[u8]>,
) -> wasmtime::Result<Result<Outcome, Failure>> {
    let guest = guest.instantiate_async(&mut *store).await?;
    let performed = guest.jobhost_plugin_job().call_perform(store, operation, request).await?;
    Ok(match performed {
        Ok(message) => Ok(Outcome { message: Some(jobhost_contract::Message::Text(message)), result: None }),
        Err(message) => Err(Failure { kind: FailureKind::Internal, message, retryable: false }),
    })
}

impl From<types::TablePath> for TableName {
    fn from(path: types::TablePath) -> Self {
        TableName { database: path.database, table: path.table }
    }
}

impl From<CapabilityError> for types::Trouble {
    fn from(error: CapabilityError) -> Self {
        types::Trouble { message: error.message }
    }
}

impl types::Host for Guest {}

impl log::Host for Guest {
    fn say(&mut self, text: String) -> wasmtime::Result<()> {
        self.log.write(LogLevel::Info, &text);
        Ok(())
    }
}

impl records::Host for Guest {
    async fn append(
        &mut self,
        table: types::TablePath,
        batch: Vec<u8>,
    ) -> wasmtime::Result<Result<(), types::Trouble>> {
        let written = match self.may_act() {
            Ok(may) => may.write(&table.into(), Action::Insert, batch, None).await,
            Err(error) => Err(error),
        };
        Ok(written.map_err(Into::into))
    }

    async fn settle(&mut self) -> wasmtime::Result<Result<records::Counts, types::Trouble>> {
        let settled = match self.may_act() {
            Ok(may) => may.flush().await,
            Err(error) => Err(error),
        };
        let counts =
            |tally: jobhost_model::jobs::Tally| records::Counts { received: tally.received, stored: tally.written };
        Ok(settled.map(counts).map_err(Into::into))
    }
}
