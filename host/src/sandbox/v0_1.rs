//! The adapter for `jobhost:plugin@0.1.0`: the generated bindings, and their translation to the host's own terms.

use wasmtime::component::{HasSelf, Linker, Resource};

use super::contract::{Description, Failure, FailureKind, Operation, OperationAccess, Outcome};
use super::guest::Guest;
use crate::capabilities::{
    Capabilities, CapabilityError, CapabilityErrorKind, LogLevel, Objects, Plan, Reject, Source, TableUse, UrlSource,
};
use crate::objects::ObjectReader;
use crate::records::{Action, AttributeType, TableName};

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
        },
    });
}

use bindings::exports::jobhost::plugin::job as exported;
use bindings::jobhost::plugin::{log, objects, progress, records, rejects, types};
pub use bindings::{JobType, JobTypePre};

/// Links the capabilities of this version.
pub fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    JobType::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)
}

impl Guest {
    /// `describe` and `plan` run without capabilities; a call of one in them is an error of the guest's author.
    fn may_act(&mut self) -> Result<&mut Capabilities, types::Error> {
        self.capabilities.as_mut().ok_or_else(|| types::Error {
            kind: types::ErrorKind::Denied,
            message: "no capability but log works in describe and plan".to_owned(),
        })
    }
}

impl types::Host for Guest {}

impl records::Host for Guest {
    async fn describe(
        &mut self,
        table: types::TableName,
    ) -> wasmtime::Result<Result<records::TableDescription, types::Error>> {
        Ok(self.may_act().and_then(|may| {
            let table = may.records.describe(&table.into())?;
            let attributes = table
                .attributes
                .iter()
                .map(|attribute| records::Attribute {
                    name: attribute.name.clone(),
                    type_: attribute.attribute_type.map(Into::into),
                })
                .collect();
            Ok(records::TableDescription { primary_key: table.primary_key.clone(), attributes })
        }))
    }

    async fn declare(
        &mut self,
        table: types::TableName,
        action: types::Action,
        attributes: Vec<String>,
    ) -> wasmtime::Result<Result<(), types::Error>> {
        Ok(self.may_act().and_then(|may| Ok(may.records.declare(&table.into(), action.into(), &attributes)?)))
    }

    async fn write(
        &mut self,
        table: types::TableName,
        action: types::Action,
        batch: Vec<u8>,
        checkpoint: Option<Vec<u8>>,
    ) -> wasmtime::Result<Result<(), types::Error>> {
        let may = match self.may_act() {
            Ok(may) => may,
            Err(error) => return Ok(Err(error)),
        };
        Ok(may.records.write(&table.into(), action.into(), batch, checkpoint).await.map_err(Into::into))
    }

    async fn flush(&mut self) -> wasmtime::Result<Result<records::Tally, types::Error>> {
        let may = match self.may_act() {
            Ok(may) => may,
            Err(error) => return Ok(Err(error)),
        };
        Ok(match may.records.flush().await {
            Ok(tally) => {
                Ok(records::Tally { received: tally.received, written: tally.written, skipped: tally.skipped })
            }
            Err(error) => Err(error.into()),
        })
    }
}

impl objects::Host for Guest {
    async fn open(
        &mut self,
        source: u32,
        offset: u64,
    ) -> wasmtime::Result<Result<Resource<ObjectReader>, types::Error>> {
        let may = match self.may_act() {
            Ok(may) => may,
            Err(error) => return Ok(Err(error)),
        };
        match may.objects.open(source, offset).await {
            Ok(reader) => Ok(Ok(self.table.push(reader)?)),
            Err(error) => Ok(Err(error.into())),
        }
    }
}

impl objects::HostReader for Guest {
    async fn info(&mut self, reader: Resource<ObjectReader>) -> wasmtime::Result<objects::ObjectInfo> {
        let info = Objects::info(self.table.get(&reader)?);
        Ok(objects::ObjectInfo { size: info.size, etag: info.etag.clone(), media_type: info.media_type.clone() })
    }

    async fn read(
        &mut self,
        reader: Resource<ObjectReader>,
        max: u32,
    ) -> wasmtime::Result<Result<Vec<u8>, types::Error>> {
        let reader = self.table.get_mut(&reader)?;
        let Some(may) = self.capabilities.as_mut() else {
            return Ok(Err(CapabilityError::new(CapabilityErrorKind::Denied, "no source may be read here").into()));
        };
        Ok(may.objects.read(reader, max).await.map_err(Into::into))
    }

    async fn drop(&mut self, reader: Resource<ObjectReader>) -> wasmtime::Result<()> {
        self.table.delete(reader)?;
        if let Some(may) = self.capabilities.as_mut() {
            may.objects.closed();
        }
        Ok(())
    }
}

impl progress::Host for Guest {
    fn report(&mut self, done: u64, total: Option<u64>, unit: progress::Unit) -> wasmtime::Result<()> {
        if let Some(may) = &self.capabilities {
            let unit = match unit {
                progress::Unit::Bytes => "bytes",
                progress::Unit::Records => "records",
            };
            may.progress.report(done, total, unit);
        }
        Ok(())
    }

    fn cancelled(&mut self) -> wasmtime::Result<bool> {
        Ok(self.capabilities.as_ref().is_some_and(|may| may.progress.is_cancelled()))
    }
}

impl rejects::Host for Guest {
    fn report(&mut self, reject: rejects::Reject) -> wasmtime::Result<()> {
        if let Some(may) = &self.capabilities {
            may.rejects.report(Reject {
                line: reject.line,
                byte_offset: reject.byte_offset,
                column: reject.column,
                kind: reject.kind,
                raw: reject.raw,
                reason: reject.reason,
            });
        }
        Ok(())
    }
}

impl log::Host for Guest {
    fn write(&mut self, level: log::Level, text: String) -> wasmtime::Result<()> {
        let level = match level {
            log::Level::Debug => LogLevel::Debug,
            log::Level::Info => LogLevel::Info,
            log::Level::Warn => LogLevel::Warn,
            log::Level::Error => LogLevel::Error,
        };
        self.log.write(level, &text);
        Ok(())
    }
}

impl From<CapabilityError> for types::Error {
    fn from(error: CapabilityError) -> Self {
        let kind = match error.kind {
            CapabilityErrorKind::Denied => types::ErrorKind::Denied,
            CapabilityErrorKind::Invalid => types::ErrorKind::Invalid,
            CapabilityErrorKind::NotFound => types::ErrorKind::NotFound,
            CapabilityErrorKind::Limit => types::ErrorKind::Limit,
            CapabilityErrorKind::Unavailable => types::ErrorKind::Unavailable,
            CapabilityErrorKind::Interrupted => types::ErrorKind::Interrupted,
        };
        types::Error { kind, message: error.message }
    }
}

impl From<types::TableName> for TableName {
    fn from(name: types::TableName) -> Self {
        TableName { database: name.database, table: name.table }
    }
}

impl From<types::Action> for Action {
    fn from(action: types::Action) -> Self {
        match action {
            types::Action::Insert => Action::Insert,
            types::Action::Update => Action::Update,
            types::Action::Upsert => Action::Upsert,
        }
    }
}

impl From<AttributeType> for records::AttributeType {
    fn from(attribute_type: AttributeType) -> Self {
        match attribute_type {
            AttributeType::Any => records::AttributeType::Any,
            AttributeType::String => records::AttributeType::String,
            AttributeType::ID => records::AttributeType::Id,
            AttributeType::Int => records::AttributeType::Int,
            AttributeType::Long => records::AttributeType::Long,
            AttributeType::Float => records::AttributeType::Float,
            AttributeType::Boolean => records::AttributeType::Boolean,
            AttributeType::Date => records::AttributeType::Date,
            AttributeType::BigInt => records::AttributeType::BigInt,
        }
    }
}

impl From<exported::Description> for Description {
    fn from(description: exported::Description) -> Self {
        Description {
            name: description.name,
            version: description.version,
            summary: description.summary,
            operations: description.operations.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<exported::Operation> for Operation {
    fn from(operation: exported::Operation) -> Self {
        Operation {
            name: operation.name,
            aliases: operation.aliases,
            summary: operation.summary,
            request_schema: operation.request_schema,
            secrets: operation.secrets,
            inline_source: operation.inline_source,
            access: match operation.access {
                exported::Access::SuperUser => OperationAccess::SuperUser,
                exported::Access::TablePermission => OperationAccess::TablePermission,
            },
            resumable: operation.resumable,
        }
    }
}

impl From<exported::JobPlan> for Plan {
    fn from(plan: exported::JobPlan) -> Self {
        let table_use = |used: exported::TableUse| TableUse {
            table: used.table.into(),
            actions: used.actions.into_iter().map(Into::into).collect(),
        };
        let source = |source| match source {
            exported::Source::RequestField => Source::RequestField,
            exported::Source::File(path) => Source::File(path),
            exported::Source::Url(url) => {
                Source::Url(UrlSource { url: url.url, headers: url.headers, media_types: url.media_types })
            }
        };
        Plan {
            tables: plan.tables.into_iter().map(table_use).collect(),
            sources: plan.sources.into_iter().map(source).collect(),
        }
    }
}

impl From<exported::Outcome> for Outcome {
    fn from(outcome: exported::Outcome) -> Self {
        Outcome { message: outcome.message, result: outcome.result }
    }
}

impl From<exported::Failure> for Failure {
    fn from(failure: exported::Failure) -> Self {
        let kind = match failure.kind {
            exported::FailureKind::InvalidInput => FailureKind::InvalidInput,
            exported::FailureKind::Denied => FailureKind::Denied,
            exported::FailureKind::Unavailable => FailureKind::Unavailable,
            exported::FailureKind::Interrupted => FailureKind::Interrupted,
            exported::FailureKind::Internal => FailureKind::Internal,
        };
        Failure { kind, message: failure.message, retryable: failure.retryable }
    }
}
